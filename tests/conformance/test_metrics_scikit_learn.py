"""Our metrics agree with scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_inference import curves, metrics
from qiangji_inference.linear import fit_logistic

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


def test_curves_agree_with_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    truth, score = _sample()
    false_rate, true_rate, _ = sk.roc_curve(truth, score, drop_intermediate=False)
    precision, recall, _ = sk.precision_recall_curve(truth, score)

    roc, pr = curves.roc(truth, score), curves.precision_recall(truth, score)

    assert roc is not None and pr is not None
    assert roc.false_positive == pytest.approx(false_rate)
    assert roc.true_positive == pytest.approx(true_rate)
    # Theirs falls from recall 1 and ends with a made-up point at recall 0.
    assert pr.precision[::-1] == pytest.approx(precision[:-1])
    assert pr.recall[::-1] == pytest.approx(recall[:-1])


def test_calibration_bins_agree_with_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(2)
    score = rng.random(500)
    truth = (rng.random(500) < score).astype(float)

    observed, stated = sk.calibration_curve(truth, score, n_bins=10, strategy="quantile")
    ours = curves.calibration_bins(truth, score)

    assert [item.stated for item in ours] == pytest.approx(stated, abs=0.01)
    assert [item.observed.value for item in ours] == pytest.approx(observed, abs=0.05)


def test_logistic_regression_agrees_with_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(8)
    truth = (rng.random(300) < 0.3).astype(float)
    features = rng.normal(truth[:, None] * 0.7, 1.0, (300, 6))
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)

    theirs = linear.LogisticRegression(C=0.05, tol=1e-10, max_iter=1000).fit(scaled, truth)
    ours = fit_logistic(features, truth, 0.05)

    assert ours.weights == pytest.approx(theirs.coef_[0], abs=1e-3)
    assert ours.bias == pytest.approx(theirs.intercept_[0], abs=1e-3)
