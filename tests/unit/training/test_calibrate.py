"""From logits to probabilities and thresholds."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_training.calibrate import Scored, calibration, operating_points, platt, results
from qiangji_training.config import PointsConfig

WANTED = PointsConfig(sensitivity=0.9, specificity=0.95)
TODAY = date(2026, 1, 31)


def _scored(n: int = 4000, separation: float = 2.0, seed: int = 0) -> Scored:
    rng = np.random.default_rng(seed)
    truth = (rng.random((n, 1)) < 0.3).astype(np.float32)
    logits = rng.normal(0, 1, (n, 1)) + separation * truth
    groups = np.arange(n).astype(np.str_)
    return Scored("made", logits, truth, groups, is_other_site=False)


def test_calibrated_probabilities_match_the_observed_share() -> None:
    rng = np.random.default_rng(1)
    chance = rng.random(20000)
    truth = (rng.random(20000) < chance).astype(np.float32)
    overconfident = 3 * np.log(chance / (1 - chance)) + 1

    scale, offset = platt(overconfident, truth)

    assert abs(scale - 1 / 3) < 0.02
    assert abs(offset + 1 / 3) < 0.05


def test_perfect_separation_with_few_positives_stays_moderate() -> None:
    logits = np.concatenate([np.full(4, 5.0), np.full(150, -5.0)])
    truth = np.concatenate([np.ones(4), np.zeros(150)]).astype(np.float32)

    scale, offset = platt(logits, truth)

    assert 0.2 < scale < 3
    assert 1 / (1 + np.exp(-(scale * 5 + offset))) < 0.99


def test_a_reversed_score_keeps_a_positive_scale() -> None:
    scored = _scored(separation=-2.0)

    assert platt(scored.logits[:, 0], scored.targets[:, 0])[0] > 0


def test_one_class_alone_cannot_be_calibrated() -> None:
    with pytest.raises(InputRejected, match=r"train\.one_class"):
        platt(np.zeros(5), np.zeros(5, np.float32))


def test_unknown_truth_is_left_out() -> None:
    logits = np.array([2.0, -2.0, 1.0, -1.0, 50.0])
    truth = np.array([1, 0, 1, 0, np.nan], np.float32)

    assert platt(logits, truth) == platt(logits[:4], truth[:4])


def test_the_two_points_reach_what_was_asked_for() -> None:
    scored = _scored()

    points = operating_points(scored, calibration(scored, run_id="r"), 0, WANTED, TODAY)

    assert points["sensitive"]["sensitivity"] >= 0.9
    assert points["specific"]["specificity"] >= 0.95
    assert points["sensitive"]["threshold"] < points["specific"]["threshold"]
    low, high = points["sensitive"]["sensitivity_interval"]
    assert low < points["sensitive"]["sensitivity"] < high
    assert points["specific"]["date"] == "2026-01-31"


def test_crossing_thresholds_of_an_easy_label_are_put_in_order_and_both_hold() -> None:
    scored = _scored(separation=8.0)

    points = operating_points(scored, calibration(scored, run_id="r"), 0, WANTED, TODAY)

    assert points["sensitive"]["threshold"] <= points["specific"]["threshold"]
    for point in points.values():
        assert point["sensitivity"] >= 0.9
        assert point["specificity"] >= 0.95


def test_results_hold_intervals_and_the_points_of_validation() -> None:
    valid, test = _scored(seed=2), _scored(n=500, seed=3)
    calibrated = calibration(valid, run_id="r")
    points = {"tb": operating_points(valid, calibrated, 0, WANTED, TODAY)}

    found = results(test, calibrated, ("tb",), points, {"all labels": ("tb",)})

    auc = found["labels"]["tb"]["auc"]
    assert auc["low"] < auc["value"] < auc["high"]
    assert found["macro_auc"]["all labels"]["value"] == auc["value"]
    assert found["labels"]["tb"]["points"]["sensitive"]["sensitivity"]["value"] > 0.8
