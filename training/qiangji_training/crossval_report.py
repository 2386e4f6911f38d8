"""A cross-validation as files beside its runs: JSON for programs, one page for people."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Final

from qiangji_inference.report_parts import Words, figures, render
from qiangji_training.checkpoint import write_bytes
from qiangji_training.outoffold import CrossValidation

RESULTS: Final = "crossval.json"
PAGE: Final = "crossval.html"
_TEMPLATE: Final = "crossval.html"
_PACKAGE: Final = "qiangji_training"
#: Text of every group of labels.
GROUPS: Final = {
    "all labels": "train.group_all",
    "five superclasses": "train.group_superclasses",
    "findings": "train.group_findings",
    "labels with enough cases": "train.group_enough",
}


def write_report(found: CrossValidation, folder: Path, *, made_at: datetime) -> None:
    """Write both files."""
    table = json.dumps(found.as_json(), ensure_ascii=False, indent=2, allow_nan=False)
    write_bytes(folder / RESULTS, f"{table}\n".encode())
    write_bytes(folder / PAGE, page(found, made_at=made_at).encode())


def page(found: CrossValidation, *, made_at: datetime) -> str:
    """The page, self-contained, Chinese first; it shows no recording and no patient."""
    words = Words(_PACKAGE)
    return render(
        _TEMPLATE,
        words,
        made_at=made_at,
        package=_PACKAGE,
        found=found,
        groups=GROUPS,
        means={group: found.mean_of_folds(group) for group in found.macro_auc},
        labels=[
            figures(name, result, found.columns[name], words)
            for name, result in found.targets.items()
        ],
    )
