"""Demo films: shaped as asked, marked, written as DICOM, and copies of nobody."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from qiangji_datasets.records import NameStatus, PersonIdentity, Sex, SpacingKind, View
from qiangji_datasets.synthetic.film import Appearance, FilmRecipe, sample_film, write_film_dicom
from qiangji_datasets.synthetic.film_model import film_model

SMALL = {"rows": 384, "columns": 320}
WANG = PersonIdentity(
    name="演示王",
    name_status=NameStatus.DECODED,
    name_alphabetic="Demo^Wang",
    patient_id="DEMO-1",
    issuer="QJ",
    birth_date=date(1960, 5, 4),
    sex=Sex.F,
    age_years=65,
)


def test_the_same_seed_draws_the_same_film_and_another_seed_another() -> None:
    first, again, other = (
        sample_film(np.random.default_rng(seed), FilmRecipe(**SMALL)).pixels for seed in (1, 1, 2)
    )

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("appearance", list(Appearance))
def test_a_film_has_the_size_bits_and_facts_asked_for(appearance: Appearance) -> None:
    recipe = FilmRecipe(appearance=appearance, sex=Sex.F, age_years=70, view=View.AP, **SMALL)

    film = sample_film(np.random.default_rng(3), recipe)

    assert film.pixels.shape == (384, 320)
    assert film.pixels.dtype == np.uint16
    assert 2000 < film.pixels.max() <= 4095
    assert (film.view, film.body_part, film.bits_stored) == (View.AP, "CHEST", 12)
    assert (film.person.sex, film.person.age_years) == (Sex.F, 70)
    assert film.spacing_kind is SpacingKind.DETECTOR


def test_the_demo_mark_is_burned_in_at_full_white() -> None:
    film = sample_film(np.random.default_rng(4), FilmRecipe(rows=1024, columns=1024))
    mark = film_model().glyphs["demo"]

    corner = film.pixels[25:58, 20:250] == 4095

    assert corner.mean() == pytest.approx(mark.mean() * 0.62, rel=0.6)


def test_fluid_brightens_the_base_and_air_darkens_the_side_that_was_asked_for() -> None:
    def base(appearance: Appearance, side: str) -> float:
        recipe = FilmRecipe(appearance=appearance, side=side, **SMALL)
        pixels = sample_film(np.random.default_rng(5), recipe).pixels.astype(float)
        return float(pixels[205:250, 225:262].mean())  # left base of the patient

    assert base(Appearance.EFFUSION, "L") > base(Appearance.EFFUSION, "R") + 200


@pytest.mark.parametrize(
    "wrong",
    [{"rows": 100}, {"columns": 9000}, {"age_years": 6}, {"view": View.LATERAL}, {"side": "left"}],
)
def test_what_the_model_does_not_know_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        FilmRecipe(**wrong)  # type: ignore[arg-type]  # one wrong field of any kind


@pytest.mark.parametrize("kind", ["DX", "CR"])
def test_a_written_film_reads_back_with_its_pixels_and_person(tmp_path: Path, kind: str) -> None:
    film = sample_film(np.random.default_rng(6), FilmRecipe(**SMALL), modality_code=kind)

    write_film_dicom(film, tmp_path / "film.dcm", person=WANG)
    dataset = pydicom.dcmread(tmp_path / "film.dcm")

    assert np.array_equal(dataset.pixel_array, film.pixels)
    assert dataset.Modality == kind
    assert str(dataset.PatientName) == "Demo^Wang=演示王"
    assert (dataset.PatientID, dataset.PatientBirthDate) == ("DEMO-1", "19600504")
    assert dataset.ImagerPixelSpacing == pytest.approx(list(film.spacing_mm or ()))
    assert dataset.PhotometricInterpretation == "MONOCHROME2"
    assert "演示" in dataset.PatientComments


def test_identifiers_are_generated_from_the_pixels_when_absent(tmp_path: Path) -> None:
    one, two = (sample_film(np.random.default_rng(seed), FilmRecipe(**SMALL)) for seed in (7, 8))
    for name, film in (("a", one), ("b", one), ("c", two)):
        write_film_dicom(film, tmp_path / name)

    uids = [pydicom.dcmread(tmp_path / name).SOPInstanceUID for name in "abc"]

    assert uids[0] == uids[1] != uids[2]


def test_a_modality_that_is_no_film_is_not_written(tmp_path: Path) -> None:
    film = sample_film(np.random.default_rng(9), FilmRecipe(**SMALL), modality_code="CT")

    with pytest.raises(ValueError, match="CT"):
        write_film_dicom(film, tmp_path / "film.dcm")


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
