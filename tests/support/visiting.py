"""Visits, registers and follow-ups as tests make them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime

from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import Enrolment, FollowUp, RegisterKind
from qiangji_app.domain.visit import TypedFact, Visit
from qiangji_app.services import follow_ups, registers, visits
from qiangji_app.services.follow_ups import Filled
from qiangji_app.services.visits import Recorded
from support.county import START, County

PATIENT = Patient(name="演示高某", sex="F", age_years=62, phone="0000-1")
TODAY = date(2026, 3, 2)
#: A hypertension record with every line that must be filled in, blood pressure kept.
KEPT: Mapping[str, object] = {
    "way": "clinic",
    "symptoms": ["none"],
    "systolic": 128.0,
    "diastolic": 78.0,
    "compliance": "regular",
    "adverse_reaction": "none",
    "complication": "none",
}


def pressure(high: float, low: float, at: datetime = START) -> list[TypedFact]:
    """An office blood pressure."""
    setting = {"setting": "office"}
    return [
        TypedFact("systolic_bp", high, at, "mm[Hg]", setting),
        TypedFact("diastolic_bp", low, at, "mm[Hg]", setting),
    ]


def symptom(code: str, *, present: bool = True, at: datetime = START) -> TypedFact:
    """A symptom or state, stated or denied."""
    return TypedFact(code, present, at)


def visit(county: County, *, by: str = "village", patient: Patient = PATIENT) -> Visit:
    """A visit of somebody new."""
    actor = county.caller(by).actor
    return visits.open_visit(county.ctx, actor, str(uuid.uuid4()), patient=patient)


def recorded(
    county: County, facts: list[TypedFact], *, by: str = "village", patient: Patient = PATIENT
) -> Recorded:
    """A visit of somebody new with these facts."""
    begun = visit(county, by=by, patient=patient)
    actor = county.caller(by).actor
    return visits.record(county.ctx, actor, begun.id, begun.revision, facts=facts)


def enrolled(
    county: County,
    kind: RegisterKind = RegisterKind.HYPERTENSION,
    *,
    by: str = "village",
    patient: Patient = PATIENT,
) -> Enrolment:
    """Somebody new in a register."""
    person_id = visit(county, by=by, patient=patient).person_id
    return registers.enrol(county.ctx, county.caller(by).actor, person_id, kind)


def followed(
    county: County,
    entry: Enrolment,
    fields: Mapping[str, object] = KEPT,
    *,
    by: str = "village",
    day: date = TODAY,
) -> FollowUp:
    """A record of an entry."""
    return follow_ups.record(
        county.ctx, county.caller(by).actor, entry.id, str(uuid.uuid4()), Filled(day, fields)
    )
