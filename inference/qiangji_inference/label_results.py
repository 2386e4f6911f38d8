"""All figures of one label on one set of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qiangji_inference import curves, metrics
from qiangji_inference.curves import CalibrationBin, NetBenefit
from qiangji_inference.metrics import AtThreshold, CalibrationLine, Estimate
from qiangji_inference.scored import Column
from qiangji_models.bundle import LabelPoints

#: With fewer positives (or negatives) an interval on sensitivity is wider than ±0.18 and a
#: label is marked; it then stays out of the second macro average.
MIN_CASES: Final = 30


@dataclass(frozen=True)
class PointResult:
    """What an operating point of the bundle gives here."""

    id: str
    at: AtThreshold


@dataclass(frozen=True)
class TargetResult:
    """One label on this set; figures that the set cannot give are None.

    ``n_withheld`` calls were suppressed by the gate, as in production, and are in no figure.
    """

    auc: Estimate
    average_precision: Estimate
    specificity_at_90_sensitivity: Estimate
    sensitive: PointResult
    specific: PointResult
    ece: float | None
    brier: float | None
    calibration: CalibrationLine | None
    bins: tuple[CalibrationBin, ...]
    net_benefit: tuple[NetBenefit, ...]
    n_pos: int
    n_neg: int
    n_withheld: int

    @property
    def is_too_few(self) -> bool:
        """Fewer than ``MIN_CASES`` recordings with, or without, the finding."""
        return min(self.n_pos, self.n_neg) < MIN_CASES

    @property
    def prevalence_brier(self) -> float | None:
        """Brier score of saying the set's own share for everybody; a useful label is below."""
        n = self.n_pos + self.n_neg
        return self.n_pos * self.n_neg / n**2 if n else None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        line = self.calibration
        return {
            "auc": self.auc.as_dict(),
            "n_pos": self.n_pos,
            "n_neg": self.n_neg,
            "n_withheld": self.n_withheld,
            "too_few": self.is_too_few,
            "average_precision": self.average_precision.as_dict(),
            "operating_points": {
                "sensitive": point_dict(self.sensitive),
                "specific": point_dict(self.specific),
            },
            "specificity_at_90_sensitivity": self.specificity_at_90_sensitivity.as_dict(),
            "ece": self.ece,
            "brier": self.brier,
            "brier_of_prevalence": self.prevalence_brier,
            "calibration_slope": None if line is None else line.slope,
            "calibration_intercept": None if line is None else line.intercept,
            "calibration_bins": [item.as_dict() for item in self.bins],
            "net_benefit": [item.as_dict() for item in self.net_benefit],
        }


def target_result(
    points: LabelPoints, column: Column, groups: Sequence[str] | None, seed: int
) -> TargetResult:
    """Every figure of a label.

    Parameters
    ----------
    points
        The bundle's operating points of this label.
    column
        Truth and probability.
    groups
        (recordings,) patient of each; None draws recordings.
    seed
        Of the bootstrap.
    """
    return target_figures(
        column,
        groups,
        seed,
        sensitive=point_result(points, column, is_sensitive=True),
        specific=point_result(points, column, is_sensitive=False),
    )


def target_figures(
    column: Column,
    groups: Sequence[str] | None,
    seed: int,
    *,
    sensitive: PointResult,
    specific: PointResult,
) -> TargetResult:
    """Every figure of a label whose operating points were judged already."""
    y, p = column.truth, column.score
    n_pos, n_neg = metrics.counts(y)
    return TargetResult(
        auc=metrics.auc_interval(y, p, groups=groups, seed=seed),
        average_precision=metrics.average_precision_interval(y, p, groups=groups, seed=seed),
        specificity_at_90_sensitivity=metrics.specificity_at_sensitivity_interval(
            y, p, 0.9, groups=groups, seed=seed
        ),
        sensitive=sensitive,
        specific=specific,
        ece=metrics.expected_calibration_error(y, p),
        brier=metrics.brier(y, p),
        calibration=metrics.calibration_line(y, p),
        bins=curves.calibration_bins(y, p),
        net_benefit=curves.decision_curve(y, p),
        n_pos=n_pos,
        n_neg=n_neg,
        n_withheld=column.n_withheld,
    )


def point_result(points: LabelPoints, column: Column, *, is_sensitive: bool) -> PointResult:
    """Sensitivity and specificity at one of the bundle's two points."""
    point = points.sensitive if is_sensitive else points.specific
    return PointResult(point.id, metrics.at_threshold(column.truth, column.score, point.threshold))


def point_dict(point: PointResult) -> dict[str, object]:
    """For JSON."""
    return {
        "id": point.id,
        "threshold": point.at.threshold,
        "sensitivity": point.at.sensitivity.as_dict(),
        "specificity": point.at.specificity.as_dict(),
    }
