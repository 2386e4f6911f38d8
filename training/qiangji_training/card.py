"""The model card, written from the texts and the measured results; never edited by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qiangji_datasets.labels import label
from qiangji_datasets.records import Modality
from qiangji_models.bundle import MIN_HINT_SPECIFICITY
from qiangji_training.about import About
from qiangji_training.card_baselines import baseline_section
from qiangji_training.card_doubt import doubt_lines

#: Below this many positives an interval says little; the card marks the row.
_FEW = 30
_TOO_FEW = "例数太少 too few"
_UNUSED = "不用 not used"
_UNUSED_WHY = (
    "敏感阈值的特异度不足 70 %,产品不据此提示 / the sensitive point's specificity is under 70 %, "
    "the product flags nothing by it"
)
_IMAGENET = "imagenet"
_FAULTS = {
    "macro_auc": "macro AUC 变化过大 / the macro AUC moved too far",
    "label_auc": "某标签 AUC 下降过大 / the AUC of a label fell too far",
    "golden": "样例概率偏差过大 / a golden case moved too far",
    "map": "热图与 logit 不一致 / map and logit disagree",
    "speed": "并不更快 / it is not faster",
}


def model_card(about: About, metadata: Mapping[str, Any]) -> str:  # Any: JSON
    """Markdown, Chinese title and purpose first; other sites' results before the own ones."""
    ours = metadata["qiangji"]
    who = resampled(ours["modality"])
    results = sorted(ours["results"], key=lambda row: not row["is_other_site"])
    blocks = [
        f"# {about.title_zh} · {about.title_en}",
        f"`{ours['name']}` {metadata['version']}",
        "## 用途 · Intended use",
        about.intended_use_zh,
        about.intended_use_en,
        "## 不适用 · Exclusions",
        _bullets(f"{row.zh} · {row.en}" for row in about.exclusions),
        "## 结果 · Results",
        f"Areas under the ROC curve with 95 % intervals (bootstrap over {who}, 1000 draws); "
        "sensitivity and specificity with Wilson 95 % intervals, at thresholds fixed on "
        f"{ours['calibration']['data_set']} (n = {ours['calibration']['n']}). "
        f"“{_TOO_FEW}” marks rows that rest on fewer than {_FEW} positives. "
        f"“{_UNUSED}”: {_UNUSED_WHY}.",
        *(_part(row, ours["operating_points"], who) for row in results),
        *filter(None, [baseline_section(ours["run"])]),
        "## Training",
        _bullets(about.training_notes),
        _run(ours["run"]),
        "## 检查 · Checks of the files",
        _bullets(_checks(ours["checks"])),
        "## 不确定与陌生记录 · Doubt and unfamiliar recordings",
        _bullets(doubt_lines(ours["uncertainty"], who)),
        "## 更新记录 · Changes",
        _bullets(f"{version}: {entry}" for version, entry in metadata["changelog"].items()),
        "## Data",
        about.data_source,
        "## Limits",
        _bullets(about.limits),
        "## References",
        _bullets(about.references),
    ]
    return "\n\n".join(blocks) + "\n"


def resampled(modality: str) -> str:
    """What intervals are drawn over: the sets of cells tell no patients."""
    return "runs of neighbouring cells" if modality == Modality.PAP else "patients"


def _part(row: Mapping[str, Any], points: Mapping[str, Any], who: str) -> str:
    where = "another site" if row["is_other_site"] else "same source as training"
    lines = [
        f"### {row['data_set']} ({where})",
        f"{row['n']} recordings, {row['patients']} {who}.",
    ]
    lines += [
        f"Macro AUC, {name}: **{_estimate(value)}**."
        for name, value in row["macro_auc"].items()
        if value["value"] is not None
    ]
    head = "| label | n+ | n− | AUC | sensitive point: sens / spec | specific point: sens / spec |"
    table = [head, "|---|---|---|---|---|---|"]
    table += [_label_row(name, item, points[name]) for name, item in row["labels"].items()]
    return "\n\n".join([*lines, "\n".join(table)])


def _label_row(name: str, item: Mapping[str, Any], points: Mapping[str, Any]) -> str:
    """``points`` are the label's own: one that the product does not use has no figures here."""
    is_used = {
        "sensitive": points["sensitive"]["specificity"] >= MIN_HINT_SPECIFICITY,
        "specific": True,
    }
    mark = f" ({_TOO_FEW})" if item["n_pos"] < _FEW else ""
    cells = [
        f"{label(name).zh} `{name}`{mark}",
        str(item["n_pos"]),
        str(item["n_neg"]),
        _estimate(item["auc"]),
        *(
            f"{_estimate(item['points'][kind]['sensitivity'])} / "
            f"{_estimate(item['points'][kind]['specificity'])}"
            if is_used[kind]
            else _UNUSED
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
    left_out = ", ".join(f"`{code}` {n}" for code, n in run.get("left_out", {}).items())
    told = f" Left out, by reason: {left_out}." if left_out else ""
    return (
        f"{_start(run['config']['start_from'])} {run['config']['fit']['members']} network(s), "
        f"{run['parameters']:,} parameters, {run['cpu_minutes']} processor minutes, "
        f"{run['threads']} thread(s), seed {run['config']['seed']}, commit `{run['commit'][:12]}`. "
        f"Recordings: {parts}.{told} Split sha256 `{run['split_sha256'][:16]}`."
    )


def _start(start_from: str) -> str:
    if start_from == _IMAGENET:
        return "Started from weights published for ImageNet (everyday photographs)."
    if start_from:
        return f"Started from the features of the run `{start_from}`."
    return "Started from random weights."


def _checks(checks: Mapping[str, Any]) -> list[str]:
    """Lines on parity, rounding and the int8 file."""
    parity, rounding = checks["parity"], checks["rounding"]
    return [
        f"ONNX Runtime against torch on {parity['n']} recordings of {parity['data_set']}: logits "
        f"within {parity['logits']:.1e}, map within {parity['map']:.1e}.",
        f"Weights are stored in half precision and computed with in 32 bits; rounding them moved "
        f"a validation logit by {rounding['largest_logit_change']:.4f} at most.",
        _int8(checks["int8"]),
    ]


def _int8(found: Mapping[str, Any]) -> str:
    if found["is_shipped"]:
        verdict = "int8 随包提供并优先使用 / an int8 file ships and is preferred"
    else:
        faults = "; ".join(_FAULTS[name] for name in found["faults"])
        verdict = f"int8 不提供 / no int8 file ships: {faults}"
    return (
        f"{verdict}. On {found['n']} validation recordings: macro AUC fp32 "
        f"{_plain(found['macro_auc_fp32'])}, int8 {_plain(found['macro_auc_int8'])}; largest fall "
        f"of one label {found['worst_label_drop']:.4f}; probabilities apart by "
        f"{found['mean_difference']:.4f} on average and {found['largest_difference']:.3f} at most; "
        f"{found['changed_flags']:.2%} of threshold comparisons changed. One thread, in turn: "
        f"{found['ms_fp32']:.1f} ms fp32, {found['ms_int8']:.1f} ms int8."
    )


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
