"""Which side the heart is on, as the film gate sees it."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_inference.gate_film_side import SIDE, mirrored_odds, side_net


def test_a_mirrored_picture_has_the_opposite_odds() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)

    odds = mirrored_odds(side_net(), pictures)

    np.testing.assert_allclose(
        mirrored_odds(side_net(), pictures[..., ::-1].copy()), -odds, atol=1e-3
    )
    assert np.abs(odds).max() > 0


def test_a_picture_that_is_its_own_mirror_image_has_even_odds() -> None:
    half = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE // 2), dtype=np.uint8)
    picture = np.concatenate([half, half[..., ::-1]], axis=2)

    assert mirrored_odds(side_net(), picture)[0] == pytest.approx(0, abs=1e-3)
