"""Patients of the demonstration: visits, registers, records of follow-ups."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any, Final

from qiangji_app.demo.county import PASSWORD, county
from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import Enrolment, RegisterKind
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.visit import TypedFact
from qiangji_app.services import follow_ups, registers, sessions, visits
from qiangji_app.services.ages import local_day
from qiangji_app.services.context import Context
from qiangji_app.services.follow_ups import Filled

#: Names the visits and records, so that a restart makes none of them twice.
_NAMES: Final = uuid.UUID("8f3c2a77-51c4-4c55-9f0e-2d4a9b6e1c05")
#: What every record of the demonstration says, besides what its row adds.
_USUAL: Final[dict[str, object]] = {
    "way": "clinic",
    "symptoms": ["none"],
    "compliance": "regular",
    "adverse_reaction": "none",
    "complication": "none",
}


def seed_visits(ctx: Context) -> None:
    """Make the patients of the county table that are not there yet; those of people stay."""
    actors: dict[str, Actor] = {}
    for index, row in enumerate(county().get("patients", ())):
        visit_id = str(uuid.uuid5(_NAMES, str(index)))
        with ctx.store.read() as unit:
            is_known = unit.visits.get(visit_id) is not None
        if not is_known:
            _seed(ctx, _actor(ctx, actors, row["by"]), row, visit_id)


def _seed(ctx: Context, actor: Actor, row: dict[str, Any], visit_id: str) -> None:
    """The visit as it is found when the page is opened, then registers with earlier records."""
    now = ctx.clock.now()
    with ctx.store.read() as unit:
        today = local_day(unit, actor.site_id, now)
    visit = visits.open_visit(ctx, actor, visit_id, patient=_patient(row, today))
    facts = [_fact(one, now) for one in row.get("facts", ())]
    if facts:
        complaint = row.get("complaint", "")
        visits.record(ctx, actor, visit.id, visit.revision, facts=facts, complaint=complaint)
    for entry_row in row.get("registers", ()):
        _enrol(ctx, actor, visit.person_id, entry_row, today)


def _patient(row: dict[str, Any], today: date) -> Patient:
    born = today - timedelta(days=row["days_old"]) if "days_old" in row else None
    return Patient(
        name=row["name"],
        sex=row["sex"],
        birth_date=born,
        age_years=row.get("age"),
        phone=row.get("phone", ""),
    )


def _fact(row: dict[str, Any], now: datetime) -> TypedFact:
    at = now - timedelta(days=row.get("days_ago", 0))
    return TypedFact(row["code"], row["value"], at, row.get("unit", ""), row.get("context", {}))


def _enrol(
    ctx: Context, actor: Actor, person_id: str, row: dict[str, Any], today: date
) -> Enrolment:
    due = today + timedelta(days=row["due_in"]) if "due_in" in row else None
    kind = RegisterKind(row["kind"])
    entry = registers.enrol(ctx, actor, person_id, kind, number=row.get("number", ""), next_due=due)
    for index, record in enumerate(row.get("records", ())):
        key = str(uuid.uuid5(_NAMES, f"{entry.id}/{index}"))
        day = today - timedelta(days=record["days_ago"])
        follow_ups.record(ctx, actor, entry.id, key, Filled(day, _USUAL | record["fields"]))
    return entry


def _actor(ctx: Context, actors: dict[str, Actor], login: str) -> Actor:
    if login not in actors:
        caller = sessions.sign_in(ctx, login, PASSWORD)[1]
        actors[login] = caller.actor
        sessions.sign_out(ctx, caller)
    return actors[login]
