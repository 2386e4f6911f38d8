"""Plain copies of encrypted files for reader processes: private, in memory, removed after use."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

#: Folders to try in turn; the first is memory on Linux.
_CANDIDATES: Final = (Path("/dev/shm"),)  # noqa: S108 - mkdtemp makes a private folder in it
_PREFIX: Final = "qiangji-plain-"


class Scratch:
    """Private folders named after the process, so that those of a killed one are recognised.

    Parameters
    ----------
    folders
        Where to put them; the first with room is taken. By default memory, then the system's
        folder for temporary files.
    """

    def __init__(self, folders: tuple[Path, ...] | None = None) -> None:
        self._folders = folders or (*_CANDIDATES, Path(tempfile.gettempdir()))
        for folder in self._folders:
            _remove_left_behind(folder)

    @contextmanager
    def file(self, size: int) -> Iterator[tuple[Path, BinaryIO]]:
        """A file of mode 0600 with room for ``size`` bytes."""
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=self._room(size)))
        path = folder / "recording"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                yield path, file
        finally:
            shutil.rmtree(folder)

    def _room(self, size: int) -> Path:
        for folder in self._folders:
            if _is_writable(folder) and _free(folder) > 2 * size:
                return folder
        return self._folders[-1]


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _free(folder: Path) -> int:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def _remove_left_behind(folder: Path) -> None:
    """Remove folders of our user whose process is gone (killed while a reader worked)."""
    for path in folder.glob(f"{_PREFIX}*"):
        number = path.name.removeprefix(_PREFIX).partition("-")[0]
        is_ours = path.is_dir() and path.stat().st_uid == os.getuid()
        if is_ours and number.isdigit() and not Path("/proc", number).exists():
            shutil.rmtree(path, ignore_errors=True)
