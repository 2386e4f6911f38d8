"""How many of those who have a finding a bundle points out, by its own measurements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from qiangji_models.bundle import Bundle

#: Shares of fewer patients say too little; the rule of the validation report and the cards.
_ENOUGH: Final = 30


def measured_sensitivity(bundle: Bundle, label: str) -> float:
    """Sensitivity of the lowest line above which the product hints.

    Parameters
    ----------
    bundle
        Whose test results and operating points are looked up.
    label
        One of the bundle's labels.

    Returns
    -------
        0-1: the lowest of the bundle's test sets with at least 30 patients who have the finding;
        without such a set, that of the data on which the line was fixed.
    """
    points = bundle.points[label]
    used = "sensitive" if points.has_hint else "specific"
    point = points.sensitive if points.has_hint else points.specific
    return min(_tested(bundle, label, used), default=point.sensitivity)


def _tested(bundle: Bundle, label: str, used: str) -> Iterator[float]:
    for result in bundle.results:
        row: Any = result.get("labels", {}).get(label, {})  # Any: the card's JSON
        value = row.get("points", {}).get(used, {}).get("sensitivity", {}).get("value")
        if value is not None and row.get("n_pos", 0) >= _ENOUGH:
            yield float(value)
