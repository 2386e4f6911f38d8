"""Curves of one label: ROC, precision against recall, calibration in bins, net benefit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiangji_inference.metrics import CALIBRATION_BINS, Estimate, stated, wilson

Floats = NDArray[np.float64]

#: Threshold probabilities of the decision curve. Above one half nobody would still call the
#: action a triage; below 1 % every case is sent up anyway.
DECISION_THRESHOLDS: Final = tuple(round(0.01 * step, 2) for step in range(1, 51))


@dataclass(frozen=True, eq=False)
class Roc:
    """Share of negatives and of positives at or above each threshold, from (0, 0) to (1, 1)."""

    false_positive: Floats
    true_positive: Floats


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision at each recall, recall rising; step-wise, as average precision counts it."""

    recall: Floats
    precision: Floats
    prevalence: float


@dataclass(frozen=True)
class CalibrationBin:
    """Recordings of similar probability: mean stated probability and share with the finding."""

    stated: float
    observed: Estimate
    n: int

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"stated": self.stated, "observed": self.observed.as_dict(), "n": self.n}


@dataclass(frozen=True)
class NetBenefit:
    """Net benefit at one threshold probability: of the bundle, and of sending everybody up.

    Sending nobody has net benefit 0.
    """

    threshold: float
    bundle: float
    all: float

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"threshold": self.threshold, "bundle": self.bundle, "all": self.all}


def roc(truth: ArrayLike, score: ArrayLike) -> Roc | None:
    """ROC curve, one point a distinct score; None without both classes."""
    y, s = stated(truth, score)
    hits, false = _flagged(y, s)
    if not len(y) or 0 in (hits[-1], false[-1]):
        return None
    return Roc(np.r_[0, false / false[-1]], np.r_[0, hits / hits[-1]])


def precision_recall(truth: ArrayLike, score: ArrayLike) -> PrecisionRecall | None:
    """Precision against recall, one point a distinct score; None without a positive."""
    y, s = stated(truth, score)
    if not y.any():
        return None
    hits, false = _flagged(y, s)
    return PrecisionRecall(hits / hits[-1], hits / (hits + false), float(y.mean()))


def calibration_bins(
    truth: ArrayLike, probability: ArrayLike, bins: int = CALIBRATION_BINS
) -> tuple[CalibrationBin, ...]:
    """Bins of equal numbers (equal probabilities stay together), lowest probability first.

    Intervals are Wilson's; the bins are those of ``metrics.expected_calibration_error``.
    """
    y, p = stated(truth, probability)
    if len(y) == 0:
        return ()
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1]))
    index = np.searchsorted(edges, p, side="left")
    return tuple(
        CalibrationBin(
            stated=float(p[index == number].mean()),
            observed=wilson(int(y[index == number].sum()), int((index == number).sum())),
            n=int((index == number).sum()),
        )
        for number in np.unique(index)
    )


def decision_curve(
    truth: ArrayLike,
    probability: ArrayLike,
    thresholds: tuple[float, ...] = DECISION_THRESHOLDS,
) -> tuple[NetBenefit, ...]:
    """Net benefit over threshold probabilities; empty without both classes.

    References
    ----------
    Vickers and Elkin 2006, doi:10.1177/0272989X06295361.
    """
    y, p = stated(truth, probability)
    if len(y) == 0 or y.min() == y.max():
        return ()
    share = float(y.mean())
    points = []
    for threshold in thresholds:
        odds = threshold / (1 - threshold)
        is_flagged = p >= threshold
        gain = float((is_flagged & (y == 1)).mean() - odds * (is_flagged & (y == 0)).mean())
        points.append(NetBenefit(threshold, gain, share - odds * (1 - share)))
    return tuple(points)


def _flagged(y: Floats, s: Floats) -> tuple[Floats, Floats]:
    """Positives and negatives at or above each distinct score, highest score first."""
    order = np.argsort(-s, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(s[order])), len(s) - 1] if len(s) else np.array([], int)
    hits = np.cumsum(y[order])[ends]
    return hits, ends + 1 - hits
