"""Our metrics agree with scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_inference import metrics

Floats = NDArray[np.float64]


def _sample(n: int = 400, *, seed: int = 1, levels: int = 25) -> tuple[Floats, Floats]:
    """Truth and probabilities with many ties."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.3).astype(float)
    score = 0.3 + 0.25 * truth + rng.normal(0, 0.2, n)
    return truth, np.clip(np.round(score * levels) / levels, 0.01, 0.99)


def test_ranks_and_probabilities_agree_with_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    for seed in range(5):
        truth, score = _sample(seed=seed)

        assert metrics.auc(truth, score) == pytest.approx(sk.roc_auc_score(truth, score))
        ap = sk.average_precision_score(truth, score)
        assert metrics.average_precision(truth, score) == pytest.approx(ap)
        assert metrics.brier(truth, score) == pytest.approx(sk.brier_score_loss(truth, score))


def test_specificity_at_sensitivity_agrees_with_the_roc_curve_of_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    truth, score = _sample()
    false_rate, true_rate, _ = sk.roc_curve(truth, score, drop_intermediate=False)

    expected = 1 - false_rate[true_rate >= 0.9].min()

    assert metrics.specificity_at_sensitivity(truth, score, 0.9) == pytest.approx(expected)


def test_calibration_line_agrees_with_unpenalised_logistic_regression() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    truth, score = _sample()
    logit = np.log(score / (1 - score))[:, None]

    ours = metrics.calibration_line(truth, score)
    theirs = linear.LogisticRegression(C=np.inf, tol=1e-10).fit(logit, truth)

    assert ours is not None
    assert ours.slope == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)
