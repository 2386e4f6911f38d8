"""What spoils any picture of a cell is named, with advice; a good one passes without a word."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import (
    CellImage,
    Modality,
    Notice,
    PersonIdentity,
    Severity,
    StudyIds,
)
from qiangji_inference.gate_cell import LOW_SIDE, MIN_SIDE, CellCode, check_cell
from qiangji_inference.rehearsal import made_up

Pixels = NDArray[np.uint8]


def _pixels() -> Pixels:
    cell = made_up(Modality.PAP)
    assert isinstance(cell, CellImage)
    return cell.pixels


def _found(pixels: Pixels, *notices: Notice) -> list[tuple[str, Severity]]:
    cell = CellImage(pixels, PersonIdentity(), StudyIds(), notices=notices)
    return [(notice.code, notice.severity) for notice in check_cell(cell).notices]


def _resized(rows: int, columns: int) -> Pixels:
    picture = Image.fromarray(_pixels()).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _grey(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[..., 1:2], 3, axis=2)


def _flat(pixels: Pixels) -> Pixels:
    blocks: Pixels = np.kron(pixels[::10, ::10], np.ones((10, 10, 1), np.uint8))
    return blocks


def _blurred(pixels: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def test_a_good_cell_passes_without_a_word() -> None:
    assert _found(_pixels()) == []


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        (_grey, CellCode.GREY),
        (_flat, CellCode.DRAWING),
        (lambda pixels: (pixels // 8).astype(np.uint8), CellCode.DARK),
        (lambda pixels: np.full_like(pixels, 240), CellCode.BLANK),
        (np.zeros_like, CellCode.DARK),
        (lambda pixels: _blurred(pixels, 8), CellCode.BLURRED),
    ],
)
def test_what_spoils_a_picture_is_refused_by_name(spoilt: object, code: CellCode) -> None:
    found = _found(spoilt(_pixels()))  # type: ignore[operator]  # a function of pixels

    assert (code.value, Severity.REFUSE) in found


def test_a_little_blur_is_warned_of() -> None:
    severities = [dict(_found(_blurred(_pixels(), size))) for size in (0.5, 2.5, 8.0)]

    assert CellCode.BLURRED not in severities[0]
    assert severities[1].get(CellCode.BLURRED.value) is Severity.WARN
    assert severities[2].get(CellCode.BLURRED.value) is Severity.REFUSE


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (MIN_SIDE - 1, 200, (CellCode.TOO_SMALL, Severity.REFUSE)),
        (MIN_SIDE, MIN_SIDE, (CellCode.LOW_RESOLUTION, Severity.WARN)),
        (LOW_SIDE - 1, LOW_SIDE, (CellCode.LOW_RESOLUTION, Severity.WARN)),
        (100, 301, (CellCode.TOO_NARROW, Severity.REFUSE)),
    ],
)
def test_size_is_judged_at_its_limits(
    rows: int, columns: int, expected: tuple[CellCode, Severity]
) -> None:
    found = _found(_resized(rows, columns))

    assert (expected[0].value, expected[1]) in found


@pytest.mark.parametrize(("rows", "columns"), [(LOW_SIDE, LOW_SIDE), (100, 300), (1200, 1600)])
def test_a_large_enough_picture_has_no_notice_of_its_size(rows: int, columns: int) -> None:
    codes = {code for code, _ in _found(_resized(rows, columns))}

    assert not codes & {CellCode.TOO_SMALL, CellCode.LOW_RESOLUTION, CellCode.TOO_NARROW}


def test_what_the_reader_refused_stays_refused() -> None:
    refused = Notice("picture.damaged", Severity.REFUSE)

    assert _found(_pixels(), refused) == [("picture.damaged", Severity.REFUSE)]


def test_every_code_says_what_and_what_to_do_in_both_languages() -> None:
    texts = Catalogue.of("qiangji_datasets", "qiangji_models", "qiangji_inference")

    for code in CellCode:
        for language in Language:
            assert texts.text(code.value, language, rows=1, columns=1)
            assert texts.advice(code.value, language, rows=1, columns=1)
