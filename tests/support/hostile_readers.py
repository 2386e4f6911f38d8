"""Readers that misbehave, run in real worker processes."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import Stated, read_path
from qiangji_datasets.records import Record


def misbehave(path: Path, stated: Stated | None) -> Record:
    """Do what the name of the file says; read it when the name says nothing special."""
    acts = {"kill": _kill, "hang": _hang, "greedy": _greedy, "bug": _bug, "refuse": _refuse}
    act = acts.get(path.stem)
    if act is not None:
        act()
    if path.stem == "killonce" and not (marker := path.with_suffix(".tried")).exists():
        marker.touch()
        _kill()
    return read_path(path, stated=stated)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    threading.Event().wait()


def _greedy() -> None:
    held = []
    while True:
        held.append(bytearray(32 * 2**20))


def _bug() -> None:
    raise ZeroDivisionError("Zhang^San 110101199001011234")


def _refuse() -> None:
    raise InputRejected("film.too_large", rows=1, columns=2)
