"""The diagrams of an evaluation: what each shows, with the page's words for its axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from qiangji_inference import curves
from qiangji_inference.label_results import TargetResult
from qiangji_inference.metrics import Estimate
from qiangji_inference.scored import Column
from qiangji_inference.subgroups import SubgroupResult
from qiangji_inference.svg import Axis, ForestRow, Plot, forest

#: Both languages of a text on one line.
Both = Callable[[str], str]

#: Ends that the axis of a probability may have.
_ENDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
_CURVE_POINTS: Final = 200


def roc(column: Column, result: TargetResult, both: Both) -> str:
    """ROC curve with the bundle's two operating points; empty without both classes."""
    curve = curves.roc(column.truth, column.score)
    if curve is None:
        return ""
    plot = Plot(
        Axis(0, 1, both("report.false_positive")),
        Axis(0, 1, both("report.sensitivity")),
        both("report.roc"),
    )
    plot.line([(0, 0), (1, 1)], "none")
    plot.line(zip(curve.false_positive, curve.true_positive, strict=True), "main")
    for point, kind in ((result.sensitive, "sensitive"), (result.specific, "specific")):
        sensitivity, specificity = point.at.sensitivity.value, point.at.specificity.value
        if sensitivity is not None and specificity is not None:
            said = f"{both(f'report.{kind}')}: {sensitivity:.3f} / {specificity:.3f}"
            plot.point(1 - specificity, sensitivity, kind, said=said)
    return plot.svg()


def precision_recall(column: Column, both: Both) -> str:
    """Precision against recall, with the share of positives; empty without a positive."""
    curve = curves.precision_recall(column.truth, column.score)
    if curve is None:
        return ""
    plot = Plot(
        Axis(0, 1, both("report.recall")),
        Axis(0, 1, both("report.precision")),
        both("report.pr"),
    )
    plot.line([(0, curve.prevalence), (1, curve.prevalence)], "none")
    points = [(0.0, float(curve.precision[0]))]
    points += list(zip(curve.recall.tolist(), curve.precision.tolist(), strict=True))
    plot.line(points, "main", stepped=False)
    return plot.svg()


def calibration(result: TargetResult, both: Both) -> str:
    """Observed share against stated probability; empty without recordings."""
    if not result.bins:
        return ""
    largest = max(max(item.stated, item.observed.high or 0.0) for item in result.bins)
    end = next(value for value in _ENDS if value >= min(largest, 1.0) - 1e-9)
    plot = Plot(
        Axis(0, end, both("report.stated")),
        Axis(0, end, both("report.observed")),
        both("report.calibration"),
    )
    plot.line([(0, 0), (end, end)], "none")
    if result.calibration is not None:
        low, high = result.bins[0].stated, result.bins[-1].stated
        p = np.clip(np.linspace(low, high, _CURVE_POINTS), 1e-6, 1 - 1e-6)
        line = result.calibration
        logit = line.slope * np.log(p / (1 - p)) + line.intercept
        plot.line(zip(p.tolist(), (1 / (1 + np.exp(-logit))).tolist(), strict=True), "fitted")
    for item in result.bins:
        plot.interval(item.stated, item.observed, "main")
    return plot.svg()


def decision(result: TargetResult, both: Both) -> str:
    """Net benefit of the bundle, of sending everybody and of sending nobody."""
    if not result.net_benefit:
        return ""
    share = result.n_pos / (result.n_pos + result.n_neg)
    top = max(share, *(item.bundle for item in result.net_benefit)) * 1.08
    useful = [item.threshold for item in result.net_benefit if item.bundle > 0]
    wanted = max([1.5 * share, *useful])
    last = next((end for end in _ENDS if end >= wanted), result.net_benefit[-1].threshold)
    last = min(last, result.net_benefit[-1].threshold)
    top = next(end for end in (0.01, 0.02, *_ENDS) if end >= top)
    plot = Plot(
        Axis(0, last, both("report.threshold")),
        Axis(-0.25 * top, top, both("report.net_benefit")),
        both("report.decision"),
    )
    plot.line([(0, 0), (last, 0)], "none")
    # Far below 0 neither line says more than "do not".
    inside = [item for item in result.net_benefit if item.threshold <= last]
    lines = {
        "all": [(item.threshold, item.all) for item in inside],
        "main": [(item.threshold, item.bundle) for item in inside],
    }
    for kind, points in lines.items():
        plot.line([point for point in points if point[1] >= plot.y.low], kind)
    for point, kind in ((result.sensitive, "sensitive"), (result.specific, "specific")):
        if point.at.threshold <= last:
            plot.upright(point.at.threshold, kind)
    return plot.svg()


def subgroups(
    items: Sequence[SubgroupResult],
    whole: float | None,
    both: Both,
    names: Callable[[str, str], str],
) -> str:
    """AUC of every subgroup with its interval; empty where there is none.

    ``names`` turns a division and a value into words; an empty value asks for the heading.
    """
    rows: list[ForestRow] = []
    last = ""
    for item in items:
        if item.by != last:
            rows.append(ForestRow(names(item.by, "")))
        last = item.by
        notes = (shown(item.auc), f"{item.n_pos} / {item.n_neg}")
        rows.append(ForestRow(names(item.by, item.value), notes, item.auc, item.is_too_few))
    if not rows:
        return ""
    lows = [item.auc.low if item.auc.low is not None else item.auc.value for item in items]
    low = min([value for value in lows if value is not None], default=0.5)
    start = 0.0 if low < 0.5 else 0.5
    axis = Axis(start, 1.0, "AUC")
    return forest(rows, title=both("report.subgroups"), axis=axis, whole=whole)


def changes(rows: Sequence[tuple[str, Estimate]], both: Both) -> str:
    """AUC lost under every change."""
    limits = [
        abs(value)
        for _, lost in rows
        for value in (lost.low, lost.high, lost.value)
        if value is not None
    ]
    largest = max(limits, default=0.0)
    end = next((value for value in (0.02, *_ENDS) if value >= largest), 1.0)
    drawn = [ForestRow(name, (shown(lost),), lost) for name, lost in rows]
    axis = Axis(-end, end, both("report.lost"), steps=4)
    return forest(drawn, title=both("report.robustness"), axis=axis, whole=0.0, names_px=330.0)


def shown(value: Estimate, digits: int = 3) -> str:
    """``0.912 (0.880–0.940)``; a dash where there is no figure."""
    if value.value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.value:.{digits}f}"
    return f"{value.value:.{digits}f} ({value.low:.{digits}f}–{value.high:.{digits}f})"
