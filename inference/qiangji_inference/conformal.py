"""Conformal prediction sets: which answers a label cannot rule out at a stated error rate.

Split conformal, class by class (Mondrian): for each label the answers "present" and "absent"
are kept or ruled out by their own quantile on calibration recordings, so that the coverage
holds among patients with and among patients without the finding, provided that the tested
recordings come from where the calibration recordings came from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_inference.metrics import Estimate, stated, wilson
from qiangji_inference.resampling import Floats

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class ConformalRule:
    """When an answer stays in the set; made by ``conformal_rule``.

    "Present" stays at or above ``present_from``, "absent" at or below ``absent_to``. An answer
    that too few calibration recordings speak for is never ruled out: 0 and 1.
    """

    alpha: float
    present_from: float
    absent_to: float
    n_pos: int
    n_neg: int

    def sets(self, probability: ArrayLike) -> tuple[Bools, Bools]:
        """Is "present", is "absent" in the set; (n,) each."""
        p = np.asarray(probability, np.float64)
        return p >= self.present_from, p <= self.absent_to


@dataclass(frozen=True)
class ConformalResult:
    """What the sets of one label came to on other recordings.

    ``coverage`` is the share of recordings whose set holds the truth, in all, among those with
    and those without the finding; the goal is ``1 - alpha`` in each. ``mean_size`` counts
    answers in a set (1 is a clear answer); the shares are of sets with one, both and no answer.
    """

    rule: ConformalRule
    coverage: Estimate
    coverage_present: Estimate
    coverage_absent: Estimate
    mean_size: float | None
    share_clear: float | None
    share_both: float | None
    share_empty: float | None
    n_pos: int
    n_neg: int

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "alpha": self.rule.alpha,
            "stated_coverage": 1 - self.rule.alpha,
            "calibration_n_pos": self.rule.n_pos,
            "calibration_n_neg": self.rule.n_neg,
            "present_from": self.rule.present_from,
            "absent_to": self.rule.absent_to,
            "coverage": self.coverage.as_dict(),
            "coverage_present": self.coverage_present.as_dict(),
            "coverage_absent": self.coverage_absent.as_dict(),
            "mean_size": self.mean_size,
            "share_clear": self.share_clear,
            "share_both": self.share_both,
            "share_empty": self.share_empty,
            "n_pos": self.n_pos,
            "n_neg": self.n_neg,
        }


def conformal_rule(truth: ArrayLike, probability: ArrayLike, alpha: float) -> ConformalRule:
    """Limits of both answers from calibration recordings.

    Parameters
    ----------
    truth, probability
        (n,) of recordings that are in no test; truth 1, 0 or NaN.
    alpha
        Allowed share of sets that miss the truth, between 0 and 1.

    Raises
    ------
    InputRejected
        ``alpha`` is not between 0 and 1.

    References
    ----------
    Vovk 2012, "Conditional validity of inductive conformal predictors", arXiv:1209.2673.
    """
    if not 0 < alpha < 1:
        raise InputRejected("evaluate.alpha_range", alpha=alpha)
    y, p = stated(truth, probability)
    present, absent = p[y == 1], p[y == 0]
    return ConformalRule(
        alpha=alpha,
        present_from=1 - _limit(1 - present, alpha),
        absent_to=_limit(absent, alpha),
        n_pos=len(present),
        n_neg=len(absent),
    )


def conformal_result(
    rule: ConformalRule, truth: ArrayLike, probability: ArrayLike
) -> ConformalResult:
    """Coverage that the rule reaches on other recordings, with Wilson 95 % intervals."""
    y, p = stated(truth, probability)
    has_present, has_absent = rule.sets(p)
    size = has_present.astype(np.intp) + has_absent
    is_pos = y == 1
    is_covered = np.where(is_pos, has_present, has_absent)
    return ConformalResult(
        rule=rule,
        coverage=wilson(int(is_covered.sum()), len(y)),
        coverage_present=wilson(int(is_covered[is_pos].sum()), int(is_pos.sum())),
        coverage_absent=wilson(int(is_covered[~is_pos].sum()), int((~is_pos).sum())),
        mean_size=_mean(size.astype(np.float64)),
        share_clear=_mean((size == 1).astype(np.float64)),
        share_both=_mean((size == 2).astype(np.float64)),
        share_empty=_mean((size == 0).astype(np.float64)),
        n_pos=int(is_pos.sum()),
        n_neg=int((~is_pos).sum()),
    )


def _limit(strangeness: Floats, alpha: float) -> float:
    """The ceil((n + 1)(1 - alpha))-th smallest strangeness; 1 where n is too small for one."""
    n = len(strangeness)
    rank = int(np.ceil((n + 1) * (1 - alpha) - 1e-9))
    return float(np.sort(strangeness)[rank - 1]) if rank <= n else 1.0


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
