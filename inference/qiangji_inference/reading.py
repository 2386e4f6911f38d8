"""What the engine hands up about one recording: everything the app needs, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from qiangji_datasets.records import Modality, Notice, Severity, Sex
from qiangji_inference.results import BundleDeclined, GateResult, Prediction

if TYPE_CHECKING:
    from qiangji_inference.ecg_measure import EcgMeasurements


class ReadingStatus(StrEnum):
    """How far the AI came with a recording; anything but DONE sorts above unremarkable."""

    DONE = "done"
    REFUSED = "refused"  # the gate, or what a bundle needs of the recording
    OUT_OF_SCOPE = "out_of_scope"  # no bundle is made for this patient
    FAILED = "failed"  # at least one bundle or stage is at fault, others may have spoken


class Code(StrEnum):
    """Message keys of the engine's own notices (``locale/engine.toml``)."""

    AGE_MISSING = "engine.age_missing"
    AGE_OUT_OF_RANGE = "engine.age_out_of_range"
    SEX_MISSING = "engine.sex_missing"
    SEX_OUT_OF_RANGE = "engine.sex_out_of_range"
    NO_BUNDLE = "engine.no_bundle"
    BUNDLE_REFUSED = "engine.bundle_refused"
    MODEL_FAILED = "engine.model_failed"
    GATE_FAILED = "engine.gate_failed"
    MEASURE_FAILED = "engine.measure_failed"
    VIEW_OUT_OF_SCOPE = "engine.view_out_of_scope"
    MODALITY_OUT_OF_SCOPE = "engine.modality_out_of_scope"
    UNFAMILIAR = "engine.unfamiliar"


#: The installation is at fault, not the recording.
FAULTS: Final = frozenset(
    {Code.NO_BUNDLE, Code.BUNDLE_REFUSED, Code.MODEL_FAILED, Code.GATE_FAILED, Code.MEASURE_FAILED}
)
#: The patient or the recording is not one the bundle was made for, or the desk has to say who.
SCOPE: Final = frozenset(
    {
        Code.AGE_MISSING,
        Code.AGE_OUT_OF_RANGE,
        Code.SEX_MISSING,
        Code.SEX_OUT_OF_RANGE,
        Code.VIEW_OUT_OF_SCOPE,
        Code.MODALITY_OUT_OF_SCOPE,
    }
)


def refusal(code: Code, **params: str | int | float) -> Notice:
    """A notice of the engine that something was not read."""
    return Notice(code.value, Severity.REFUSE, params)


@dataclass(frozen=True, eq=False)
class Reading:
    """One recording, read.

    Parameters
    ----------
    modality
        Kind of the recording.
    age_years, sex
        As used to choose bundles: stated by the caller, else by the file; None when missing.
    quality
        Notices of the file reader (``record.notices``).
    gate
        What the gate said; no notices when the gate was switched off.
    is_gated
        False when the caller switched the gate off.
    predictions
        One for each bundle that read the recording.
    declined
        One for each bundle of this modality that did not, with the reason.
    measurements
        ECG only; None for films and when measuring failed or was switched off.
    faults
        Stages before the bundles (gate, measurement) that failed.
    ms
        Milliseconds by stage: ``measure``, ``gate``, ``preprocess``, ``session``, ``total``.
    """

    modality: Modality
    age_years: float | None
    sex: Sex | None
    quality: tuple[Notice, ...]
    gate: GateResult
    is_gated: bool
    predictions: tuple[Prediction, ...]
    declined: tuple[BundleDeclined, ...]
    measurements: EcgMeasurements | None
    faults: tuple[Notice, ...] = ()
    ms: dict[str, float] = field(default_factory=dict)

    @property
    def status(self) -> ReadingStatus:
        """Refused by the gate, failed, done, out of scope or refused by what a bundle needs."""
        if not self.gate.is_readable:
            return ReadingStatus.REFUSED
        codes = {item.notice.code for item in self.declined}
        if self.faults or codes & FAULTS:
            return ReadingStatus.FAILED
        if self.predictions:
            return ReadingStatus.DONE
        return ReadingStatus.OUT_OF_SCOPE if codes <= SCOPE else ReadingStatus.REFUSED

    @property
    def cautions(self) -> tuple[Notice, ...]:
        """One notice for each bundle to which the recording is unfamiliar."""
        return tuple(
            Notice(Code.UNFAMILIAR.value, Severity.WARN, {"bundle": item.bundle.name})
            for item in self.predictions
            if item.is_unfamiliar
        )

    @property
    def reasons(self) -> tuple[Notice, ...]:
        """Why the AI did not read, or not fully: gate, faults and declining bundles."""
        refusing = () if self.gate.is_readable else self.gate.notices
        return (*refusing, *self.faults, *(item.notice for item in self.declined))
