"""Registers of chronic diseases and key populations: who is in them, what is due, what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class RegisterKind(StrEnum):
    """Lists of the public-health programme that a township keeps."""

    HYPERTENSION = "hypertension"
    DIABETES = "diabetes"
    COPD = "copd"
    ELDERLY = "elderly"  # 65 and over
    PREGNANT = "pregnant"
    CHILD = "child"  # 0 to 6


class FollowUpClass(StrEnum):
    """此次随访分类 of the national record forms, the gravest last."""

    SATISFIED = "satisfied"
    UNSATISFIED = "unsatisfied"
    ADVERSE_REACTION = "adverse_reaction"
    COMPLICATION = "complication"


@dataclass(frozen=True)
class Enrolment:
    """One person in one register of one site.

    ``since`` is the day from which the schedule counts: of the diagnosis, the last menstrual
    period, the birth; None where it is not known. ``number`` is the archive number on paper,
    patient content. ``next_due`` is None while no date is set.
    """

    id: str
    person_id: str
    site_id: str
    kind: RegisterKind
    enrolled_at: datetime
    enrolled_by: str
    since: date | None = None
    number: str = ""
    next_due: date | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    end_reason: str = ""
    is_demo: bool = False


@dataclass(frozen=True)
class FollowUp:
    """One filled-in record of a register; ``fields`` maps a form's field id to its value.

    ``is_controlled`` is what counts for the control rate; None where the register has no such
    measure. ``standard`` names the text by which class and date were computed.
    """

    id: str
    enrolment_id: str
    person_id: str
    site_id: str
    kind: RegisterKind
    day: date
    recorded_at: datetime
    recorded_by: str
    standard: str
    fields: dict[str, object] = field(default_factory=dict)
    category: FollowUpClass | None = None
    is_controlled: bool | None = None
    is_referred: bool = False
    next_due: date | None = None
    visit_id: str = ""


class PlanKind(StrEnum):
    """Why somebody is to be seen again."""

    REGISTER = "register"
    ADVICE = "advice"


@dataclass(frozen=True)
class Plan:
    """A day by which somebody is to be seen; ``ref`` is the enrolment or the advice behind it."""

    id: str
    person_id: str
    site_id: str
    kind: PlanKind
    topic: str
    due_on: date
    ref: str
    made_at: datetime
    made_by: str
    done_at: datetime | None = None
    done_by: str = ""


@dataclass(frozen=True)
class DiseaseReport:
    """The clock of a notifiable disease: begun by a signature, ended by filing the card.

    ``filer_id`` is the account that is responsible, empty while nobody took it. ``card_number`` and
    ``place`` (where the patient arrived) are patient content.
    """

    id: str
    case_id: str
    person_id: str
    site_id: str
    disease: str
    report_version: int
    began_at: datetime
    due_at: datetime
    filer_id: str = ""
    filed_at: datetime | None = None
    card_number: str = ""
    arrived_on: date | None = None
    arrived_by: str = ""
    place: str = ""
