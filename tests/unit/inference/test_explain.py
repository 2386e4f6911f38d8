"""Overlays put the right place, in the right order of colours, and nothing where nothing was."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_inference import explain

WHOLE = (0.0, 0.0, 1.0, 1.0)


def _map(
    row: int, column: int, value: float = 4.0
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    cells = np.zeros((14, 14), np.float32)
    cells[row, column] = value
    return cells


def test_overlay_is_strongest_where_the_map_is() -> None:
    layer = explain.film_overlay(_map(3, 10), WHOLE, size=(280, 140))

    row, column = np.unravel_index(int(layer[..., 3].argmax()), layer.shape[:2])

    assert (row / 280, column / 140) == pytest.approx((3.5 / 14, 10.5 / 14), abs=0.02)
    assert layer[0, 0, 3] == 0


def test_overlay_stays_inside_the_cropped_extent() -> None:
    layer = explain.film_overlay(
        np.ones((14, 14), np.float32), (0.25, 0.1, 0.75, 0.9), size=(100, 100)
    )

    rows, columns = np.nonzero(layer[..., 3])

    assert (rows.min(), rows.max()) == (25, 74)
    assert (columns.min(), columns.max()) == (10, 89)


@pytest.mark.parametrize("value", [-3.0, 0.0, np.nan])
def test_a_map_that_raised_nothing_is_invisible(value: float) -> None:
    cells = np.full((14, 14), value, np.float32)

    assert explain.film_overlay(cells, WHOLE, size=(20, 20))[..., 3].max() == 0


def test_a_faint_map_is_not_blown_up_to_full_strength() -> None:
    assert explain.strength(_map(1, 1, 0.05)).max() == pytest.approx(0.1)


def test_colours_rise_evenly_in_lightness() -> None:
    linear = (explain.colour_scale() / 255.0) ** 2.2
    lightness = linear @ [0.2126, 0.7152, 0.0722]

    assert (np.diff(lightness) > -1e-3).all()
    assert lightness[-1] > 8 * lightness[0]


def test_ecg_weights_follow_time_and_are_zero_outside_what_the_model_saw() -> None:
    cells = np.zeros(100, np.float32)
    cells[50] = 5

    weights = explain.ecg_strength(cells, (0.0, 10.0), samples=6000, rate_hz=500)

    assert weights.shape == (6000,)
    assert weights.argmax() / 500 == pytest.approx(5.05, abs=0.01)
    assert weights[5000:].max() == 0


def test_a_padded_extent_is_cut_to_the_picture() -> None:
    padded = (-0.2, 0.0, 1.2, 1.0)  # a wide film padded above and below to a square

    layer = explain.film_overlay(_map(7, 7), padded, size=(100, 100))

    assert layer[..., 3].max(axis=1).argmax() == pytest.approx(54, abs=3)
