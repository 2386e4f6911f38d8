"""L2-regularised logistic regression on plain features: what a linear model can read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_inference import metrics

Floats = NDArray[np.float64]

#: Inverse strengths tried; features are standardised before.
STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_ITERATIONS: Final = 400
#: A feature that hardly varies in training is not blown up.
_LEAST_SPREAD: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Linear:
    """A fitted model; ``mean`` and ``spread`` standardise, (features,) each."""

    weights: Floats
    bias: float
    mean: Floats
    spread: Floats

    def scores(self, features: Floats) -> Floats:
        """Logits (n,) of features (n, features)."""
        scaled = (features - self.mean) / self.spread
        return np.asarray(scaled @ self.weights + self.bias, np.float64)


def fit_logistic(features: Floats, truth: Floats, strength: float) -> Linear:
    """Minimise log loss plus ``|weights|² / (2 strength)`` on standardised features.

    Parameters
    ----------
    features
        (n, features), finite.
    truth
        (n,) 1 or 0, both present.
    strength
        Inverse regularisation, as ``C`` of scikit-learn.

    Raises
    ------
    ValueError
        Only one class is present.
    """
    from scipy.optimize import minimize

    if not 0 < truth.mean() < 1:
        raise ValueError("a linear model needs both classes")
    mean = features.mean(axis=0)
    spread = np.maximum(features.std(axis=0), _LEAST_SPREAD)
    scaled = (features - mean) / spread
    sign = 2 * truth - 1

    def loss(beta: Floats) -> tuple[float, Floats]:
        margin = sign * (scaled @ beta[:-1] + beta[-1])
        pull = -sign / (1 + np.exp(np.clip(margin, -500, 500)))
        gradient = np.append(scaled.T @ pull + beta[:-1] / strength, pull.sum())
        value = np.logaddexp(0, -margin).sum() + (beta[:-1] ** 2).sum() / (2 * strength)
        return float(value), gradient

    start = np.zeros(features.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    return Linear(found.x[:-1], float(found.x[-1]), mean, spread)


def chosen_strength(
    features: Floats, truth: Floats, folds: NDArray[np.intp], tried: Sequence[float] = STRENGTHS
) -> float:
    """The strength with the best AUC out of fold; the strongest regularisation wins a tie."""
    aucs = [metrics.auc(truth, out_of_fold(features, truth, folds, each)) or 0.0 for each in tried]
    return tried[int(np.argmax(aucs))]


def out_of_fold(
    features: Floats, truth: Floats, folds: NDArray[np.intp], strength: float
) -> Floats:
    """(n,) logit of every row from a model that did not see its fold."""
    scores = np.zeros(len(truth))
    for fold in np.unique(folds):
        is_out = folds == fold
        model = fit_logistic(features[~is_out], truth[~is_out], strength)
        scores[is_out] = model.scores(features[is_out])
    return scores


def folds_of(owners: Sequence[str], truth: Floats, count: int, seed: int) -> NDArray[np.intp]:
    """(n,) fold of each row: owners stay whole, and those with a positive are spread evenly.

    Raises
    ------
    ValueError
        Fewer than ``count`` owners with, or without, a positive.
    """
    names, index = np.unique(np.asarray(owners, np.str_), return_inverse=True)
    has_positive = np.bincount(index, weights=truth, minlength=len(names)) > 0
    rng = np.random.default_rng(seed)
    fold_of_owner = np.zeros(len(names), np.intp)
    for part in (np.flatnonzero(has_positive), np.flatnonzero(~has_positive)):
        if len(part) < count:
            raise ValueError(f"{count} folds need as many patients in each class")
        fold_of_owner[rng.permutation(part)] = np.arange(len(part)) % count
    return fold_of_owner[index]
