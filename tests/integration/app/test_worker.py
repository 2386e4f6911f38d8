"""Background threads, and the housekeeping they do."""

from __future__ import annotations

import hashlib
import threading
import uuid

from support.county import County

from qiangji_app.services import uploading
from qiangji_app.services.housekeeping import PATIENCE, keep_house
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


def test_a_stale_upload_is_given_up_and_referenced_files_stay(county: County) -> None:
    case_id = county.draft()
    county.upload(case_id, b"kept")
    actor = county.caller("operator").actor
    upload_id = str(uuid.uuid4())
    uploading.start(
        county.ctx,
        actor,
        upload_id=upload_id,
        case_id=case_id,
        file_name="x",
        size=10,
        sha256="0" * 64,
    )
    uploading.append(county.ctx, actor, upload_id, 0, b"half")

    county.clock.step(seconds=PATIENCE.total_seconds() + 1)
    keep_house(county.ctx)

    found = uploading.status(county.ctx, actor, upload_id)
    assert (found.state, found.error_code) == ("failed", "upload.abandoned")
    assert county.ctx.blobs.get(hashlib.sha256(b"kept").hexdigest()) == b"kept"
