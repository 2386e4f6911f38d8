"""Filling in a record of a register: class and next date by the standard, kept as an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final

from qiangji_app.domain.ids import is_uuid
from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import Enrolment, FollowUp
from qiangji_app.domain.roles import Actor, Site
from qiangji_app.domain.visit import TypedFact
from qiangji_app.ports import Unit
from qiangji_app.services.advice import Advised, advise
from qiangji_app.services.ages import local_day, zone_of
from qiangji_app.services.context import Context
from qiangji_app.services.public_health import (
    Assessment,
    Form,
    Population,
    assess,
    checked,
    populations,
    scheduled,
)
from qiangji_app.services.registers import check_day, put_plan, visible_entry
from qiangji_app.services.rule_facts import check_value
from qiangji_datasets.errors import Conflict, InputRejected

#: When the values of a record of an earlier day count as measured.
_NOON: Final = time(12)


@dataclass(frozen=True)
class Record:
    """Everything that the printed record form of one person shows, the oldest record first."""

    enrolment: Enrolment
    patient: Patient
    population: Population
    follow_ups: Sequence[FollowUp]
    site: Site
    doctors: Mapping[str, str]
    printed_on: date


@dataclass(frozen=True)
class Filled:
    """A form as typed: day, values, and the next day where the doctor chose one."""

    day: date
    fields: Mapping[str, object]
    next_due: date | None = None
    visit_id: str = ""


def preview(
    ctx: Context, actor: Actor, enrolment_id: str, filled: Filled
) -> tuple[Assessment, Enrolment]:
    """Class, next date and referral as they would be recorded; nothing is stored.

    Raises
    ------
    InputRejected
        A value that its field does not take.
    """
    with ctx.store.read() as unit:
        entry = visible_entry(unit, actor, enrolment_id)
        return _assessed(unit, entry, filled)[1], entry


def advised(ctx: Context, actor: Actor, enrolment_id: str, filled: Filled) -> Advised:
    """What the rules say with the numbers and symptoms of the form; nothing is stored.

    Raises
    ------
    InputRejected
        A value that its field does not take.
    """
    with ctx.store.read() as unit:
        entry = visible_entry(unit, actor, enrolment_id)
        now = ctx.clock.now().astimezone(zone_of(unit, actor.site_id))
        at = now if filled.day == now.date() else datetime.combine(filled.day, _NOON, now.tzinfo)
        form = populations()[entry.kind].form
        facts = list(_stated(form, checked(form, filled.fields), at)) if form else []
        return advise(ctx, unit, actor, entry.person_id, facts)


def _stated(form: Form, fields: Mapping[str, object], at: datetime) -> Iterator[TypedFact]:
    """Lines of a form that are facts: numbers, and symptoms that are ticked."""
    for one in form.fields:
        value = fields.get(one.id)
        if one.fact and isinstance(value, (int, float)):
            yield TypedFact(one.fact, float(value), at, one.unit, dict(one.context or {}))
        for option in value if isinstance(value, list) else ():
            if option in one.option_facts:
                yield TypedFact(one.option_facts[option], True, at)


def record(
    ctx: Context, actor: Actor, enrolment_id: str, follow_up_id: str, filled: Filled
) -> FollowUp:
    """Keep a filled-in form and plan the next one; said again under the same id, it is the same.

    A record of a day before the newest one is kept with the next day that was typed, if any, and
    moves neither the plan nor the date of the entry.

    Raises
    ------
    InputRejected
        ``follow_up.missing`` names the fields; ``follow_up.later_than_standard``; a bad value.
    Conflict
        ``register.ended``; the id belongs to another record.
    """
    if not is_uuid(follow_up_id):
        raise InputRejected("follow_up.bad_id")
    with ctx.store.begin() as unit:
        entry = visible_entry(unit, actor, enrolment_id)
        known = unit.registers.follow_up(follow_up_id)
        if known is not None:
            if known.enrolment_id != entry.id:
                raise Conflict("follow_up.id_taken")
            return known
        if entry.ended_at is not None:
            raise Conflict("register.ended")
        today = local_day(unit, actor.site_id, ctx.clock.now())
        if filled.day > today:
            raise InputRejected("follow_up.future")
        fields, found = _assessed(unit, entry, filled)
        if found.missing:
            raise InputRejected("follow_up.missing", fields=",".join(found.missing))
        is_newest = all(one.day <= filled.day for one in unit.registers.follow_ups(entry.id))
        due = _next_due(filled, found, today) if is_newest else filled.next_due
        typed = replace(filled, fields=fields, next_due=due)
        item = _item(ctx, actor, entry, follow_up_id, filled=typed, found=found)
        unit.registers.add_follow_up(item)
        if is_newest:
            unit.registers.save(replace(entry, next_due=due))
            put_plan(ctx, unit, actor, entry, due)
        unit.events.append(
            type="follow_up.recorded",
            actor_id=actor.user_id,
            payload={
                "follow_up": item.id,
                "register": entry.kind.value,
                "class": item.category.value if item.category else "",
                "due": due.isoformat() if due else "",
                "is_referred": item.is_referred,
            },
        )
        unit.commit()
    return item


def _assessed(unit: Unit, entry: Enrolment, filled: Filled) -> tuple[dict[str, object], Assessment]:
    population = populations()[entry.kind]
    patient = unit.persons.get(entry.person_id) or Patient(name="")
    if population.form is None:
        born = entry.since or patient.birth_date
        due = scheduled(population, day=filled.day, born=born)
        return dict(filled.fields), Assessment(None, None, due, False, False, (), ())
    fields = checked(population.form, filled.fields)
    _check_plausible(population.form, fields, patient.age_on(filled.day))
    before = [one for one in unit.registers.follow_ups(entry.id) if one.day <= filled.day]
    age = patient.age_on(filled.day)
    return fields, assess(population.form, fields, day=filled.day, age_years=age, before=before)


def _check_plausible(form: Form, fields: Mapping[str, object], age_years: float | None) -> None:
    for field in form.fields:
        value = fields.get(field.id)
        if field.fact and isinstance(value, (int, float)):
            check_value(field.fact, float(value), field.unit, age_years, field.context or {})


def _next_due(filled: Filled, found: Assessment, today: date) -> date | None:
    """The doctor's day where it is no later than the standard's, else the standard's."""
    chosen = filled.next_due
    if chosen is None:
        if found.next_due is None:
            raise InputRejected("register.date_needed")
        return found.next_due
    check_day(chosen, today)
    if found.next_due is not None and chosen > found.next_due:
        raise InputRejected("follow_up.later_than_standard", day=found.next_due.isoformat())
    return chosen


