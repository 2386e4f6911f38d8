"""Lists of SHA-256: the publisher's own, and the one kept of what was downloaded first."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.cards import safe_path

#: Kept in the folder of a set whose publisher states no SHA-256.
RECORDED: Final = "SHA256SUMS.recorded.txt"
_LINE: Final = re.compile(r"([0-9a-fA-F]{64})\s+\*?(\S.*?)\s*")
_BLOCK: Final = 1 << 20


def sha256_of(path: Path) -> str:
    """Digest of a file, lower case."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def parse(text: str) -> dict[str, str]:
    """Path to digest, from lines ``<digest> <path>`` as ``sha256sum`` writes them.

    Raises
    ------
    InputRejected
        A line is of another form, or a path leaves the folder.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputRejected("data.sums_damaged", line=number)
        found[safe_path(match[2])] = match[1].lower()
    return found


def recorded(folder: Path) -> dict[str, str]:
    """What was recorded in this folder; empty when nothing was."""
    path = folder / RECORDED
    return parse(path.read_text("utf-8")) if path.is_file() else {}


def record(folder: Path, name: str, digest: str) -> None:
    """Add a digest to the list of this folder; the file is replaced as a whole."""
    known = {**recorded(folder), name: digest}
    temporary = folder / f"{RECORDED}.part"
    lines = "".join(f"{value} {key}\n" for key, value in sorted(known.items()))
    temporary.write_text(lines, "utf-8")
    temporary.replace(folder / RECORDED)
