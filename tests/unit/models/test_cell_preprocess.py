"""Cells: the same numbers whatever the lamp, the camera and the amount of dye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_datasets.records import CellImage, PersonIdentity, StudyIds
from qiangji_models.preprocess.cell import (
    fit,
    map_extent,
    normalise_stain,
    optical_density,
    to_model_input,
)
from qiangji_models.preprocess.specs import CellSpec, Fit, StainMode

SPEC = CellSpec(48, 48)


def _density(rows: int = 96, columns: int = 96) -> NDArray[np.float64]:
    """A nucleus in its cytoplasm on glass: density of three channels (rows, columns, 3)."""
    down, across = np.mgrid[0:rows, 0:columns]
    from_centre = np.hypot(down - rows / 2, across - columns / 2) / min(rows, columns)
    cytoplasm = np.exp(-((from_centre / 0.35) ** 4))[..., None] * (0.10, 0.30, 0.20)
    nucleus = np.exp(-((from_centre / 0.15) ** 4))[..., None] * (0.60, 0.70, 0.40)
    return np.asarray(cytoplasm + nucleus)


def _cell(density: NDArray[np.float64], pixel_um: float | None = None) -> CellImage:
    light = np.clip(256 * 10**-density - 1, 0, 255)
    pixels = np.round(light).astype(np.uint8)
    return CellImage(pixels, PersonIdentity(), StudyIds(), pixel_um=pixel_um)


def _input(density: NDArray[np.float64], spec: CellSpec = SPEC) -> NDArray[np.float32]:
    return to_model_input(_cell(density), spec)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_input_has_the_shape_of_the_spec_and_dark_is_high() -> None:
    found = to_model_input(_cell(_density()), CellSpec(40, 56))

    assert found.shape == (1, 3, 40, 56) and found.dtype == np.float32
    assert found[0, :, 20, 28].min() > 1
    assert found[0, :, 0, 28].max() < 0


def test_each_channel_has_zero_mean_and_unit_variance() -> None:
    found = _input(_density())[0]

    assert found.mean(axis=(1, 2)) == pytest.approx([0, 0, 0], abs=1e-5)
    assert found.std(axis=(1, 2)) == pytest.approx([1, 1, 1], abs=1e-4)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a weaker lamp", lambda density: density + 0.15),
        ("another white balance", lambda density: density + np.array([0.15, 0.05, 0.0])),
        ("more dye", lambda density: density * 1.3),
        ("another ratio of dyes", lambda density: density * np.array([0.7, 1.0, 1.3])),
    ],
)
def test_lamp_camera_and_amount_of_dye_cancel(name: str, change: object) -> None:
    plain = _input(_density())

    changed = _input(change(_density()))  # type: ignore[operator]  # a function of a density

    assert np.abs(changed - plain).max() < 0.15, name
    assert _correlation(changed, plain) > 0.999, name


def test_without_normalisation_the_lamp_shows() -> None:
    spec = CellSpec(48, 48, stain=StainMode.NONE)

    assert np.abs(_input(_density() + 0.15, spec) - _input(_density(), spec)).mean() > 0.5


def test_tissue_counts_more_than_the_glass_around_it() -> None:
    wide = np.pad(_density(), ((48, 48), (48, 48), (0, 0)), mode="edge")
    change = {}
    for mode in (StainMode.PICTURE, StainMode.TISSUE):
        alone = normalise_stain(_density().astype(np.float32), mode)
        around = normalise_stain(wide.astype(np.float32), mode)
        change[mode] = float(np.abs(around[48:144, 48:144] - alone).max())

    assert change[StainMode.TISSUE] < 0.1 * change[StainMode.PICTURE]


def test_a_blank_picture_stays_near_zero() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(248, 252, (60, 60, 3), np.uint8)

    for mode in (StainMode.PICTURE, StainMode.TISSUE):
        found = to_model_input(
            CellImage(pixels, PersonIdentity(), StudyIds()), CellSpec(32, 32, stain=mode)
        )
        assert np.abs(found).max() < 0.5


def test_one_colour_gives_finite_numbers() -> None:
    for level in (0, 255):
        pixels = np.full((5, 5, 3), level, np.uint8)
        cell = CellImage(pixels, PersonIdentity(), StudyIds())
        for mode in StainMode:
            found = to_model_input(cell, CellSpec(32, 32, Fit.PAD, stain=mode))
            assert np.isfinite(found).all()


def test_density_of_white_is_zero_and_of_black_finite() -> None:
    found = optical_density(np.array([[[255, 127, 0]]], np.uint8))

    assert found[0, 0] == pytest.approx([0.0, np.log10(2), np.log10(256)], abs=1e-6)


def test_reducing_averages_areas() -> None:
    stripes = np.zeros((80, 80, 3), np.uint8)
    stripes[:, ::2] = 200

    small = fit(stripes, (0, 0, 1, 1), CellSpec(20, 20))

    assert np.abs(small[2:-2, 2:-2].astype(int) - 100).max() <= 7


@pytest.mark.parametrize(
    ("fit_mode", "extent"),
    [
        (Fit.STRETCH, (0.0, 0.0, 1.0, 1.0)),
        (Fit.CROP, (0.0, 0.25, 1.0, 0.75)),
        (Fit.PAD, (-0.5, 0.0, 1.5, 1.0)),
    ],
)
def test_extent_of_a_wide_picture(fit_mode: Fit, extent: tuple[float, ...]) -> None:
    assert map_extent(_cell(_density(50, 100)), CellSpec(32, 32, fit_mode)) == extent


def test_a_known_scale_shows_the_same_field_of_any_picture() -> None:
    spec = CellSpec(48, 48, field_um=24.0)
    fine = _cell(np.repeat(np.repeat(_density(), 2, axis=0), 2, axis=1), pixel_um=0.25)
    coarse = _cell(_density(), pixel_um=0.5)

    assert map_extent(fine, spec) == map_extent(coarse, spec) == (0.25, 0.25, 0.75, 0.75)
    assert _correlation(to_model_input(fine, spec), to_model_input(coarse, spec)) > 0.999


def test_a_field_larger_than_the_picture_is_mirrored_outwards() -> None:
    spec = CellSpec(48, 48, field_um=96.0)

    found = to_model_input(_cell(_density(), pixel_um=0.5), spec)[0]

    assert map_extent(_cell(_density(), pixel_um=0.5), spec) == (-0.5, -0.5, 1.5, 1.5)
    assert (found[:, :12] == found[:, 23:11:-1]).all()
    assert (found[:, :, 36:] == found[:, :, 35:23:-1]).all()


def test_a_cut_cell_looks_like_one_that_was_mirrored_before() -> None:
    spec = CellSpec(48, 48, Fit.PAD)
    cut = _density(96, 96)[:, 18:78]

    mirrored = np.pad(cut, ((0, 0), (18, 18), (0, 0)), mode="symmetric")

    assert _correlation(_input(cut, spec), _input(mirrored, spec)) > 0.999


def test_an_unknown_scale_takes_the_whole_picture() -> None:
    assert map_extent(_cell(_density()), CellSpec(48, 48, field_um=24.0)) == (0, 0, 1, 1)


def test_extreme_shapes_still_give_an_input() -> None:
    spec = CellSpec(48, 48, Fit.PAD)

    for rows, columns in ((1, 4000), (4000, 1)):
        cell = CellImage(np.full((rows, columns, 3), 99, np.uint8), PersonIdentity(), StudyIds())
        assert np.isfinite(to_model_input(cell, spec)).all()
