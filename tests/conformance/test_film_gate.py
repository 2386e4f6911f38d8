"""The film gate on public films and on the interop files; skips where they are absent."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import read_path
from qiangji_datasets.records import PersonIdentity, Radiograph, StudyIds, View
from qiangji_inference.gate_film import check_film

pytestmark = pytest.mark.shared


def _public_film(path: Path) -> Radiograph:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    return Radiograph(
        pixels=pixels, bits_stored=8, view=View.UNKNOWN, person=PersonIdentity(), ids=StudyIds()
    )


def _films(folder: Path, column: str, split: str | None, count: int) -> list[Radiograph]:
    with (folder / "labels.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if split is None or row["split"] == split]
    paths = [folder / row[column] for row in rows if row[column]]
    paths = [path for path in paths if path.is_file()]
    return [_public_film(path) for path in paths[:: max(1, len(paths) // count)]]


@pytest.mark.parametrize(
    ("folder", "column", "split"),
    [
        ("nih_chestxray14", "file", "test"),
        ("kermany_paediatric", "file", "test"),
        ("shenzhen", "file128", None),
    ],
)
def test_at_most_one_right_film_in_a_hundred_is_refused(
    shared_data: Path, folder: str, column: str, split: str | None
) -> None:
    films = _films(shared_data / "cxr" / folder, column, split, 400)

    refused = sum(not check_film(film).is_readable for film in films)

    assert refused <= 0.015 * len(films) + 1  # 1 % and its sampling error


def _interop(shared_data: Path, prefix: str) -> list[tuple[str, Radiograph]]:
    with (shared_data / "interop" / "MANIFEST.csv").open(encoding="utf-8") as handle:
        paths = [row["path"] for row in csv.DictReader(handle) if row["path"].startswith(prefix)]
    found = []
    for path in paths:
        try:
            record = read_path(shared_data / "interop" / path)
        except InputRejected:
            continue
        if isinstance(record, Radiograph):
            found.append((path, record))
    return found


def test_out_of_scope_files_are_refused(shared_data: Path) -> None:
    films = _interop(shared_data, "dicom-synthetic/scope_")
    films += _interop(shared_data, "dicom-synthetic/tiny_1x1")

    assert len(films) >= 6
    assert [path for path, film in films if check_film(film).is_readable] == []


@pytest.mark.parametrize("folder", ["dicom-ct", "dicom-mr", "dicom-other-image"])
def test_other_examinations_are_refused(shared_data: Path, folder: str) -> None:
    films = _interop(shared_data, folder)

    assert films
    assert [path for path, film in films if check_film(film).is_readable] == []


def test_of_the_films_on_file_exactly_the_frontal_chest_films_pass(shared_data: Path) -> None:
    films = _interop(shared_data, "dicom-cr-dx")

    passed = {Path(path).name for path, film in films if check_film(film).is_readable}

    assert passed == {"RG1_J2KI.dcm"}


def test_the_picture_alone_tells_limbs_slices_and_an_animal_from_chests(shared_data: Path) -> None:
    """Without any statement of the file: at most one picture in thirty gets through."""
    films = [
        replace(film, modality_code="", body_part="", view=View.UNKNOWN, notices=())
        for folder in ("dicom-ct", "dicom-mr", "dicom-cr-dx", "dicom-other-image")
        for path, film in _interop(shared_data, folder)
        if "RG1_" not in path
    ]

    passed = sum(check_film(film).is_readable for film in films)

    assert passed <= len(films) / 30


def test_the_card_in_the_network_file_states_what_was_measured() -> None:
    file = resources.files("qiangji_inference").joinpath("gate_film_net.npz")
    with file.open("rb") as handle, np.load(handle) as arrays:
        card = json.loads(arrays["card"].tobytes())

    assert {"inverted", "sideways", "upside_down", "not_chest", "cut_off"} <= card["faults"].keys()
    assert all(part["share"] <= 0.015 for part in card["refused_right_films"].values())


def test_the_card_of_the_side_network_states_what_was_measured() -> None:
    file = resources.files("qiangji_inference").joinpath("gate_film_side.npz")
    with file.open("rb") as handle, np.load(handle) as arrays:
        card = json.loads(arrays["card"].tobytes())

    assert all(part["auc"] >= 0.99 for part in card.values())
    assert all(part["called_mirrored"] <= 0.015 for part in card.values())
