"""Prediction sets keep their promise on drawn scores, and say so when they cannot."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_inference.conformal import conformal_result, conformal_rule

Floats = NDArray[np.float64]


def _drawn(n: int, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.2).astype(float)
    logit = rng.normal(-1.5 + 2.0 * truth, 1.0)
    return truth, 1 / (1 + np.exp(-logit))


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_coverage_of_both_classes_is_reached_on_average_over_draws(alpha: float) -> None:
    reached = []
    for seed in range(60):
        rule = conformal_rule(*_drawn(400, 2 * seed), alpha)
        found = conformal_result(rule, *_drawn(1000, 2 * seed + 1))
        reached.append((found.coverage_present.value, found.coverage_absent.value))

    present, absent = np.mean(reached, axis=0)
    # Exact theory: between 1 - alpha and 1 - alpha + 1 / (n + 1); n of the rarer class is 80.
    assert 1 - alpha - 0.01 < present < 1 - alpha + 0.025
    assert 1 - alpha - 0.01 < absent < 1 - alpha + 0.015


def test_sets_of_a_useful_score_are_mostly_clear_and_of_a_useless_one_are_not() -> None:
    truth, score = _drawn(2000, 1)
    useless = np.random.default_rng(2).random(2000)

    good = conformal_result(conformal_rule(truth, score, 0.1), truth, score)
    bad = conformal_result(conformal_rule(truth, useless, 0.1), truth, useless)

    assert good.mean_size is not None and bad.mean_size is not None
    assert good.mean_size < 1.5 < bad.mean_size
    assert good.share_clear is not None and good.share_both is not None
    assert good.share_clear + good.share_both + (good.share_empty or 0) == pytest.approx(1)


def test_too_few_calibration_cases_never_rule_an_answer_out() -> None:
    truth = np.array([1.0] * 5 + [0.0] * 30)
    score = np.linspace(0.9, 0.1, 35)

    rule = conformal_rule(truth, score, 0.1)

    assert rule.present_from == 0.0  # 9 positives are needed for one in ten
    assert rule.absent_to < 1.0
    assert rule.sets([0.0, 1.0])[0].tolist() == [True, True]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1])
def test_an_error_rate_outside_0_and_1_is_refused(alpha: float) -> None:
    with pytest.raises(InputRejected):
        conformal_rule([0, 1], [0.2, 0.8], alpha)
