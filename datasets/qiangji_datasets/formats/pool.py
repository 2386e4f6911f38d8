"""Reader processes under supervision: a killed, stuck or greedy one costs only its own file.

Each worker has one thread here that gives it jobs, watches the clock and replaces it. Nothing
is shared between workers, so none can block or break another.
"""

from __future__ import annotations

import logging
import pickle
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Final

from qiangji_datasets.errors import InputRejected, QiangjiError, SystemFault
from qiangji_datasets.formats.limits import Stated
from qiangji_datasets.formats.worker import READY, Reader, default_reader, receive, serve
from qiangji_datasets.records import Record

_log = logging.getLogger(__name__)
_PRELOAD: Final = "qiangji_datasets.formats.preload"
#: The first worker waits for the forkserver to import the decoders.
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 5.0


@dataclass
class _Job:
    path: Path
    stated: Stated | None
    future: Future[Record]


class ReaderPool:
    """Reads files in worker processes with a time and a memory limit a job.

    Parameters
    ----------
    workers
        Processes, each with one job at a time.
    memory_mb
        Memory a job may take beyond that of an idle worker.
    timeout_s
        Time a job may take.
    reader
        Importable function that reads one file; the readers of this package when None.

    Notes
    -----
    Workers start at once in the background. A program that uses a pool must guard its entry
    point (``if __name__ == "__main__"``), as all users of ``multiprocessing`` must.
    """

    def __init__(
        self, workers: int, memory_mb: int, timeout_s: float, *, reader: Reader | None = None
    ) -> None:
        if workers < 1 or memory_mb < 1 or timeout_s <= 0:
            raise ValueError(f"workers {workers}, memory_mb {memory_mb}, timeout_s {timeout_s}")
        self._limits = (memory_mb, timeout_s)
        self._reader = reader
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._context: ForkServerContext = get_context("forkserver")
        self._context.set_forkserver_preload([_PRELOAD])
        self._threads = [
            threading.Thread(target=self._supervise, name=f"reader-{index}", daemon=True)
            for index in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def submit(self, path: Path, stated: Stated | None = None) -> Future[Record]:
        """Queue a file; the future gives the record or raises ``InputRejected``.

        Raises
        ------
        SystemFault
            The pool is closed.
        """
        if self._closed:
            raise SystemFault("reader.pool_closed")
        job = _Job(path, stated, Future())
        self._jobs.put(job)
        return job.future

    def read(self, path: Path, stated: Stated | None = None) -> Record:
        """Read a file and wait for it.

        Raises
        ------
        InputRejected
            The file is refused, or its worker died, ran out of time or of memory.
        """
        return self.submit(path, stated).result()

    def close(self) -> None:
        """Finish the jobs that are queued, stop the workers; twice is fine."""
        if self._closed:
            return
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _supervise(self) -> None:
        worker = _start(self._context, self._limits[0], self._reader)
        while (job := self._jobs.get()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            if worker is None or not worker.is_usable:
                worker = _start(self._context, self._limits[0], self._reader)
            if worker is None:
                job.future.set_exception(SystemFault("reader.not_started"))
                continue
            answer = worker.run(job, self._limits[1])
            if isinstance(answer, QiangjiError):
                job.future.set_exception(answer)
            else:
                job.future.set_result(answer)
        if worker is not None:
            worker.stop()


class _Worker:
    """One process and the line to it."""

    def __init__(self, process: ForkServerProcess, connection: Connection) -> None:
        self._process = process
        self._connection = connection
        self._lock = threading.Lock()
        self._is_busy = False
        self._is_expired = False
        self._is_broken = False

    @property
    def is_usable(self) -> bool:
        return not self._is_broken and self._process.is_alive()

    def run(self, job: _Job, timeout_s: float) -> Record | QiangjiError:
        """Give the job, wait for the answer; whatever happens to the process is an answer."""
        watch = threading.Timer(timeout_s, self._expire)
        watch.daemon = True
        self._is_busy = True
        watch.start()
        try:
            self._connection.send_bytes(pickle.dumps((job.path, job.stated)))
            answer = receive(self._connection)
        except (EOFError, OSError, RuntimeError, pickle.UnpicklingError):
            # RuntimeError: the line broke while a handle was crossing it.
            return self._lost(timeout_s)
        finally:
            with self._lock:
                self._is_busy = False
            watch.cancel()
        if self._is_expired or getattr(answer, "code", "") == "file.reader_memory":
            self._is_broken = True
            self.stop()
        return answer

    def _expire(self) -> None:
        with self._lock:
            if self._is_busy:
                self._is_expired = True
                self._process.kill()

    def _lost(self, timeout_s: float) -> QiangjiError:
        self._is_broken = True
        self.stop()
        _log.warning("a reader process ended with exit code %s", self._process.exitcode)
        if self._is_expired:
            return InputRejected("file.reader_timeout", seconds=timeout_s)
        return InputRejected("file.reader_killed", exit_code=self._process.exitcode or 0)

    def stop(self) -> None:
        """Close the line, which ends the process; kill it if it does not."""
        self._connection.close()
        self._process.join(_STOP_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _start(context: ForkServerContext, memory_mb: int, reader: Reader | None) -> _Worker | None:
    """Start a worker and wait until it is ready; None, with a log line, if it does not come up."""
    ours, theirs = context.Pipe()
    process = context.Process(
        target=serve, args=(theirs, memory_mb, reader or default_reader), daemon=True
    )
    process.start()
    theirs.close()
    worker = _Worker(process, ours)
    try:
        if ours.poll(_START_TIMEOUT_S) and ours.recv_bytes() == READY:
            return worker
    except (EOFError, OSError):
        pass  # reported below, as for any other failure to start
    _log.error("a reader process did not start, exit code %s", process.exitcode)
    worker.stop()
    return None
