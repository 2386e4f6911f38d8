"""The same label in parts of a set: by sex, age band, view, site and columns of the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import View
from qiangji_inference import metrics
from qiangji_inference.label_results import MIN_CASES, PointResult, point_dict, point_result
from qiangji_inference.labelled import Labelled
from qiangji_inference.metrics import Estimate
from qiangji_inference.scored import Scored
from qiangji_models.bundle import Bundle

#: Lower ends of age bands in years. Under 18: ICH E11(R1) (infant, child, adolescent); above,
#: bands wide enough to hold cases in a county's set.
AGE_BANDS: Final = (0, 2, 12, 18, 40, 60, 75)
#: A column with more values is a measurement or an identifier, not a group.
MAX_VALUES: Final = 20

SEX, AGE, VIEW, SITE = "sex", "age_band", "view", "site"


@dataclass(frozen=True)
class SubgroupResult:
    """A label among the recordings with one value of one column."""

    by: str
    value: str
    n_pos: int
    n_neg: int
    auc: Estimate
    sensitive: PointResult
    specific: PointResult

    @property
    def is_too_few(self) -> bool:
        """Fewer than ``MIN_CASES`` with, or without, the finding."""
        return min(self.n_pos, self.n_neg) < MIN_CASES

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "by": self.by,
            "value": self.value,
            "n_pos": self.n_pos,
            "n_neg": self.n_neg,
            "too_few": self.is_too_few,
            "auc": self.auc.as_dict(),
            "operating_points": {
                "sensitive": point_dict(self.sensitive),
                "specific": point_dict(self.specific),
            },
        }


def age_band(age_years: float | None) -> str:
    """``40–59`` or ``75+``; empty when unknown."""
    if age_years is None:
        return ""
    at = int(np.searchsorted(AGE_BANDS, age_years, side="right")) - 1
    is_last = at == len(AGE_BANDS) - 1
    return f"{AGE_BANDS[at]}+" if is_last else f"{AGE_BANDS[at]}–{AGE_BANDS[at + 1] - 1}"


def subgroup_results(
    bundle: Bundle, scored: Scored, *, seed: int
) -> dict[str, tuple[SubgroupResult, ...]]:
    """By label, every part with a stated truth; a column with only one value is left out.

    Raises
    ------
    InputRejected
        A column of the table has more than ``MAX_VALUES`` values.
    """
    found: dict[str, list[SubgroupResult]] = {label: [] for label in scored.labels}
    for by, values in _divisions(scored.rows).items():
        for value in sorted(set(values.tolist()) - {""}, key=_sort_key):
            part = scored.where(values == value)
            for label, results in found.items():
                if any(metrics.counts(part.column(label).truth)):
                    results.append(_result(bundle, part, label, (by, value), seed=seed))
    return {label: tuple(results) for label, results in found.items()}


def _divisions(rows: Sequence[Labelled]) -> dict[str, NDArray[np.str_]]:
    readers: dict[str, Callable[[Labelled], str]] = {
        SITE: lambda row: row.site,
        SEX: lambda row: "" if row.stated.sex is None else row.stated.sex.value,
        AGE: lambda row: age_band(row.stated.age_years),
        VIEW: lambda row: _view(row.stated.view),
    }
    found = {by: np.array([read(row) for row in rows]) for by, read in readers.items()}
    for column in dict.fromkeys(name for row in rows for name in row.kept):
        found[column] = np.array([row.kept.get(column, "") for row in rows])
    for column, values in found.items():
        n = len(set(values.tolist()))
        if n > MAX_VALUES:
            raise InputRejected("evaluate.too_many_values", column=column, n=n, limit=MAX_VALUES)
    return {by: values for by, values in found.items() if len(set(values.tolist()) - {""}) > 1}


def _view(view: View | None) -> str:
    return "" if view in (None, View.UNKNOWN) else str(view)


def _sort_key(value: str) -> tuple[int, str]:
    digits = value.split("–", maxsplit=1)[0].rstrip("+")
    return (int(digits) if digits.isdecimal() else -1, value)


def _result(
    bundle: Bundle, part: Scored, label: str, named: tuple[str, str], *, seed: int
) -> SubgroupResult:
    column, points = part.column(label), bundle.points[label]
    n_pos, n_neg = metrics.counts(column.truth)
    by, value = named
    return SubgroupResult(
        by=by,
        value=value,
        n_pos=n_pos,
        n_neg=n_neg,
        auc=metrics.auc_interval(column.truth, column.score, groups=part.patients, seed=seed),
        sensitive=point_result(points, column, is_sensitive=True),
        specific=point_result(points, column, is_sensitive=False),
    )
