"""A changed cell stays a cell: same shape, normalised, reproducible, never outside its range."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.train

from qiangji_models.preprocess.specs import CellSpec  # noqa: E402 - after the skip
from qiangji_training.augment_cell import augment_cell  # noqa: E402
from qiangji_training.config import CellAugment  # noqa: E402

HOW = CellAugment(zoom=0.3, shift=0.1, stain=0.4, blur=0.5, sharpen=0.5, jpeg=0.5)
STILL = CellAugment(zoom=0.0, shift=0.0, stain=0.0, blur=0.0, sharpen=0.0, jpeg=0.0)


def _cell() -> np.ndarray:
    rows, cols = np.mgrid[:100, :100]
    distance = np.hypot(rows - 50, cols - 50)
    nucleus = np.where(distance < 15, 90, np.where(distance < 40, 190, 235))
    return np.stack([nucleus, nucleus - 20, nucleus - 5], -1).astype(np.uint8)


def test_it_has_the_shape_and_scale_that_serving_gives() -> None:
    spec = CellSpec(rows=96, cols=96)

    found = augment_cell(_cell(), HOW, spec, np.random.default_rng(1))

    assert found.shape == (3, 96, 96)
    assert np.abs(found.mean((1, 2))).max() < 0.05
    assert np.abs(found.std((1, 2)) - 1).max() < 0.05


def test_the_same_generator_gives_the_same_picture() -> None:
    spec = CellSpec(rows=64, cols=64)

    first, again = (augment_cell(_cell(), HOW, spec, np.random.default_rng(3)) for _ in range(2))

    assert np.array_equal(first, again)


def test_without_changes_of_dye_the_nucleus_stays_where_it_is() -> None:
    spec = CellSpec(rows=100, cols=100)

    found = augment_cell(_cell(), STILL, spec, np.random.default_rng(2))

    assert found[:, 45:55, 45:55].mean() > found[:, :10, :10].mean() + 1
