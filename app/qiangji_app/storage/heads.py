"""Heads of the chains, signed and kept away from the database, so that a cut tail shows."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from qiangji_app.storage.disk import fsync_folder, open_private
from qiangji_app.storage.events import Head, head_mac, is_genuine
from qiangji_app.storage.keys import Keys

#: A head is written after so many events of a chain, and hourly.
EVERY_EVENTS: Final = 32
EVERY: Final = timedelta(hours=1)
#: Where the files go within the key folder unless an installation chooses another place.
HEADS_FOLDER: Final = "heads"
#: Enough of the end of a file to hold the newest heads of both chains.
_NEWEST_BYTES: Final = 8192


@dataclass(frozen=True)
class Witness:
    """A head as it was at an instant; ``is_genuine`` says that our key signed it."""

    head: Head
    at: str
    is_genuine: bool


class HeadsFile:
    """An append-only file of signed heads per node, in a folder outside the data folder.

    Every head that was ever written stays: a database rolled back to an old copy and continued
    contradicts one of them.

    Parameters
    ----------
    folder
        Beside the key file, or better on another disk or a mounted share.
    keys
        Signs the heads.
    every
        After how many events of a chain its head is written.
    """

    def __init__(self, folder: Path, keys: Keys, *, every: int = EVERY_EVENTS) -> None:
        self._folder = folder
        self._keys = keys
        self._every = every
        self._lock = threading.Lock()
        self._written: dict[tuple[str, str], tuple[int, datetime]] = {}

    def offer(self, head: Head, now: datetime) -> None:
        """Write a head when enough events or an hour went by since this process' last one."""
        seq, at = self._written.get((head.node_id, head.chain), (-self._every, now))
        if head.node_seq - seq >= self._every or now - at >= EVERY:
            self.write(head, now)

    def write(self, head: Head, now: datetime) -> None:
        """Append a head, durably; one that is there already is not repeated."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(head.node_id)
        is_new = not path.exists()
        with self._lock, open_private(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _NEWEST_BYTES))
            lines = file.read().split(b"\n")
            if not _is_last(lines, head):
                # A line that a crash cut short is ended here and ignored by ``read``.
                start = b"\n" if lines[-1] else b""
                file.write(start + self._line(head, now) + b"\n")
                os.fsync(file.fileno())
        if is_new:
            fsync_folder(self._folder)
        self._written[head.node_id, head.chain] = (head.node_seq, now)

    def read(self, node_id: str) -> tuple[Witness, ...]:
        """Heads written for a node, in order; empty when there is no file.

        A line that a crash cut short is left out: it says nothing.
        """
        path = self._path(node_id)
        if not path.exists():
            return ()
        found = (self._witness(node_id, line) for line in path.read_bytes().split(b"\n") if line)
        return tuple(witness for witness in found if witness is not None)

    def nodes(self) -> frozenset[str]:
        """Nodes that have a file here."""
        return frozenset(path.stem for path in self._folder.glob("*.jsonl"))

    def _line(self, head: Head, now: datetime) -> bytes:
        entry = {
            "chain": head.chain,
            "node_seq": head.node_seq,
            "hash": head.hash,
            "at": now.isoformat(),
            "signature": head_mac(self._keys.chain, head),
        }
        return json.dumps(entry, separators=(",", ":")).encode("ascii")

    def _witness(self, node_id: str, line: bytes) -> Witness | None:
        try:
            entry = json.loads(line)
            head = Head(node_id, entry["chain"], int(entry["node_seq"]), entry["hash"])
            at, signature = str(entry["at"]), str(entry["signature"])
        except (ValueError, KeyError, TypeError):
            return None
        return Witness(head, at, is_genuine(self._keys.chain, head, signature))

    def _path(self, node_id: str) -> Path:
        return self._folder / f"{node_id}.jsonl"


def _is_last(lines: list[bytes], head: Head) -> bool:
    """True when the newest whole line of the chain says the same."""
    for line in reversed(lines[:-1]):
        fields = {"chain": head.chain, "node_seq": head.node_seq, "hash": head.hash}
        start = json.dumps(fields, separators=(",", ":"))[:-1].encode("ascii")
        if f'"chain":"{head.chain}"'.encode("ascii") in line:
            return line.startswith(start)
    return False
