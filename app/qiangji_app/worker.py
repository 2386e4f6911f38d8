"""Background threads: triage of stored recordings, and regular housekeeping."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)
#: Looks for postponed jobs this often even when nobody wakes it, seconds.
_IDLE_S = 20.0


class TriageWorker:
    """Runs queued triage jobs, one at a time.

    Parameters
    ----------
    step
        Does one job; False when the queue is empty.
    wake
        Set by whoever queues a job.
    """

    def __init__(self, step: Callable[[], bool], wake: threading.Event) -> None:
        self._step = step
        self._wake = wake
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="triage", daemon=True)

    def start(self) -> None:
        """Begin; jobs left from before a restart are done first."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the job in hand and end."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            while not self._stop.is_set() and self._do():
                pass
            self._wake.wait(_IDLE_S)

    def _do(self) -> bool:
        try:
            return self._step()
        except Exception:  # noqa: BLE001 - the edge: one broken job must not end the worker
            _LOG.exception("a triage job failed")
            return False


class Regular:
    """Runs a piece of housekeeping again and again until stopped.

    Parameters
    ----------
    name
        For the log.
    act
        What is done; a failure is logged and tried again next time.
    every_s
        Seconds from one run to the next.
    first_after_s
        Seconds to the first run; None for as long as between two. A server that is started every
        morning must not wait a day for it.
    """

    def __init__(
        self,
        name: str,
        act: Callable[[], object],
        every_s: float,
        *,
        first_after_s: float | None = None,
    ) -> None:
        self._name = name
        self._act = act
        self._every_s = every_s
        self._first_after_s = every_s if first_after_s is None else first_after_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the run in hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        pause_s = self._first_after_s
        while not self._stop.wait(pause_s):
            pause_s = self._every_s
            try:
                self._act()
            except Exception:  # noqa: BLE001 - the edge: the next run tries again
                _LOG.exception("regular work %s failed", self._name)
