"""A case: one request from one site for one patient, and what is attached to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

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
    is_demo: bool = False


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

    ``facts`` is JSON-able: rows, columns, view, rate, notices, person comparison codes.
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