def _item(
    ctx: Context,
    actor: Actor,
    entry: Enrolment,
    follow_up_id: str,
    *,
    filled: Filled,
    found: Assessment,
) -> FollowUp:
    return FollowUp(
        id=follow_up_id,
        enrolment_id=entry.id,
        person_id=entry.person_id,
        site_id=entry.site_id,
        kind=entry.kind,
        day=filled.day,
        recorded_at=ctx.clock.now(),
        recorded_by=actor.user_id,
        standard=populations()[entry.kind].source.edition,
        fields=dict(filled.fields),
        category=found.category,
        is_controlled=found.is_controlled,
        is_referred=found.is_referral,
        next_due=filled.next_due,
        visit_id=filled.visit_id,
    )


def record_of(ctx: Context, actor: Actor, enrolment_id: str) -> Record:
    """The record of one person in one register; taking it out is written to the chain of reads."""
    with ctx.store.begin() as unit:
        entry = visible_entry(unit, actor, enrolment_id)
        unit.reads.append(
            type="follow_up.read", actor_id=actor.user_id, payload={"enrolment": entry.id}
        )
        found = Record(
            enrolment=entry,
            patient=unit.persons.get(entry.person_id) or Patient(name=""),
            population=populations()[entry.kind],
            follow_ups=list(reversed(unit.registers.follow_ups(entry.id))),
            site=next(one for one in unit.accounts.sites() if one.id == entry.site_id),
            doctors={one.id: one.display_name for one in unit.accounts.all()},
            printed_on=local_day(unit, actor.site_id, ctx.clock.now()),
        )
        unit.commit()
    return found
