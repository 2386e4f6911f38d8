"""What runs inside a reader process, and the line to it: one job after another.

The parent imports this module too, so it stays light; ``preload`` brings the decoders.
"""

from __future__ import annotations

import logging
import mmap
import os
import pickle
import resource
import traceback
from collections.abc import Callable
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected, QiangjiError
from qiangji_datasets.formats.limits import Stated
from qiangji_datasets.formats.reading import read_path
from qiangji_datasets.records import Record

_log = logging.getLogger(__name__)

Reader = Callable[[Path, Stated | None], Record]
#: First message of a worker: it is ready for jobs.
READY: Final = b"ready"
#: From here on shared memory is faster than a pipe.
_SHARED_FROM_BYTES: Final = 2**20
#: Arrays begin at multiples of a cache line.
_ALIGNMENT: Final = 64
_PAGE_BYTES: Final = resource.getpagesize()


def default_reader(path: Path, stated: Stated | None) -> Record:
    """Read with the readers of this package."""
    return read_path(path, stated=stated)


def serve(connection: Connection, memory_mb: int, reader: Reader) -> None:
    """Answer jobs until the other side closes; leave after running out of memory.

    Parameters
    ----------
    connection
        Jobs come in as pickled (path, stated); answers go out as a pickle and its buffers.
    memory_mb
        What a job may take beyond what the process has already.
    reader
        Reads one file.
    """
    limit_memory(memory_mb)
    connection.send_bytes(READY)
    while True:
        try:
            job = connection.recv_bytes()
        except (EOFError, OSError):
            return
        path, stated = pickle.loads(job)  # noqa: S301 - from our own parent process
        answer, is_exhausted = _answer(path, stated, memory_mb, reader)
        send(connection, answer)
        if is_exhausted:
            return


def _answer(
    path: Path, stated: Stated | None, memory_mb: int, reader: Reader
) -> tuple[Record | QiangjiError, bool]:
    try:
        return reader(path, stated), False
    except QiangjiError as refused:
        return refused, False
    except MemoryError:
        return InputRejected("file.reader_memory", limit_mb=memory_mb), True
    except Exception as fault:  # noqa: BLE001 - the edge of the process; the fault is logged
        # Without the message: it may quote the file, and so a patient.
        where = "".join(traceback.format_tb(fault.__traceback__))
        _log.error("a reader failed with %s\n%s", type(fault).__name__, where)
        return InputRejected("file.reader_failed", kind=type(fault).__name__), False


def limit_memory(memory_mb: int) -> None:
    """Allow the process this much address space beyond what it has; no core files."""
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * _PAGE_BYTES
    ceiling = used + memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def send(connection: Connection, answer: Record | QiangjiError) -> None:
    """Send an answer: large arrays through shared memory, small ones behind the pickle."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
    raws = [buffer.raw() for buffer in buffers]
    connection.send_bytes(pickle.dumps([len(raw) for raw in raws]))
    connection.send_bytes(head)
    if sum(map(len, raws)) < _SHARED_FROM_BYTES:
        for raw in raws:
            connection.send_bytes(raw)
        return
    handle = os.memfd_create("qiangji-record")
    try:
        for raw in raws:
            _write(handle, raw)
        reduction.send_handle(connection, handle, os.getppid())
    finally:
        os.close(handle)


def _write(handle: int, raw: memoryview) -> None:
    written = 0
    while written < len(raw):
        written += os.write(handle, raw[written:])
    os.write(handle, bytes(-len(raw) % _ALIGNMENT))


def receive(connection: Connection) -> Record | QiangjiError:
    """Receive what ``send`` sent; arrays come out read-only.

    Raises
    ------
    EOFError
        The worker is gone.
    """
    sizes: list[int] = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own worker
    head = connection.recv_bytes()
    if sum(sizes) < _SHARED_FROM_BYTES:
        buffers = [memoryview(connection.recv_bytes()) for _ in sizes]
    else:
        buffers = _shared(reduction.recv_handle(connection), sizes)
    answer: Record | QiangjiError = pickle.loads(head, buffers=buffers)  # noqa: S301 - as above
    return answer


def _shared(handle: int, sizes: list[int]) -> list[memoryview]:
    """Views of the shared memory, which lives as long as one of them does."""
    try:
        space = memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(handle)
    views, start = [], 0
    for size in sizes:
        views.append(space[start : start + size])
        start += size + -size % _ALIGNMENT
    return views
