"""How well a number separates and predicts: the project's one set of metrics, numpy only.

Truth is 1 (present), 0 (absent) or NaN (not stated; such rows are left out). A figure that
the data cannot give, for example an AUC without a positive, is None and never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from qiangji_inference.resampling import (
    Floats,
    Ranked,
    RankStatistic,
    drawn_weights,
    limits_of,
    owners_of,
    strata_of,
)

#: Two-sided 95 % quantile of the normal distribution.
Z_95: Final = 1.959963984540054
RESAMPLES: Final = 1000
CALIBRATION_BINS: Final = 10
_LOGIT_CLIP: Final = 1e-7
_SLOPE_LIMIT: Final = 50.0


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; None where the data cannot give it."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, float | None]:
        """``{"value", "low", "high"}`` for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class AtThreshold:
    """Sensitivity and specificity of "score >= threshold", Wilson 95 % intervals."""

    threshold: float
    sensitivity: Estimate
    specificity: Estimate
    n_pos: int
    n_neg: int


@dataclass(frozen=True)
class CalibrationLine:
    """Logistic regression of the outcome on logit(p); ideal: slope 1, intercept 0."""

    slope: float
    intercept: float


def stated(truth: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """Rows whose truth is stated.

    Parameters
    ----------
    truth
        (n,), 1, 0 or NaN.
    score
        (n,), finite; larger means more likely present.

    Raises
    ------
    ValueError
        Lengths differ, truth holds another value, or a score of a stated row is not finite.
    """
    y, s = np.asarray(truth, np.float64), np.asarray(score, np.float64)
    if y.ndim != 1 or y.shape != s.shape:
        raise ValueError(f"truth {y.shape} and score {s.shape} must be equal and 1-D")
    keep = ~np.isnan(y)
    y, s = y[keep], s[keep]
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("truth must be 0, 1 or NaN")
    if not np.isfinite(s).all():
        raise ValueError("scores must be finite")
    return y, s


def counts(truth: ArrayLike) -> tuple[int, int]:
    """Numbers of stated positives and negatives."""
    y = np.asarray(truth, np.float64)
    return int((y == 1).sum()), int((y == 0).sum())


def auc(truth: ArrayLike, score: ArrayLike) -> float | None:
    """Area under the ROC curve, ties counted half; None without both classes."""
    return _point(auc_statistic, *stated(truth, score))


def average_precision(truth: ArrayLike, score: ArrayLike) -> float | None:
    """Mean precision over recall steps (no interpolation); None without a positive."""
    return _point(_average_precision, *stated(truth, score))


def specificity_at_sensitivity(
    truth: ArrayLike, score: ArrayLike, sensitivity: float = 0.9
) -> float | None:
    """Specificity at the highest threshold that still gives the wanted sensitivity."""
    return _point(_specificity_at(sensitivity), *stated(truth, score))


def auc_interval(
    truth: ArrayLike,
    score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """AUC with a bootstrap interval; see ``bootstrap``."""
    return bootstrap(auc_statistic, truth, score, groups=groups, resamples=resamples, seed=seed)


def average_precision_interval(
    truth: ArrayLike,
    score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Average precision with a bootstrap interval; see ``bootstrap``."""
    return bootstrap(
        _average_precision, truth, score, groups=groups, resamples=resamples, seed=seed
    )


def specificity_at_sensitivity_interval(
    truth: ArrayLike,
    score: ArrayLike,
    sensitivity: float = 0.9,
    *,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Specificity at a wanted sensitivity; the threshold is chosen anew in every resample."""
    statistic = _specificity_at(sensitivity)
    return bootstrap(statistic, truth, score, groups=groups, resamples=resamples, seed=seed)


def bootstrap(
    statistic: RankStatistic,
    truth: ArrayLike,
    score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Percentile bootstrap 95 % interval of a figure that depends on ranks.

    Parameters
    ----------
    statistic
        From (..., scores) positives and negatives per distinct score to (...).
    groups
        (n,) patient of each row; whole patients are drawn. None: rows are drawn.
    seed
        The same seed gives the same interval.

    Notes
    -----
    Draws are stratified: patients (or rows) with and without a positive are drawn apart, so
    every resample keeps the prevalence. None for all three when the figure is undefined;
    None for the limits when over half of the resamples left it undefined.
    """
    y, s = stated(truth, score)
    value = _point(statistic, y, s)
    if value is None:
        return Estimate(None)
    owners = owners_of(groups, np.asarray(truth, np.float64))
    ranked = Ranked.of(y, s)
    drawn = [
        statistic(*ranked.weighted(weights))
        for weights in drawn_weights(owners, strata_of(owners, y), resamples, seed)
    ]
    return Estimate(value, *limits_of(np.concatenate(drawn)))


def macro_auc(truth: ArrayLike, score: ArrayLike) -> float | None:
    """Mean AUC over the labels (columns) whose AUC is defined; None when none is.

    Parameters
    ----------
    truth, score
        (n, labels); truth 1, 0 or NaN.
    """
    y, s = _matrix(truth, score)
    each = [auc(y[:, column], s[:, column]) for column in range(y.shape[1])]
    defined = [value for value in each if value is not None]
    return float(np.mean(defined)) if defined else None


def macro_auc_interval(
    truth: ArrayLike,
    score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Macro AUC; rows (or patients) are drawn once for all labels together.

    A resample in which a label lost its last positive or negative is left out.
    """
    y, s = _matrix(truth, score)
    value = macro_auc(y, s)
    if value is None:
        return Estimate(None)
    owners = owners_of(groups, np.zeros(len(y)))
    strata = np.zeros(int(owners.max()) + 1, np.intp)
    columns = [c for c in range(y.shape[1]) if auc(y[:, c], s[:, c]) is not None]
    keeps = [~np.isnan(y[:, c]) for c in columns]
    ranks = [Ranked.of(y[keep, c], s[keep, c]) for c, keep in zip(columns, keeps, strict=True)]
    drawn = []
    for weights in drawn_weights(owners, strata, resamples, seed):
        each = [
            auc_statistic(*rank.weighted(weights[:, keep]))
            for rank, keep in zip(ranks, keeps, strict=True)
        ]
        drawn.append(np.mean(each, axis=0))
    return Estimate(value, *limits_of(np.concatenate(drawn)))


def wilson(hits: int, n: int) -> Estimate:
    """Share with Wilson's 95 % score interval; None when n is 0.

    References
    ----------
    Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if n == 0:
        return Estimate(None)
    share, z2 = hits / n, Z_95 * Z_95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # Rounding must not push a limit past the share itself at 0 and n hits.
    low = 0.0 if hits == 0 else float(centre - half)
    high = 1.0 if hits == n else float(centre + half)
    return Estimate(share, low, high)


def at_threshold(truth: ArrayLike, score: ArrayLike, threshold: float) -> AtThreshold:
    """Sensitivity and specificity of "score >= threshold"."""
    y, s = stated(truth, score)
    n_pos, n_neg = counts(y)
    is_flagged = s >= threshold
    return AtThreshold(
        threshold=threshold,
        sensitivity=wilson(int((is_flagged & (y == 1)).sum()), n_pos),
        specificity=wilson(int((~is_flagged & (y == 0)).sum()), n_neg),
        n_pos=n_pos,
        n_neg=n_neg,
    )


def threshold_for_sensitivity(
    truth: ArrayLike, score: ArrayLike, sensitivity: float
) -> float | None:
    """Highest observed score that as a threshold gives at least this sensitivity."""
    y, s = stated(truth, score)
    positive = np.sort(s[y == 1])[::-1]
    if len(positive) == 0:
        return None
    return float(positive[_needed(sensitivity, len(positive)) - 1])


def threshold_for_specificity(
    truth: ArrayLike, score: ArrayLike, specificity: float
) -> float | None:
    """Lowest threshold that gives at least this specificity.

    The threshold lies just above a negative's score, so "score >= threshold" leaves it out.
    """
    y, s = stated(truth, score)
    negative = np.sort(s[y == 0])
    if len(negative) == 0:
        return None
    return float(np.nextafter(negative[_needed(specificity, len(negative)) - 1], np.inf))


def brier(truth: ArrayLike, probability: ArrayLike) -> float | None:
    """Mean squared difference of probability and outcome; None without rows."""
    y, p = stated(truth, probability)
    return float(np.mean((p - y) ** 2)) if len(y) else None


def expected_calibration_error(
    truth: ArrayLike, probability: ArrayLike, bins: int = CALIBRATION_BINS
) -> float | None:
    """Mean gap between stated probability and observed share, in bins of equal numbers.

    Equal numbers, not equal widths: with a rare label nearly all probabilities share one wide
    bin and its gap hides in the average. Equal probabilities stay in one bin.
    """
    y, p = stated(truth, probability)
    if len(y) == 0:
        return None
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    index = np.searchsorted(edges, p, side="left")
    n = np.bincount(index, minlength=bins)
    gap = np.bincount(index, weights=p - y, minlength=bins)
    return float(np.abs(gap).sum() / n.sum())


def calibration_line(truth: ArrayLike, probability: ArrayLike) -> CalibrationLine | None:
    """Slope and intercept of calibration; None without both classes or when p separates them.

    References
    ----------
    Cox 1958, doi:10.1093/biomet/45.3-4.562.
    """
    y, p = stated(truth, probability)
    if 0 in counts(y):
        return None
    p = np.clip(p, _LOGIT_CLIP, 1 - _LOGIT_CLIP)
    design = np.stack([np.log(p / (1 - p)), np.ones_like(p)], axis=1)
    if np.ptp(design[:, 0]) == 0:
        return None
    beta = np.array([0.0, np.log(y.mean() / (1 - y.mean()))])
    for _ in range(100):
        mean = 1 / (1 + np.exp(-np.clip(design @ beta, -500, 500)))
        hessian = (design * (mean * (1 - mean))[:, None]).T @ design
        if np.linalg.cond(hessian) > 1e12 or abs(beta[0]) > _SLOPE_LIMIT:
            return None
        step = np.linalg.solve(hessian, design.T @ (y - mean))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            return CalibrationLine(slope=float(beta[0]), intercept=float(beta[1]))
    return None


def _point(statistic: RankStatistic, y: Floats, score: Floats) -> float | None:
    if len(y) == 0:
        return None
    value = float(statistic(*Ranked.of(y, score).weighted(np.ones_like(y))))
    return None if np.isnan(value) else value


def auc_statistic(positive: Floats, negative: Floats) -> Floats:
    below = np.cumsum(negative, axis=-1) - negative
    wins = (positive * (below + 0.5 * negative)).sum(axis=-1)
    return _ratio(wins, positive.sum(axis=-1) * negative.sum(axis=-1))


def _average_precision(positive: Floats, negative: Floats) -> Floats:
    hits = np.cumsum(positive[..., ::-1], axis=-1)
    flagged = hits + np.cumsum(negative[..., ::-1], axis=-1)
    steps = (positive[..., ::-1] * hits / np.maximum(flagged, 1)).sum(axis=-1)
    return _ratio(steps, positive.sum(axis=-1))


def _specificity_at(sensitivity: float) -> RankStatistic:
    def statistic(positive: Floats, negative: Floats) -> Floats:
        hits = np.cumsum(positive[..., ::-1], axis=-1)
        total = hits[..., -1:]
        # First score, from the top, at which enough positives lie at or above it.
        cut = np.argmax(hits >= sensitivity * total - 1e-9, axis=-1)
        false = np.cumsum(negative[..., ::-1], axis=-1)
        flagged = np.take_along_axis(false, cut[..., None], axis=-1)[..., 0]
        share = _ratio(flagged, negative.sum(axis=-1))
        return np.asarray(np.where(total[..., 0] > 0, 1 - share, np.nan))

    return statistic


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """Quotient, NaN where the bottom is 0."""
    return np.asarray(np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan))


def _needed(share: float, n: int) -> int:
    return max(1, int(np.ceil(share * n - 1e-9)))


def _matrix(truth: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    y, s = np.asarray(truth, np.float64), np.asarray(score, np.float64)
    if y.ndim != 2 or y.shape != s.shape:
        raise ValueError(f"truth {y.shape} and score {s.shape} must be equal and 2-D")
    return y, s
