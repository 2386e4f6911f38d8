"""An evaluation as one self-contained page, Chinese first: no request leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from qiangji_inference import diagrams
from qiangji_inference.evaluate import Evaluation
from qiangji_inference.gallery import Exhibits
from qiangji_inference.report_parts import Words, figures, render
from qiangji_models.bundle import Bundle

_TEMPLATE: Final = "evaluation.html"


def report_html(
    bundle: Bundle,
    found: Evaluation,
    shown: Mapping[str, Exhibits],
    *,
    made_at: datetime,
) -> str:
    """The page.

    Parameters
    ----------
    bundle
        What was evaluated.
    found
        Its results.
    shown
        By label, the recordings it got most wrong; empty leaves pictures out.
    made_at
        Stands in the page's head.
    """
    words = Words()
    return render(
        _TEMPLATE,
        words,
        made_at=made_at,
        package="qiangji_inference",
        bundle=bundle,
        found=found,
        labels=[_section(found, name, shown.get(name), words) for name in found.scored.labels],
        changes=_changes(found, words),
        has_pictures=bool(shown),
    )


def _section(
    found: Evaluation, name: str, exhibits: Exhibits | None, words: Words
) -> dict[str, Any]:  # Any: what the template shows of a label
    result, column = found.targets[name], found.scored.column(name)
    parts = found.subgroups.get(name, ())
    return {
        **figures(name, result, column, words),
        "forest": diagrams.subgroups(parts, result.auc.value, words.both, words.subgroup),
        "subgroups": [(words.subgroup(p.by, ""), words.subgroup(p.by, p.value), p) for p in parts],
        "exhibits": exhibits,
        "conformal": found.conformal.get(name),
        "sites": [(site, site.targets[name]) for site in found.sites],
    }


def _changes(found: Evaluation, words: Words) -> str:
    if not found.robustness:
        return ""
    rows = [(words.both(f"evaluate.change_{c.id}"), c.lost) for c in found.robustness]
    return diagrams.changes(rows, words.both)
