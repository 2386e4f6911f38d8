"""Demo films are copies of nobody, and the gate reads them all."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from qiangji_datasets.synthetic.film import Appearance, FilmRecipe, sample_film
from qiangji_inference.gate_film import check_film


def _print_of(picture: NDArray[np.generic]) -> NDArray[np.float64]:
    """Unit vector of a film at 64 px without its broad brightness; copies have product 1."""
    small = np.asarray(
        Image.fromarray(picture.astype(np.float32)).resize((64, 64), Image.Resampling.BOX),
        dtype=float,
    )[8:-4, 4:-4]
    fine = (small - ndimage.gaussian_filter(small, 4)).ravel()
    return np.asarray(fine / np.linalg.norm(fine))


def _training_films(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Prints of all adult PA films of the train split, and whose they are."""
    with (folder / "labels.csv").open(encoding="utf-8") as handle:
        rows = [
            row
            for row in csv.DictReader(handle)
            if row["view"] == "PA" and row["split"] == "train" and float(row["age"]) >= 18
        ]
    films = np.stack([_print_of(np.asarray(Image.open(folder / row["file"]))) for row in rows])
    return films, np.array([row["patient_id"] for row in rows])


def _lead(likeness: NDArray[np.float64], people: NDArray[np.str_]) -> NDArray[np.float64]:
    """By how much the nearest person of each row leads the second nearest person."""
    order = np.argsort(-likeness, axis=1)[:, :40]
    leads = []
    for row, best in zip(likeness, order, strict=True):
        other = best[people[best] != people[best[0]]][0]
        leads.append(row[best[0]] - row[other])
    return np.array(leads)


@pytest.mark.shared
@pytest.mark.timeout(240)
def test_no_sample_is_a_copy_of_a_training_film(shared_data: Path) -> None:
    """A copy is far nearer to one person's film than to any other's; real strangers are not.

    The control shows that the check sees a copy: training films blurred, moved and noisy.
    """
    films, people = _training_films(shared_data / "cxr" / "nih_chestxray14")
    strangers = films @ films.T
    strangers[people[:, None] == people[None]] = -1
    recipes = [FilmRecipe(list(Appearance)[i % 4], rows=512, columns=512) for i in range(24)]
    samples = np.stack(
        [_print_of(sample_film(np.random.default_rng(i), r).pixels) for i, r in enumerate(recipes)]
    )
    likeness = samples @ films.T
    rng = np.random.default_rng(0)
    copies = 0.7 * films[:200] + 0.7 * rng.standard_normal((200, films.shape[1])) / np.sqrt(
        films.shape[1]
    )

    assert likeness.max() < strangers.max()
    assert _lead(likeness, people).max() < np.quantile(_lead(strangers, people), 0.99)
    assert np.median(_lead(copies @ films.T, people)) > np.quantile(_lead(strangers, people), 0.9)


@pytest.mark.parametrize("appearance", list(Appearance))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_demo_films_pass_without_a_word(appearance: Appearance, seed: int) -> None:
    film = sample_film(np.random.default_rng(seed), FilmRecipe(appearance, rows=1024, columns=1024))

    assert check_film(film).is_readable
