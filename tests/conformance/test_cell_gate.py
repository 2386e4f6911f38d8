"""Public cells pass their gate, films do not; neither is taken for the other."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from qiangji_datasets.formats import Stated, read_path
from qiangji_datasets.records import (
    CellImage,
    Modality,
    PersonIdentity,
    Radiograph,
    Severity,
    StudyIds,
)
from qiangji_inference.gate_cell import CellCode, check_cell
from qiangji_inference.gate_film import check_film

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def cells(shared_data: Path) -> list[Path]:
    """Every tenth of the 5,006 CRIC cells."""
    folder = shared_data / "pathology" / "cric_cells"
    with (folder / "labels.csv").open(encoding="utf-8") as handle:
        return [folder / row["file"] for row in csv.DictReader(handle)][::10]


def _cell(path: Path) -> CellImage:
    found = read_path(path, stated=Stated(modality=Modality.PAP))
    assert isinstance(found, CellImage)
    return found


def _severities(cell: CellImage) -> set[Severity]:
    return {notice.severity for notice in check_cell(cell).notices}


def test_at_most_one_right_cell_in_a_hundred_is_refused_and_two_are_warned_of(
    cells: list[Path],
) -> None:
    found = Counter(severity for path in cells for severity in _severities(_cell(path)))

    assert found[Severity.REFUSE] <= 0.01 * len(cells)
    assert found[Severity.WARN] <= 0.02 * len(cells)


def test_blur_of_a_twenty_fifth_of_the_field_is_named_in_nineteen_of_twenty(
    cells: list[Path],
) -> None:
    blurred = []
    for path in cells[::5]:
        with Image.open(path) as opened:
            pixels = np.array(opened.convert("RGB").filter(ImageFilter.GaussianBlur(4)))
        cell = CellImage(pixels, PersonIdentity(), StudyIds())
        blurred.append(CellCode.BLURRED in {notice.code for notice in check_cell(cell).notices})

    assert np.mean(blurred) >= 0.95


def test_films_stated_to_be_cells_are_refused(shared_data: Path) -> None:
    films = sorted((shared_data / "cxr" / "kermany_paediatric" / "img128").iterdir())[::200]

    for path in films:
        codes = {notice.code for notice in check_cell(_cell(path)).notices}
        assert CellCode.GREY in codes, path.name


def test_cells_stated_to_be_films_are_refused(cells: list[Path]) -> None:
    passed = []
    for path in cells[::5]:
        film = read_path(path, stated=Stated(modality=Modality.CXR))
        assert isinstance(film, Radiograph)
        assert "film.colour" in {notice.code for notice in film.notices}
        passed.append(check_film(film).is_readable)

    assert np.mean(passed) <= 0.02
