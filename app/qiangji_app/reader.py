"""Reads stored files in worker processes and runs inference in this one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import replace
from datetime import date, timedelta, tzinfo
from pathlib import Path
from typing import Final

from qiangji_app.domain.examination import named
from qiangji_app.domain.person import Patient
from qiangji_app.services.triage import Outcome, assess, failed_outcome, refused_outcome
from qiangji_datasets.errors import Busy, InputRejected, QiangjiError
from qiangji_datasets.formats import Stated
from qiangji_datasets.formats.pool import ReaderPool
from qiangji_datasets.records import Modality, Record, Sex
from qiangji_inference.engine import Engine

_LOG = logging.getLogger(__name__)
#: The reader process died of something that may lie outside the file.
_LOST: Final = frozenset({"file.reader_killed", "file.reader_timeout", "file.reader_memory"})
#: Worth a second try: the process may have been stopped by somebody else, or the machine busy.
_TRIED_AGAIN: Final = frozenset({"file.reader_killed", "file.reader_timeout"})
#: A file made yesterday may belong to the visit that the desk states an age for.
_SAME_VISIT: Final = timedelta(days=1)
#: How long a viewer waits for its turn and its picture.
VIEWER_WAIT_S: Final = 30.0
#: Viewers that wait at a time; the web server has 40 threads, and others need some too.
VIEWER_PLACES: Final = 24


class LocalReader:
    """Implements ``services.context.RecordingReader`` on this machine's CPU.

    Parameters
    ----------
    pool
        Supervised worker processes that decode files.
    engine
        Model bundles.
    wait_s
        How long ``decode`` waits for its turn and its picture.
    places
        How many ``decode`` at a time; the next one is told at once that readers are busy.
    """

    def __init__(
        self,
        pool: ReaderPool,
        engine: Engine,
        *,
        wait_s: float = VIEWER_WAIT_S,
        places: int = VIEWER_PLACES,
    ) -> None:
        self._pool = pool
        self._engine = engine
        self._wait_s = wait_s
        self._places = threading.BoundedSemaphore(places)

    def triage(self, path: Path, *, stated: Mapping[str, object]) -> Outcome:
        """Decode, gate, measure, predict; every failure becomes part of the outcome."""
        try:
            record = self._read(path, stated, until=None)
        except InputRejected as refused:
            return _unread(refused) if refused.code in _LOST else refused_outcome(refused)
        except QiangjiError as fault:
            _LOG.exception("decoding failed")
            return failed_outcome(None, fault.code)
        try:
            age = age_at_examination(record, stated)
            reading = self._engine.read(record, age_years=age, sex=_sex(stated))
            return assess(record, reading)
        except Exception:  # noqa: BLE001 - the case must go up whatever happened to the models
            _LOG.exception("triage failed on a readable recording")
            return failed_outcome(record, "engine.model_failed")

    def decode(self, path: Path, *, stated: Mapping[str, object]) -> Record:
        """The recording itself, for somebody who waits.

        Raises
        ------
        InputRejected
            No reader understands the file.
        Busy
            ``file.reader_busy``: too many wait, or the readers' other work takes too long.
        """
        if not self._places.acquire(blocking=False):
            raise Busy("file.reader_busy")
        try:
            return self._read(path, stated, until=time.monotonic() + self._wait_s)
        finally:
            self._places.release()

    def _read(self, path: Path, stated: Mapping[str, object], *, until: float | None) -> Record:
        try:
            return self._read_once(path, stated, until)
        except InputRejected as refused:
            if refused.code not in _TRIED_AGAIN:
                raise
            _LOG.warning("reading is tried once more: %s", refused)
        return self._read_once(path, stated, until)

    def _read_once(self, path: Path, stated: Mapping[str, object], until: float | None) -> Record:
        future = self._pool.submit(path, _stated(stated))
        try:
            return future.result(None if until is None else max(0.0, until - time.monotonic()))
        except NotInTime as late:
            future.cancel()  # nobody waits for it any more
            raise Busy("file.reader_busy") from late


def age_at_examination(record: Record, stated: Mapping[str, object]) -> float | None:
    """Age in years when the recording was made; None leaves it to what the file says.

    The day is that of ``examination.named``, as on the pages, in ``zone`` of the desk.
    ``birth_date`` of the desk on the day of the examination. Without one, the desk's age holds
    for an examination of today; for an older one the file's own age comes first.
    """
    born, today, zone = stated.get("birth_date"), stated.get("today"), stated.get("zone")
    if not isinstance(today, date) or not isinstance(zone, tzinfo):
        return _age(stated)
    made = named(record.ids.study_date, record.ids.acquired_at, zone).day
    if made is None or made >= today:
        return _age(stated)
    if isinstance(born, date) and born <= made:
        return Patient(name="", birth_date=born).age_on(made)
    is_old = made < today - _SAME_VISIT
    return None if is_old and record.person.age_years is not None else _age(stated)


def _unread(lost: InputRejected) -> Outcome:
    """The installation could not read it: the case goes up without AI, and says so."""
    outcome = failed_outcome(None, lost.code)
    notice = {"code": lost.code, "severity": "warn", "params": dict(lost.params)}
    return replace(outcome, reading=outcome.reading | {"declined": [{"bundle": "", **notice}]})


def _stated(stated: Mapping[str, object]) -> Stated | None:
    """Facts for files that carry none; DICOM files keep their own."""
    modality = str(stated.get("modality") or "")
    if not modality:
        return None
    pixel_um = stated.get("pixel_um")
    return Stated(
        modality=Modality(modality),
        age_years=_age(stated),
        sex=_sex(stated),
        pixel_um=float(pixel_um) if isinstance(pixel_um, int | float) else None,
    )


def _age(stated: Mapping[str, object]) -> float | None:
    value = stated.get("age_years")
    return float(value) if isinstance(value, int | float) else None


def _sex(stated: Mapping[str, object]) -> Sex | None:
    value = str(stated.get("sex") or "")
    return Sex(value) if value in set(Sex) else None
