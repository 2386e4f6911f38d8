"""A picture stated to be a cell is read in colour, with its scale where it can be believed."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import Limits, Stated, read
from qiangji_datasets.records import CellImage, Modality, PersonIdentity, Sex, StudyIds

PAP = Stated(modality=Modality.PAP, age_years=33, sex=Sex.F)


def _colours(rows: int = 40, columns: int = 30) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (rows, columns, 3), np.uint8)


def _encoded(pixels: np.ndarray, kind: str = "PNG", **how: Any) -> bytes:  # Any: Pillow's options
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **how)
    return out.getvalue()


def _cell(data: bytes, stated: Stated = PAP) -> CellImage:
    found = read(data, stated=stated)
    assert isinstance(found, CellImage)
    return found


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_colours_are_read_as_stored_with_stated_facts(kind: str) -> None:
    pixels = _colours()

    found = _cell(_encoded(pixels, kind))

    assert (found.pixels == pixels).all()
    assert found.modality is Modality.PAP and found.source_kind == kind.lower()
    assert (found.person.age_years, found.person.sex) == (33, Sex.F)
    assert found.pixel_um is None
    assert [notice.code for notice in found.notices] == ["cell.stated"]


def test_a_jpeg_is_read_in_three_channels() -> None:
    assert _cell(_encoded(_colours(), "JPEG")).pixels.shape == (40, 30, 3)


def test_grey_becomes_three_equal_channels_and_transparency_becomes_glass() -> None:
    grey, clear = _colours()[..., 0], np.dstack([_colours(), np.zeros((40, 30), np.uint8)])

    same, glass = _cell(_encoded(grey)), _cell(_encoded(clear))

    assert (same.pixels == grey[..., None]).all()
    assert (glass.pixels == 255).all()


@pytest.mark.parametrize(
    ("dots_per_inch", "pixel_um"),
    [((101_600, 101_600), 0.25), ((72, 72), None), ((101_600, 50_800), None), (None, None)],
)
def test_only_a_resolution_that_a_microscope_can_have_is_a_scale(
    dots_per_inch: tuple[int, int] | None, pixel_um: float | None
) -> None:
    how: dict[str, Any] = {} if dots_per_inch is None else {"dpi": dots_per_inch}  # Any: options

    found = _cell(_encoded(_colours(), **how))

    assert found.pixel_um == (None if pixel_um is None else pytest.approx(pixel_um, rel=1e-3))


def test_a_stated_scale_goes_before_the_files_own() -> None:
    stated = Stated(modality=Modality.PAP, pixel_um=0.5)

    assert _cell(_encoded(_colours(), dpi=(101_600, 101_600)), stated).pixel_um == 0.5


@pytest.mark.parametrize("um", [0.0, -1.0, 0.001, 400.0, float("nan")])
def test_a_scale_that_no_microscope_has_is_refused(um: float) -> None:
    with pytest.raises(InputRejected) as refused:
        read(_encoded(_colours()), stated=Stated(modality=Modality.PAP, pixel_um=um))

    assert refused.value.code == "cell.pixel_um"


def test_sixteen_bit_pictures_are_no_cells() -> None:
    with pytest.raises(InputRejected) as refused:
        read(_encoded(_colours()[..., 0].astype(np.uint16)), stated=PAP)

    assert refused.value.code == "cell.mode"


@pytest.mark.parametrize("stated", [None, Stated(modality=Modality.CXR)])
def test_a_bmp_is_read_as_nothing_but_a_cell(stated: Stated | None) -> None:
    with pytest.raises(InputRejected) as refused:
        read(_encoded(_colours(), "BMP"), stated=stated)

    assert refused.value.code == "file.not_supported"


def test_a_bmp_that_declares_a_huge_size_is_refused_before_decoding() -> None:
    data = bytearray(_encoded(_colours(), "BMP"))
    data[18:26] = struct.pack("<ii", 9_000, 9_000)

    with pytest.raises(InputRejected) as refused:
        read(bytes(data), stated=PAP)

    assert refused.value.code == "film.too_large"


def test_an_animation_is_refused() -> None:
    frames = [Image.fromarray(_colours()), Image.fromarray(255 - _colours())]
    out = io.BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])

    with pytest.raises(InputRejected) as refused:
        read(out.getvalue(), stated=PAP)

    assert refused.value.code == "picture.several_frames"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_a_cut_picture_is_refused(kind: str) -> None:
    data = _encoded(_colours(), kind)

    for end in range(8, len(data) - 64, 97):
        with pytest.raises(InputRejected):
            read(data[:end], stated=PAP)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_damaged_bytes_are_read_or_refused_and_nothing_else(kind: str) -> None:
    data = _encoded(_colours(), kind)
    rng = np.random.default_rng(1)

    for _ in range(60):
        damaged = bytearray(data)
        for place in rng.integers(2, len(data), 4):
            damaged[place] = rng.integers(0, 256)
        try:
            read(bytes(damaged), stated=PAP, limits=Limits(pixels=10_000, side=200))
        except InputRejected:
            continue


@pytest.mark.parametrize(
    ("pixels", "code"),
    [
        (np.zeros((4, 4), np.uint8), "cell.shape"),
        (np.zeros((4, 4, 4), np.uint8), "cell.shape"),
        (np.zeros((0, 4, 3), np.uint8), "cell.shape"),
        (np.zeros((4, 4, 3), np.uint16), "cell.pixel_type"),
    ],
)
def test_a_cell_that_is_no_colour_picture_cannot_exist(pixels: np.ndarray, code: str) -> None:
    with pytest.raises(InputRejected) as refused:
        CellImage(pixels, PersonIdentity(), StudyIds())

    assert refused.value.code == code


def test_pixels_of_a_cell_cannot_be_changed() -> None:
    cell = CellImage(_colours(), PersonIdentity(), StudyIds())

    with pytest.raises(ValueError, match="read-only"):
        cell.pixels[0, 0] = 0
