"""Reads stored files in worker processes and runs inference in this one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from qiangji_app.services.triage import Outcome, assess, failed_outcome, refused_outcome
from qiangji_datasets.errors import InputRejected, QiangjiError
from qiangji_datasets.formats import Stated
from qiangji_datasets.formats.pool import ReaderPool
from qiangji_datasets.records import Modality, Record, Sex
from qiangji_inference.engine import Engine

_LOG = logging.getLogger(__name__)


class LocalReader:
    """Implements ``services.context.RecordingReader`` on this machine's CPU.

    Parameters
    ----------
    pool
        Supervised worker processes that decode files.
    engine
        Model bundles.
    """

    def __init__(self, pool: ReaderPool, engine: Engine) -> None:
        self._pool = pool
        self._engine = engine

    def triage(self, path: Path, *, stated: Mapping[str, object]) -> Outcome:
        """Decode, gate, measure, predict; every failure becomes part of the outcome."""
        try:
            record = self.decode(path, stated=stated)
        except InputRejected as refused:
            return refused_outcome(refused)
        except QiangjiError as fault:
            _LOG.exception("decoding failed")
            return failed_outcome(None, fault.code)
        try:
            reading = self._engine.read(record, age_years=_age(stated), sex=_sex(stated))
            return assess(record, reading)
        except Exception:  # noqa: BLE001 - the case must go up whatever happened to the models
            _LOG.exception("triage failed on a readable recording")
            return failed_outcome(record, "engine.model_failed")

    def decode(self, path: Path, *, stated: Mapping[str, object]) -> Record:
        """The recording itself."""
        return self._pool.read(path, stated=_stated(stated))


def _stated(stated: Mapping[str, object]) -> Stated | None:
    """Facts for files that carry none; DICOM files keep their own."""
    modality = str(stated.get("modality") or "")
    if not modality:
        return None
    return Stated(modality=Modality(modality), age_years=_age(stated), sex=_sex(stated))


def _age(stated: Mapping[str, object]) -> float | None:
    value = stated.get("age_years")
    return float(value) if isinstance(value, int | float) else None


def _sex(stated: Mapping[str, object]) -> Sex | None:
    value = str(stated.get("sex") or "")
    return Sex(value) if value in set(Sex) else None
