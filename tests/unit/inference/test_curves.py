"""Curves of a label on made-up scores."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_inference import curves, metrics

TRUTH = np.array([0, 0, 1, 0, 1, 1, np.nan])
SCORE = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9, 0.5])


def test_a_roc_curve_runs_from_nothing_flagged_to_everything_and_has_the_auc_as_its_area() -> None:
    curve = curves.roc(TRUTH, SCORE)

    assert curve is not None
    assert (curve.false_positive[0], curve.true_positive[0]) == (0, 0)
    assert (curve.false_positive[-1], curve.true_positive[-1]) == (1, 1)
    area = np.trapezoid(curve.true_positive, curve.false_positive)
    assert area == pytest.approx(metrics.auc(TRUTH, SCORE))


def test_precision_at_full_recall_is_the_share_flagged_down_to_the_lowest_positive() -> None:
    curve = curves.precision_recall(TRUTH, SCORE)

    assert curve is not None
    assert curve.prevalence == 0.5
    assert curve.precision[np.argmax(curve.recall == 1)] == pytest.approx(3 / 4)


@pytest.mark.parametrize("truth", [np.zeros(4), np.full(4, np.nan)])
def test_without_a_positive_there_is_no_curve(truth: np.ndarray) -> None:
    score = np.linspace(0.1, 0.9, 4)

    assert curves.roc(truth, score) is None
    assert curves.precision_recall(truth, score) is None
    assert curves.decision_curve(truth, score) == ()


def test_calibration_bins_hold_every_recording_once_and_rise() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(500)
    y = (rng.random(500) < p).astype(float)

    bins = curves.calibration_bins(y, p)

    assert sum(item.n for item in bins) == 500
    assert [item.stated for item in bins] == sorted(item.stated for item in bins)
    for item in bins:
        assert item.observed.low is not None and item.observed.high is not None
        assert item.observed.low - 0.05 <= item.stated <= item.observed.high + 0.05


def test_net_benefit_equals_the_definition_and_sending_everybody_at_the_lowest_threshold() -> None:
    points = {item.threshold: item for item in curves.decision_curve(TRUTH, SCORE)}

    # At 0.25: flagged 3 of 3 positives and 1 of 3 negatives, of 6.
    assert points[0.25].bundle == pytest.approx(3 / 6 - (1 / 3) * 1 / 6)
    assert points[0.25].all == pytest.approx(3 / 6 - (1 / 3) * 3 / 6)
    assert points[0.01].bundle == pytest.approx(points[0.01].all)
