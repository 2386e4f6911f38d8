"""The linear model of probe and baselines."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_inference import metrics
from qiangji_inference.linear import chosen_strength, fit_logistic, folds_of, out_of_fold

RNG = np.random.default_rng(11)
TRUTH = (RNG.random(200) < 0.4).astype(float)
FEATURES = np.hstack([RNG.normal(TRUTH[:, None], 1.0, (200, 2)), RNG.normal(0, 1, (200, 20))])
OWNERS = [f"P{row // 2}" for row in range(200)]


def test_folds_keep_a_patient_whole_and_hold_positives_evenly() -> None:
    folds = folds_of(OWNERS, TRUTH, 5, seed=0)

    for owner in set(OWNERS):
        assert len({int(f) for f, o in zip(folds, OWNERS, strict=True) if o == owner}) == 1
    shares = [TRUTH[folds == fold].mean() for fold in range(5)]
    assert max(shares) - min(shares) < 0.25


def test_scores_out_of_fold_separate_what_is_there_and_nothing_in_noise() -> None:
    folds = folds_of(OWNERS, TRUTH, 5, seed=0)

    real = metrics.auc(TRUTH, out_of_fold(FEATURES, TRUTH, folds, 0.01))
    noise = metrics.auc(TRUTH, out_of_fold(FEATURES[:, 2:], TRUTH, folds, 0.01))

    assert real is not None and noise is not None
    assert real > 0.7
    assert abs(noise - 0.5) < 0.12


def test_the_strength_is_one_of_those_tried() -> None:
    folds = folds_of(OWNERS, TRUTH, 3, seed=1)

    assert chosen_strength(FEATURES, TRUTH, folds, (1e-3, 1.0)) in (1e-3, 1.0)


def test_a_constant_feature_changes_nothing() -> None:
    wider = np.hstack([FEATURES, np.full((200, 1), 7.0)])

    plain = fit_logistic(FEATURES, TRUTH, 0.1).scores(FEATURES)

    assert fit_logistic(wider, TRUTH, 0.1).scores(wider) == pytest.approx(plain, abs=1e-3)


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        fit_logistic(FEATURES, np.zeros(200), 1.0)
    with pytest.raises(ValueError, match="folds"):
        folds_of(["a", "b", "c"], np.array([1.0, 0.0, 0.0]), 2, seed=0)
