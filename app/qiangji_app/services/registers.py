"""Registers of chronic diseases and key populations: entries, what is due, who is controlled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral_follow_up import ReferralFollowUp
from qiangji_app.domain.register import Enrolment, FollowUp, Plan, PlanKind, RegisterKind
from qiangji_app.domain.roles import Actor, Role
from qiangji_app.ports import FollowUpQuery, Unit
from qiangji_app.services.access import require_role
from qiangji_app.services.ages import local_day
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_NAME, whole
from qiangji_app.services.people import DOCTORS, require_doctor, visible_person
from qiangji_app.services.public_health import Population, populations, scheduled
from qiangji_app.visit_ports import Managed, RegisterQuery
from qiangji_datasets.errors import Conflict, InputRejected, NotFound

#: Why somebody leaves a register.
END_REASONS: Final = frozenset({"moved", "died", "declined", "not_affected", "completed"})
#: Rows of one page of a register.
MAX_ROWS: Final = 100
#: Of an export: more than the people of a large township.
_EXPORTED: Final = 100_000
#: The farthest day that a doctor may set by hand.
_WITHIN_YEARS: Final = 7


@dataclass(frozen=True)
class RegisterRow:
    """One entry of a register with its person and what was found last."""

    enrolment: Enrolment
    patient: Patient
    last: FollowUp | None
    days_overdue: int


@dataclass(frozen=True)
class RegisterPage:
    """Part of a register; ``overdue`` counts all of it."""

    rows: Sequence[RegisterRow]
    total: int
    overdue: int


@dataclass(frozen=True)
class DueRow:
    """Somebody to be seen by a day, as a register, advice or a referral asks."""

    item: Plan | ReferralFollowUp
    patient: Patient
    days_overdue: int


def enrol(
    ctx: Context,
    actor: Actor,
    person_id: str,
    kind: RegisterKind,
    *,
    since: date | None = None,
    number: str = "",
    next_due: date | None = None,
) -> Enrolment:
    """Take somebody into a register; the first follow-up is due at once where a form asks for it.

    Raises
    ------
    Conflict
        ``register.enrolled``: is in it already.
    InputRejected
        ``register.not_meant``: age or sex; ``register.date_needed``: no schedule that may be used,
        and no date; ``register.bad_date``.
    """
    population = populations()[kind]
    with ctx.store.begin() as unit:
        known = visible_person(unit, actor, person_id)
        today = local_day(unit, actor.site_id, ctx.clock.now())
        _check_meant(population, known.patient, today)
        open_ones = [
            one for one in unit.registers.of_person(frozenset({person_id})) if not one.ended_at
        ]
        if any(one.kind is kind for one in open_ones):
            raise Conflict("register.enrolled")
        due = next_due or first_due(population, today=today, born=since or known.patient.birth_date)
        if due is None:
            raise InputRejected("register.date_needed")
        check_day(due, today)
        entry = Enrolment(
            id=ctx.ids.new(),
            person_id=person_id,
            site_id=actor.site_id,
            kind=kind,
            enrolled_at=ctx.clock.now(),
            enrolled_by=actor.user_id,
            since=since,
            number=whole(number, MAX_NAME),
            next_due=due,
            is_demo=ctx.is_demo,
        )
        unit.registers.add(entry)
        put_plan(ctx, unit, actor, entry, due)
        unit.events.append(
            type="register.enrolled",
            actor_id=actor.user_id,
            payload={"enrolment": entry.id, "register": kind.value, "due": due.isoformat()},
        )
        unit.commit()
    return entry


def first_due(population: Population, *, today: date, born: date | None) -> date | None:
    """The day of the first follow-up: today where a form is filled in, else by the schedule."""
    if population.form is not None:
        return today
    return scheduled(population, day=today, born=born)


def _check_meant(population: Population, patient: Patient, today: date) -> None:
    age, who = patient.age_on(today), population.who
    is_meant = (
        ("age_at_least" not in who or (age is not None and age >= who["age_at_least"]))
        and ("age_below" not in who or (age is not None and age < who["age_below"]))
        and ("sex" not in who or patient.sex == who["sex"])
    )
    if not is_meant:
        raise InputRejected("register.not_meant")


def check_day(day: date, today: date) -> None:
    """Refuse a day that is over, or so far off that it must be mistyped."""
    if not today <= day <= date(today.year + _WITHIN_YEARS, 12, 31):
        raise InputRejected("register.bad_date")


def put_plan(ctx: Context, unit: Unit, actor: Actor, entry: Enrolment, due: date | None) -> None:
    """Close what was planned for an entry and plan the next day, where there is one."""
    for plan in unit.registers.open_plans(ref=entry.id):
        done = replace(plan, done_at=ctx.clock.now(), done_by=actor.user_id)
        unit.registers.save_plan(done)
    if due is None:
        return
    unit.registers.add_plan(
        Plan(
            id=ctx.ids.new(),
            person_id=entry.person_id,
            site_id=entry.site_id,
            kind=PlanKind.REGISTER,
            topic=entry.kind.value,
            due_on=due,
            ref=entry.id,
            made_at=ctx.clock.now(),
            made_by=actor.user_id,
        )
    )


def visible_entry(unit: Unit, actor: Actor, enrolment_id: str) -> Enrolment:
    """An entry of a visible site.

    Raises
    ------
    NotFound
        ``register.not_found``.
    """
    require_doctor(actor)
    entry = unit.registers.get(enrolment_id)
    if entry is None or not actor.sees_site(entry.site_id):
        raise NotFound("register.not_found")
    return entry


def end(ctx: Context, actor: Actor, enrolment_id: str, reason: str) -> Enrolment:
    """Take somebody out of a register, with a coded reason; the records stay.

    Raises
    ------
    InputRejected
        Unknown reason.
    Conflict
        Ended before.
    """
    if reason not in END_REASONS:
        raise InputRejected("register.end_reason")
    with ctx.store.begin() as unit:
        entry = visible_entry(unit, actor, enrolment_id)
        if entry.ended_at is not None:
            raise Conflict("register.ended")
        entry = replace(
            entry,
            ended_at=ctx.clock.now(),
            ended_by=actor.user_id,
            end_reason=reason,
            next_due=None,
        )
        unit.registers.save(entry)
        put_plan(ctx, unit, actor, entry, None)
        unit.events.append(
            type="register.ended",
            actor_id=actor.user_id,
            payload={"enrolment": entry.id, "reason": reason},
        )
        unit.commit()
    return entry


def list_register(
    ctx: Context,
    actor: Actor,
    kind: RegisterKind,
    *,
    only_overdue: bool = False,
    limit: int = MAX_ROWS,
    offset: int = 0,
) -> RegisterPage:
    """One page of a register of the visible sites, the longest due first."""
    require_doctor(actor)
    with ctx.store.read() as unit:
        today = local_day(unit, actor.site_id, ctx.clock.now())
        whole_list = RegisterQuery(actor.visible_sites, kind, limit=limit, offset=offset)
        late = replace(whole_list, due_before=today)
        wanted = late if only_overdue else whole_list
        rows = [_row(unit, entry, today) for entry in unit.registers.find(wanted)]
        return RegisterPage(rows, unit.registers.count(wanted), unit.registers.count(late))


def whole_register(ctx: Context, actor: Actor, kind: RegisterKind) -> Sequence[RegisterRow]:
    """Every open entry of the visible sites; taking them out is written to the chain of reads."""
    require_doctor(actor)
    with ctx.store.begin() as unit:
        today = local_day(unit, actor.site_id, ctx.clock.now())
        query = RegisterQuery(actor.visible_sites, kind, limit=_EXPORTED)
        rows = [_row(unit, entry, today) for entry in unit.registers.find(query)]
        unit.reads.append(
            type="register.read",
            actor_id=actor.user_id,
            payload={"register": kind.value, "rows": len(rows)},
        )
        unit.commit()
    return rows


def _row(unit: Unit, entry: Enrolment, today: date) -> RegisterRow:
    records = unit.registers.follow_ups(entry.id)
    return RegisterRow(
        enrolment=entry,
        patient=unit.persons.get(entry.person_id) or Patient(name=""),
        last=records[0] if records else None,
        days_overdue=_late(entry.next_due, today),
    )


def _late(due: date | None, today: date) -> int:
    return 0 if due is None else max(0, (today - due).days)


def due_list(ctx: Context, actor: Actor, until: date) -> Sequence[DueRow]:
    """Everybody of the visible sites who is to be seen by a day, the longest overdue first."""
    require_doctor(actor)
    with ctx.store.read() as unit:
        today = local_day(unit, actor.site_id, ctx.clock.now())
        plans = unit.registers.open_plans(site_ids=actor.visible_sites, until=until)
        query = FollowUpQuery(site_ids=actor.visible_sites, is_due=True)
        referred = [one for one in unit.referrals.follow_ups(query) if one.due_on <= until]
        items: list[Plan | ReferralFollowUp] = [*referred]
        items += [plan for plan in plans if not _is_covered(plan, referred)]
        people = {
            person_id: unit.persons.get(person_id) or Patient(name="")
            for person_id in {one.person_id for one in items}
        }
        return [
            DueRow(one, people[one.person_id], _late(one.due_on, today))
            for one in sorted(items, key=lambda one: one.due_on)
        ]


def _is_covered(plan: Plan, referred: Sequence[ReferralFollowUp]) -> bool:
    """True for what advice planned where a referral made on it asks to see the patient as soon."""
    return plan.kind is PlanKind.ADVICE and any(
        one.person_id == plan.person_id and one.due_on <= plan.due_on for one in referred
    )


def carry_out(ctx: Context, actor: Actor, plan_id: str) -> Plan:
    """Say that somebody was seen as advice had planned; a register's plan ends by its record.

    Raises
    ------
    NotFound
        ``plan.not_found``.
    Conflict
        ``plan.by_record``: belongs to a register; ``plan.done``.
    """
    with ctx.store.begin() as unit:
        require_doctor(actor)
        plan = unit.registers.plan(plan_id)
        if plan is None or not actor.sees_site(plan.site_id):
            raise NotFound("plan.not_found")
        if plan.kind is PlanKind.REGISTER:
            raise Conflict("plan.by_record")
        if plan.done_at is not None:
            raise Conflict("plan.done")
        plan = replace(plan, done_at=ctx.clock.now(), done_by=actor.user_id)
        unit.registers.save_plan(plan)
        unit.events.append(
            type="plan.carried_out", actor_id=actor.user_id, payload={"plan": plan.id}
        )
        unit.commit()
    return plan


def rates(ctx: Context, actor: Actor, year: int) -> dict[RegisterKind, Managed]:
    """Control rate of each register with such a measure, from 1 January of a year to its end.

    Of those in the register, whose last follow-up of the year kept the target; somebody who was
    not followed up counts as not controlled.
    """
    require_role(actor, *DOCTORS, Role.COUNTY_MANAGER)
    with ctx.store.read() as unit:
        return {
            kind: unit.registers.managed(
                kind, actor.visible_sites, date(year, 1, 1), date(year, 12, 31)
            )
            for kind, population in populations().items()
            if population.form is not None
        }
