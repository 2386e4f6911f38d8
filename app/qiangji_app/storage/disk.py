"""Small durable acts on files and folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qiangji_datasets.errors import StorageFault


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder permanent."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
