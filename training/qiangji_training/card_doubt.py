"""The part of a model card on doubt: bands, abstain zones, recordings unlike the training data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qiangji_datasets.labels import label


def doubt_lines(doubt: Mapping[str, Any], who: str) -> list[str]:  # Any: JSON
    """One line for bands (drawn over ``who``), novelty, each check of it, and the zones."""
    bands, novelty = doubt["bands"], doubt["novelty"]
    return [
        f"可靠范围 · Reliability bands (95 %): spread of the calibration over {bands['draws']} "
        f"bootstrap draws of the {bands['patients']} {who} of {bands['data_set']}.",
        f"与训练数据差异大 · Unfamiliar: Mahalanobis distance of the pooled features from those of "
        f"{novelty['trained_on']} training recordings, above {novelty['threshold']:.2f} a channel; "
        f"set so that at most {_percent(novelty['false_alarm_rate'])} of recordings like the "
        f"{novelty['n']} of {novelty['data_set']} are called so.",
        *(_check(row) for row in novelty["checks"]),
        "AI 不确定 · Abstain zones (probability; share of the validation recordings inside): "
        + "; ".join(_zone(name, row) for name, row in doubt["zones"].items())
        + ". † cut to the tenth of the recordings nearest to the threshold.",
    ]


def _check(row: Mapping[str, Any]) -> str:
    where = "another site" if row["is_other_site"] else "same source as training"
    low, high = row["interval"]
    return (
        f"Called unfamiliar on {row['data_set']} ({where}): {_percent(row['flagged'])} "
        f"({_percent(low)}–{_percent(high)}) of {row['n']}."
    )


def _zone(name: str, row: Mapping[str, Any]) -> str:
    cut = " †" if row["is_cut"] else ""
    return f"{label(name).zh} {row['low']:.3f}–{row['high']:.3f} ({_percent(row['share'])}{cut})"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"
