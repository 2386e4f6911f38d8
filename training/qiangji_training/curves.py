"""The curves of a run, one line an epoch, for a spreadsheet or a plot."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from qiangji_training.checkpoint import write_atomic

#: ``step`` counts from the start of the member; ``seconds`` is the epoch with its validation.
COLUMNS: Final = ("member", "epoch", "step", "loss", "lr", "macro_auc", "seconds")


def write_curves(path: Path, member: int, rows: Sequence[dict[str, float]]) -> None:
    """Replace the lines of one member; those of the others stay."""
    kept = [line for line in _lines(path) if line["member"] != str(member)]
    new = [{"member": str(member), **{key: f"{row[key]:.6g}" for key in row}} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted([*kept, *new], key=lambda line: int(line["member"])))
    content = text.getvalue().encode()
    write_atomic(path, lambda stream: stream.write(content))


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
