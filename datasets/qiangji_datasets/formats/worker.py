"""What runs inside a reader process, and the line to it: one job after another.

The parent imports this module too, so it stays light; ``preload`` brings the decoders.
"""

from __future__ import annotations

import logging
import pickle
import resource
import traceback
from collections.abc import Callable
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
    """Send an answer: the arrays go as raw bytes behind the pickle, without a copy."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
    raws = [buffer.raw() for buffer in buffers]
    connection.send_bytes(pickle.dumps([len(raw) for raw in raws]))
    connection.send_bytes(head)
    for raw in raws:
        connection.send_bytes(raw)


def receive(connection: Connection) -> Record | QiangjiError:
    """Receive what ``send`` sent; arrays come out read-only.

    Raises
    ------
    EOFError
        The worker is gone.
    """
    sizes = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own worker
    head = connection.recv_bytes()
    buffers: list[memoryview] = []
    for size in sizes:
        space = bytearray(size)
        if size:
            connection.recv_bytes_into(space)
        else:
            connection.recv_bytes()
        buffers.append(memoryview(space).toreadonly())
    answer: Record | QiangjiError = pickle.loads(head, buffers=buffers)  # noqa: S301 - as above
    return answer
