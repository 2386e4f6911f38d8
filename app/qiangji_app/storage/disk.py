"""Small durable acts on files and folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from qiangji_datasets.errors import StorageFault


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder permanent."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_private(path: Path) -> BinaryIO:
    """Open to read and append; made with mode 0600 where there is none."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "a+b", buffering=0)


@contextmanager
def no_space_as_fault() -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" into StorageFault ``storage.full``."""
    try:
        yield
    except OSError as error:
        if is_no_space(error):
            raise StorageFault("storage.full") from error
        raise


def is_no_space(error: object) -> bool:
    """True when the operating system ran out of space or quota."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
