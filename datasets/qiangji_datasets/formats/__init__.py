"""Readers of file formats; bytes in, checked records out.

Nothing heavy is imported here: a reader's libraries load when it is first used, in a worker.
"""

from __future__ import annotations

from qiangji_datasets.formats.limits import DEFAULT, Limits, Stated
from qiangji_datasets.formats.reading import is_companion, read, read_path
from qiangji_datasets.formats.sniffing import HEAD_BYTES, sniff

__all__ = [
    "DEFAULT",
    "HEAD_BYTES",
    "Limits",
    "Stated",
    "is_companion",
    "read",
    "read_path",
    "sniff",
]
