"""A case: one request from one site for one patient, and what is attached to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from qiangji_app.domain.workflow import State


class TriageStatus(StrEnum):
    """How far the AI got; an attribute of the case, not a state."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"  # the gate says the AI must not read it
    OUT_OF_SCOPE = "out_of_scope"  # no bundle is meant for this patient


class RequestedUrgency(StrEnum):
    """What the requester says."""

    EMERGENCY = "emergency"  # 急诊
    CHEST_PAIN = "chest_pain"  # 胸痛
    ROUTINE = "routine"  # 平诊


@dataclass(frozen=True)
class UrgencyReason:
    """Why a case is as urgent as it is: a message key with its values, and its source."""

    code: str
    level: int
    source: str  # requester | model | measurement | rule | triage
    params: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class ClinicalRequest:
    """What the requester wrote; free text, never copied into events or logs."""

    requested: RequestedUrgency = RequestedUrgency.ROUTINE
    onset_at: datetime | None = None
    symptom: str = ""
    history: str = ""
    visit_number: str = ""


@dataclass(frozen=True)
class Case:
    """A case as stored.

    ``urgency_level`` is the value of ``qiangji_datasets.labels.UrgencyLevel``; higher first.
    ``revision`` grows by one with every change and guards against lost updates.
    ``report_version`` is the number of the newest signed report, 0 when none.
    ``identity_answers`` are the questions that ``identity_reason`` answers; a later one is open.
    ``split_from`` is the case that this one was split from when both went up; empty for most.
    """

    id: str
    site_id: str
    person_id: str
    modality: str
    state: State
    created_at: datetime
    created_by: str
    revision: int = 0
    submitted_at: datetime | None = None
    claimed_by: str = ""
    claimed_at: datetime | None = None
    triage: TriageStatus = TriageStatus.PENDING
    urgency_level: int = 1
    urgency_reasons: tuple[UrgencyReason, ...] = ()
    request: ClinicalRequest = field(default_factory=ClinicalRequest)
    report_version: int = 0
    override_reason: str = ""
    identity_reason: str = ""
    identity_answers: tuple[str, ...] = ()
    is_demo: bool = False
    split_from: str = ""


def without_reasons(case: Case) -> Case:
    """The case after its files changed: what was confirmed about the old ones holds no more."""
    return replace(case, override_reason="", identity_reason="")


class RecordingState(StrEnum):
    """What became of an uploaded file after it was stored and checked."""

    STORED = "stored"  # on disk and read back; not yet read by a reader
    READ = "read"
    REFUSED = "refused"  # no reader understands it


@dataclass(frozen=True)
class Recording:
    """One stored film or ECG of a case.

    ``facts`` is JSON-able: rows, columns, view, rate, notices, person comparison codes; what the
    desk said that it shows; while the file is read again also when that was asked, and what the
    gate said last.
    ``reading`` is the JSON-able outcome of inference, empty while pending.
    ``file_name`` may carry a patient's name and is stored encrypted.
    """

    id: str
    case_id: str
    blob_sha256: str
    size: int
    file_name: str
    state: RecordingState
    received_at: datetime
    acquired_at: datetime | None = None
    modality: str = ""
    facts: dict[str, object] = field(default_factory=dict)
    reading: dict[str, object] = field(default_factory=dict)
    map_blob_sha256: str = ""


_ASKED_AT: Final = "asked_at"
_LAST_GATE: Final = "last_gate"


def to_be_read_again(recording: Recording, at: datetime) -> Recording:
    """The recording while it waits to be read with other facts about the patient.

    What the AI said about another age or sex is gone at once. What the gate said of the picture
    is known until the gate speaks again. A file that no reader understands stays refused.
    """
    facts = recording.facts | {_ASKED_AT: at.isoformat()} | last_gate(recording)
    is_read = recording.state is RecordingState.READ
    return replace(recording, facts=facts, reading={} if is_read else recording.reading)


def last_gate(recording: Recording) -> dict[str, object]:
    """What the gate said last as an entry of ``facts``; empty when it never spoke."""
    if recording.reading and recording.reading.get("status") != "failed":
        said = {name: recording.reading.get(name) for name in ("status", "gate_codes")}
        return {_LAST_GATE: said}
    return {key: value for key, value in recording.facts.items() if key == _LAST_GATE}


def as_last_known(recording: Recording) -> Recording:
    """The recording with what the gate said last, as its reading."""
    said = last_gate(recording).get(_LAST_GATE)
    return replace(recording, reading=said) if isinstance(said, dict) else recording


def asked_at(recording: Recording) -> datetime:
    """Since when the file waits to be read: its arrival, or the last change of the form."""
    stored = recording.facts.get(_ASKED_AT)
    return datetime.fromisoformat(stored) if isinstance(stored, str) else recording.received_at


class FindingSource(StrEnum):
    """Who states a finding."""

    AI = "ai"
    MEASUREMENT = "measurement"
    SPECIALIST = "specialist"


class Verdict(StrEnum):
    """What the specialist decided about an AI hint (IHE AIRAI)."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EDITED = "edited"


@dataclass(frozen=True)
class Finding:
    """A coded statement with its status, author and evidence."""

    id: str
    case_id: str
    recording_id: str
    source: FindingSource
    label: str
    probability: float | None
    flag: str
    operating_point: str
    bundle_name: str
    bundle_version: str
    bundle_sha256: str
    code_system: str = ""
    code: str = ""
    suppressed_by: str = ""
    verdict: Verdict = Verdict.OPEN
    verdict_by: str = ""
    verdict_at: datetime | None = None
    verdict_label: str = ""  # the label put in its place when edited


@dataclass(frozen=True)
class CriticalCall:
    """A critical value called to the site; visible at once, before the report.

    ``outcome`` is open, confirmed, reached_no_readback or unable_to_reach (after OpenELIS).
    ``read_back_by`` names who read it back on the telephone, where the caller noted that himself.
    """

    id: str
    case_id: str
    raised_by: str
    raised_at: datetime
    code: str
    text: str
    outcome: str = "open"
    confirmed_by: str = ""
    confirmed_at: datetime | None = None
    read_back: str = ""
    read_back_by: str = ""


@dataclass(frozen=True)
class Message:
    """A note in the thread of a case; a return for retake is a message with a reason code."""

    id: str
    case_id: str
    author_id: str
    at: datetime
    kind: str  # message | return | withdraw
    reason_code: str
    text: str


@dataclass(frozen=True)
class Acknowledgement:
    """Who took note of which version of the signed report."""

    case_id: str
    report_version: int
    user_id: str
    at: datetime
    note: str = ""
