"""The card's section on baselines: simple models on the same recordings as the network."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from qiangji_datasets.errors import InputRejected

_LOG = logging.getLogger(__name__)
#: In a run's folder; ``baselines.py`` describes its form.
BASELINES: Final = "baselines.json"
_NAMES: Final = {
    "network": "本模型的网络 the network itself",
    "random_encoder": "随机权重网络 + 线性 random weights + linear",
    "hand_made": "人工特征 + 线性 hand-made features + linear",
    "random_kernels": "随机卷积核 + 线性 random kernels + linear",
    "person": "仅年龄、性别、体位 age, sex and view only",
}


def with_baselines(manifest: Mapping[str, Any], run_folder: Path) -> dict[str, Any]:  # Any: JSON
    """A run's manifest with its ``baselines.json`` under ``baselines``, where there is one.

    Baselines of another split say nothing about this run: they are left out, with a warning.

    Raises
    ------
    InputRejected
        The file is not what ``qiangji baseline`` writes.
    """
    path = run_folder / BASELINES
    if not path.is_file():
        return dict(manifest)
    try:
        found = {**manifest, "baselines": json.loads(path.read_text("utf-8"))}
        baseline_section(found)
        is_same_split = found["baselines"]["split_sha256"] == manifest["split_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputRejected("train.baselines_unreadable", file=path.name) from error
    if not is_same_split:
        _LOG.warning("%s is of another split and left out", path.name)
        return dict(manifest)
    return found


def baseline_section(manifest: Mapping[str, Any]) -> str:  # Any: JSON
    """Markdown, models down, test parts across; empty where the manifest has no baselines."""
    content = manifest.get("baselines")
    if content is None:
        return ""
    rows = _rows(content)
    head = "| | " + " | ".join(rows) + " |"
    lines = [head, "|---" * (len(rows) + 1) + "|"]
    for model in content["models"]:
        cells = [found.get(model["id"], "–") for found in rows.values()]
        lines.append(f"| {_NAMES[model['id']]} | " + " | ".join(cells) + " |")
    note = (
        f"Macro AUC with 95 % intervals (bootstrap over patients); {content['train']} recordings "
        "taught the linear models, their regularisation was chosen on the validation part."
    )
    return "\n\n".join(["## 基线 · Baselines", note, "\n".join(lines)])


def _rows(content: Mapping[str, Any]) -> dict[str, dict[str, str]]:  # Any: JSON
    """By test part, in the file's order: macro AUC by model."""
    found: dict[str, dict[str, str]] = {}
    for model in content["models"]:
        for part in model["parts"]:
            value = part["macro_auc"]
            if value["value"] is not None:
                cell = f"{value['value']:.3f}"
                if value["low"] is not None:
                    cell += f" ({value['low']:.3f}–{value['high']:.3f})"
                found.setdefault(part["data_set"], {})[model["id"]] = cell
    return found
