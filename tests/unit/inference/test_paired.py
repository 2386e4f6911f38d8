"""AUC lost between two scorings of the same recordings."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_inference import metrics
from qiangji_inference.paired import macro_auc_lost

RNG = np.random.default_rng(5)
TRUTH = (RNG.random((300, 2)) < 0.4).astype(float)
SCORE = RNG.normal(TRUTH, 1.0)


def test_the_same_scores_lose_nothing_with_certainty() -> None:
    lost = macro_auc_lost(TRUTH, SCORE, SCORE)

    assert (lost.value, lost.low, lost.high) == (0.0, 0.0, 0.0)


def test_the_loss_is_the_difference_and_its_interval_narrower_than_of_either() -> None:
    worse = SCORE + RNG.normal(0, 0.4, SCORE.shape)

    lost = macro_auc_lost(TRUTH, SCORE, worse)

    before, after = metrics.macro_auc(TRUTH, SCORE), metrics.macro_auc(TRUTH, worse)
    assert before is not None and after is not None
    assert lost.value == pytest.approx(before - after)
    single = metrics.macro_auc_interval(TRUTH, SCORE)
    assert None not in (lost.low, lost.high, single.low, single.high)
    assert (lost.high or 0) - (lost.low or 0) < (single.high or 0) - (single.low or 0)


def test_labels_without_both_classes_are_left_out() -> None:
    assert macro_auc_lost(np.zeros((10, 2)), SCORE[:10], SCORE[:10]).value is None
