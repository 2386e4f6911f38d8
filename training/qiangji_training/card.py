"""The model card, written from the texts and the measured results; never edited by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qiangji_datasets.labels import label
from qiangji_training.about import About

#: Below this many positives an interval says little; the card marks the row.
_FEW = 30


def model_card(about: About, metadata: Mapping[str, Any]) -> str:  # Any: JSON
    """Markdown, Chinese title and purpose first; other sites' results before the own ones."""
    ours = metadata["qiangji"]
    results = sorted(ours["results"], key=lambda row: not row["is_other_site"])
    blocks = [
        f"# {about.title_zh} · {about.title_en}",
        f"`{ours['name']}` {metadata['version']}",
        "## 用途 · Intended use",
        about.intended_use_zh,
        about.intended_use_en,
        "## 不适用 · Exclusions",
        _bullets(f"{row.zh} · {row.en}" for row in about.exclusions),
        "## Results",
        "Areas under the ROC curve with 95 % intervals (bootstrap over patients, 1000 draws); "
        "sensitivity and specificity with Wilson 95 % intervals, at thresholds fixed on "
        f"{ours['calibration']['data_set']} (n = {ours['calibration']['n']}). "
        f"Rows marked \\* rest on fewer than {_FEW} positives.",
        *(_part(row) for row in results),
        "## Training",
        _bullets(about.training_notes),
        _run(ours["run"]),
        "## Data",
        about.data_source,
        "## Limits",
        _bullets(about.limits),
        "## References",
        _bullets(about.references),
    ]
    return "\n\n".join(blocks) + "\n"


def _part(row: Mapping[str, Any]) -> str:
    where = "another site" if row["is_other_site"] else "same source as training"
    lines = [
        f"### {row['data_set']} ({where})",
        f"{row['n']} recordings, {row['patients']} patients.",
    ]
    lines += [
        f"Macro AUC, {name}: **{_estimate(value)}**."
        for name, value in row["macro_auc"].items()
        if value["value"] is not None
    ]
    head = "| label | n+ | n− | AUC | sensitive point: sens / spec | specific point: sens / spec |"
    table = [head, "|---|---|---|---|---|---|"]
    table += [_label_row(name, item) for name, item in row["labels"].items()]
    return "\n\n".join([*lines, "\n".join(table)])


def _label_row(name: str, item: Mapping[str, Any]) -> str:
    mark = "\\*" if item["n_pos"] < _FEW else ""
    cells = [
        f"{label(name).zh} `{name}`{mark}",
        str(item["n_pos"]),
        str(item["n_neg"]),
        _estimate(item["auc"]),
        *(
            f"{_estimate(item['points'][kind]['sensitivity'])} / "
            f"{_estimate(item['points'][kind]['specificity'])}"
            for kind in ("sensitive", "specific")
        ),
    ]
    return "| " + " | ".join(cells) + " |"


def _estimate(value: Mapping[str, float | None]) -> str:
    if value["value"] is None:
        return "–"
    if value["low"] is None or value["high"] is None:
        return f"{value['value']:.3f}"
    return f"{value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f})"


def _run(run: Mapping[str, Any]) -> str:
    parts = ", ".join(f"{name} {n}" for name, n in run["n"].items())
    return (
        f"{run['parameters']:,} parameters, {run['cpu_minutes']} processor minutes, "
        f"{run['threads']} thread(s), seed {run['config']['seed']}, commit `{run['commit'][:12]}`. "
        f"Recordings: {parts}. Split sha256 `{run['split_sha256'][:16]}`."
    )


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
