"""A visit: one sitting of a village or township doctor with a patient, and the advice given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class Statement:
    """One statement as the doctor typed it; ``context`` holds setting, timing, specimen.

    ``code`` is a fact code of the catalogue, ``unit`` the unit it was typed in, empty for symptoms
    and states. ``at`` is None where no time was typed: the server's own counts.
    """

    code: str
    value: float | bool | str
    at: datetime | None
    unit: str = ""
    context: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TypedFact(Statement):
    """A statement with its instant."""

    at: datetime


@dataclass(frozen=True)
class Visit:
    """What was typed in one sitting; free text and facts are patient content.

    ``revision`` grows by one with every change and guards against lost updates.
    """

    id: str
    person_id: str
    site_id: str
    doctor_id: str
    at: datetime
    facts: tuple[TypedFact, ...] = ()
    complaint: str = ""
    revision: int = 0
    is_demo: bool = False


class Decision(StrEnum):
    """What the doctor did with an advice card."""

    OPEN = "open"
    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


class OverrideReason(StrEnum):
    """Why advice is not followed; ``other`` needs words."""

    ALREADY_DONE = "already_done"
    NOT_APPLICABLE = "not_applicable"
    WRONG_VALUE = "wrong_value"
    PATIENT_DECLINES = "patient_declines"
    CONTRAINDICATED = "contraindicated"
    OTHER = "other"


@dataclass(frozen=True)
class Advice:
    """One answer of a rule as it was shown, with all that is needed to give it again.

    ``situation`` and ``answer`` are JSON-able: what the rule was asked with the rule's own text,
    and what it said.
    ``version`` is the rule's; ``inputs_sha256`` tells one set of inputs from another.
    """

    id: str
    visit_id: str
    person_id: str
    site_id: str
    given_at: datetime
    rule: str
    pack: str
    edition: str
    version: str
    outcome: str
    urgency: str
    topic: str
    inputs_sha256: str
    situation: dict[str, object]
    answer: dict[str, object]
    decision: Decision = Decision.OPEN
    decided_by: str = ""
    decided_at: datetime | None = None
    reason_code: str = ""
    reason: str = ""
