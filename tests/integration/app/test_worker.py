"""Background threads."""

from __future__ import annotations

import threading

from qiangji_app.worker import Regular, TriageWorker


def test_the_worker_goes_on_after_a_job_that_failed() -> None:
    done = threading.Event()
    steps: list[int] = []
    wake = threading.Event()

    def step() -> bool:
        steps.append(len(steps))
        if len(steps) == 1:
            wake.set()
            raise RuntimeError("broken job")
        done.set()
        return False

    worker = TriageWorker(step, wake)
    worker.start()
    assert done.wait(10)
    worker.stop()

    assert len(steps) >= 2


def test_a_worker_that_never_started_stops_at_once() -> None:
    TriageWorker(lambda: False, threading.Event()).stop()
    Regular("never", lambda: None, 1.0).stop()


def test_regular_work_is_done_again_after_a_failure() -> None:
    done = threading.Event()
    runs: list[int] = []

    def act() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise RuntimeError("full disk")
        done.set()

    regular = Regular("test", act, 0.001)
    regular.start()
    assert done.wait(10)
    regular.stop()


def test_the_first_run_of_regular_work_need_not_wait_as_long_as_the_next() -> None:
    done = threading.Event()

    regular = Regular("test", done.set, 3600.0, first_after_s=0.001)
    regular.start()
    assert done.wait(10)
    regular.stop()
