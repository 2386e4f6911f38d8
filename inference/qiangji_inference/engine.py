"""The engine: a recording in, a reading out; a broken model never stops the clinic's work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from qiangji_datasets.errors import BundleError, InputRejected
from qiangji_datasets.records import Modality, Notice, Record, Severity, Sex
from qiangji_inference.predict import SessionSettings, predict
from qiangji_inference.reading import Code, Reading, refusal
from qiangji_inference.results import BundleDeclined, GateResult, Prediction
from qiangji_inference.slots import BundleStatus, Slot, refused
from qiangji_inference.stages import Patient, checked_record, out_of_scope
from qiangji_models.bundle import shipped_bundles

_LOG = logging.getLogger(__name__)


class Engine:
    """Reads recordings with the given bundles.

    Sessions are opened on first use or by ``warm``, once each; opening checks hashes, schema
    and golden cases. All methods may be called from several threads.

    Parameters
    ----------
    bundle_paths
        Folders of bundles; None takes the shipped ones.
    threads
        Threads of one ONNX session; the default is the measured choice.
    """

    def __init__(
        self, bundle_paths: Iterable[Path] | None = None, *, threads: int | None = None
    ) -> None:
        folders = shipped_bundles().values() if bundle_paths is None else bundle_paths
        settings = SessionSettings() if threads is None else SessionSettings(threads=threads)
        self._slots = tuple(Slot(folder, settings) for folder in folders)

    def warm(self) -> tuple[BundleStatus, ...]:
        """Open and prove every bundle, and load what the stages need; returns what came of it."""
        for slot in self._slots:
            slot.open()
        for modality in {slot.modality for slot in self._slots} - {None}:
            self._rehearse(modality)
        return self.status()

    def warm_in_background(self) -> threading.Thread:
        """Start ``warm`` in a daemon thread; a reading meanwhile waits for its own bundles only."""
        thread = threading.Thread(target=self.warm, name="warm-bundles", daemon=True)
        thread.start()
        return thread

    def status(self) -> tuple[BundleStatus, ...]:
        """State of every bundle, without opening any."""
        return tuple(slot.status() for slot in self._slots)

    def read(
        self,
        record: Record,
        *,
        gate: bool = True,
        age_years: float | None = None,
        sex: Sex | None = None,
        needs_age: bool = True,
        measure: bool = True,
    ) -> Reading:
        """Gate, measure and predict; every failure of ours becomes part of the reading.

        Parameters
        ----------
        record
            What the file reader gave.
        gate
            False skips the gate; measuring, age and sex rules stay.
        age_years, sex
            Stated by the desk; None takes what the file says.
        needs_age
            False lets a bundle read a patient of unknown age (evaluation on labelled sets).
        measure
            False skips the ECG measurements; ignored while the gate needs them.
        """
        begun = time.perf_counter()
        ms: dict[str, float] = {}
        age = record.person.age_years if age_years is None else age_years
        patient = Patient(age, sex or record.person.sex, needs_age)
        checked = checked_record(record, patient, ms, gate=gate, measure=measure or gate)
        outcomes: list[Prediction | BundleDeclined] = []
        if checked.gate.is_readable and not checked.blocks:
            outcomes = self._ask_bundles(record, checked.gate, patient)
        predictions = tuple(item for item in outcomes if isinstance(item, Prediction))
        for stage in ("preprocess", "session"):
            ms[stage] = sum(item.ms[stage] for item in predictions)
        ms["total"] = (time.perf_counter() - begun) * 1e3
        return Reading(
            modality=record.modality,
            age_years=patient.age_years,
            sex=patient.sex,
            quality=record.notices,
            gate=checked.gate,
            is_gated=gate,
            predictions=predictions,
            declined=tuple(item for item in outcomes if isinstance(item, BundleDeclined)),
            measurements=checked.measurements,
            faults=checked.faults,
            ms=ms,
        )

    def _ask_bundles(
        self, record: Record, gate: GateResult, patient: Patient
    ) -> list[Prediction | BundleDeclined]:
        slots = [slot for slot in self._slots if slot.modality in (record.modality, None)]
        if not slots:
            notice = refusal(Code.NO_BUNDLE, modality=record.modality.value)
            return [BundleDeclined("", notice)]
        return [_ask(slot, record, gate, patient) for slot in slots]

    def _rehearse(self, modality: Modality | None) -> None:
        """Import and run what the first reading would otherwise wait for; the result is unused."""
        from qiangji_inference.rehearsal import made_up

        if modality is not None:
            record = made_up(modality)
            self.read(record, needs_age=False)
            self.read(record, gate=False, needs_age=False)


def _ask(
    slot: Slot, record: Record, gate: GateResult, patient: Patient
) -> Prediction | BundleDeclined:
    model = slot.open()
    if isinstance(model, BundleError):
        return BundleDeclined(slot.folder.name, refused(slot.folder.name, model))
    name = model.bundle.name
    unsuited = out_of_scope(model.bundle, record, patient)
    if unsuited is not None:
        return BundleDeclined(name, unsuited)
    try:
        return predict(model, record, gate)
    except InputRejected as error:
        return BundleDeclined(name, Notice(error.code, Severity.REFUSE, error.params))
    except Exception:  # noqa: BLE001 - whatever the model did, the case must still go up
        _LOG.exception("bundle %s failed on a recording", name)
        return BundleDeclined(name, refusal(Code.MODEL_FAILED, bundle=name))
