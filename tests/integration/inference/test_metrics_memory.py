"""Resampling at the size of a real test set."""

from __future__ import annotations

import numpy as np

from qiangji_inference import metrics


def test_a_thousand_resamples_of_ten_thousand_rows_stay_in_bounded_memory() -> None:
    rng = np.random.default_rng(1)
    truth = (rng.random(10_000) < 0.3).astype(float)
    score = np.clip(0.3 + 0.25 * truth + rng.normal(0, 0.2, truth.size), 0.01, 0.99)

    area = metrics.auc_interval(truth, score)

    assert area.low is not None and area.high is not None
    assert 0 < area.high - area.low < 0.05
