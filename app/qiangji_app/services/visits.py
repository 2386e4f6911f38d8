"""Visits: opened for a known or new person, typed into, answered by the rules at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from qiangji_app.domain.ids import is_uuid
from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import Enrolment, Plan
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.visit import Advice, Statement, TypedFact, Visit
from qiangji_app.ports import Unit
from qiangji_app.rules.facts import Fact
from qiangji_app.services.advice import Advised, advise, facts_now, keep
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_REASON, whole
from qiangji_app.services.people import (
    Known,
    add_person,
    require_doctor,
    same_person,
    visible_person,
)
from qiangji_datasets.errors import Conflict, InputRejected, NotFound

#: A sitting asks less; more rows are a mistake of a program.
MAX_FACTS = 200
_PRESSURES = ("systolic_bp", "diastolic_bp")


@dataclass(frozen=True)
class Recorded:
    """A stored visit, what the rules say of it, and the advice kept with it."""

    visit: Visit
    advised: Advised
    advice: Sequence[Advice]


@dataclass(frozen=True)
class Summary:
    """One person as a doctor sees him: facts by origin, visits, registers, plans."""

    known: Known
    facts: Sequence[Fact]
    visits: Sequence[Visit]
    enrolments: Sequence[Enrolment]
    plans: Sequence[Plan]
    advised: Advised


def open_visit(
    ctx: Context,
    actor: Actor,
    visit_id: str,
    *,
    person_id: str = "",
    patient: Patient | None = None,
) -> Visit:
    """Begin a sitting with somebody known, or with a new person; said again it is the same one.

    Raises
    ------
    InputRejected
        The id is no UUID; neither or both of person and patient; a field of the form.
    Conflict
        ``visit.id_taken``: the id belongs to somebody else's visit.
    """
    require_doctor(actor)
    if not is_uuid(visit_id) or bool(person_id) == (patient is not None):
        raise InputRejected("visit.bad_request")
    with ctx.store.begin() as unit:
        begun = unit.visits.get(visit_id)
        if begun is not None:
            if begun.doctor_id != actor.user_id:
                raise Conflict("visit.id_taken")
            return begun
        if patient is not None:
            person_id = add_person(ctx, unit, actor, patient)
        else:
            visible_person(unit, actor, person_id)
        visit = Visit(
            id=visit_id,
            person_id=person_id,
            site_id=actor.site_id,
            doctor_id=actor.user_id,
            at=ctx.clock.now(),
            is_demo=ctx.is_demo,
        )
        unit.visits.add(visit)
        unit.events.append(
            type="visit.opened",
            actor_id=actor.user_id,
            payload={"visit": visit.id, "site": actor.site_id, "is_new": patient is not None},
        )
        unit.commit()
    return visit


def visible_visit(unit: Unit, actor: Actor, visit_id: str) -> Visit:
    """A visit at a visible site.

    Raises
    ------
    NotFound
        ``visit.not_found``.
    """
    require_doctor(actor)
    visit = unit.visits.get(visit_id)
    if visit is None or not actor.sees_site(visit.site_id):
        raise NotFound("visit.not_found")
    return visit


def check(ctx: Context, actor: Actor, visit_id: str, facts: Sequence[Statement]) -> Advised:
    """What the rules say of what stands in the form now; nothing is stored.

    Raises
    ------
    InputRejected
        ``visit.too_many_facts``, ``visit.twice``, ``visit.pressure_reversed``.
    """
    with ctx.store.read() as unit:
        visit = visible_visit(unit, actor, visit_id)
        typed = _stamped(visit, facts, ctx.clock.now())
        _check_facts(typed)
        return advise(ctx, unit, actor, visit.person_id, typed, visit_id=visit.id)


def record(
    ctx: Context,
    actor: Actor,
    visit_id: str,
    revision: int,
    *,
    facts: Sequence[Statement],
    complaint: str = "",
) -> Recorded:
    """Store what was typed, and keep the advice that it leads to.

    Raises
    ------
    InputRejected
        A statement that cannot be true or is not known: the first of them, as ``check`` tells all.
    Conflict
        ``visit.changed`` meanwhile; ``visit.not_yours``: another doctor's sitting.
    """
    with ctx.store.begin() as unit:
        visit = visible_visit(unit, actor, visit_id)
        if visit.doctor_id != actor.user_id:
            raise Conflict("visit.not_yours")
        typed = _stamped(visit, facts, ctx.clock.now())
        _check_facts(typed)
        advised = advise(ctx, unit, actor, visit.person_id, typed, visit_id=visit.id)
        if advised.refused:
            raise advised.refused[0].error
        visit = unit.visits.save(
            replace(
                visit,
                revision=revision,
                facts=tuple(typed),
                complaint=whole(complaint, MAX_REASON),
            )
        )
        unit.events.append(
            type="visit.recorded",
            actor_id=actor.user_id,
            payload={"visit": visit.id, "revision": visit.revision, "facts": len(facts)},
        )
        advice = keep(ctx, unit, actor, visit, advised)
        unit.commit()
    return Recorded(visit, advised, advice)


def reopen(ctx: Context, actor: Actor, visit_id: str) -> Recorded:
    """A visit as it stands, with what the rules say now and the advice that was kept."""
    with ctx.store.begin() as unit:
        visit = visible_visit(unit, actor, visit_id)
        unit.reads.append(type="visit.read", actor_id=actor.user_id, payload={"visit": visit.id})
        advised = advise(ctx, unit, actor, visit.person_id, visit.facts, visit_id=visit.id)
        kept = unit.visits.advice_of(visit.id)
        unit.commit()
    return Recorded(visit, advised, kept)


def _stamped(visit: Visit, facts: Sequence[Statement], now: datetime) -> list[TypedFact]:
    """Each statement with its instant: the typed one, the stored one of an unchanged value, now.

    The clock of the computer it was typed on never counts. A pressure is one measurement: where
    one of its numbers is new, both are.
    """
    stored = {_said(one): one.at for one in visit.facts}
    fresh = {one.code for one in facts if _said(one) not in stored}
    if not fresh.isdisjoint(_PRESSURES):
        fresh |= set(_PRESSURES)
    return [
        TypedFact(
            one.code,
            one.value,
            one.at or (now if one.code in fresh else stored[_said(one)]),
            one.unit,
            dict(one.context),
        )
        for one in facts
    ]


def _said(item: Statement) -> tuple[object, ...]:
    return item.code, item.value, item.unit, tuple(sorted(item.context.items()))


def _check_facts(facts: Sequence[TypedFact]) -> None:
    """Refuse what no single statement shows: twice the same, pressures the wrong way round."""
    if len(facts) > MAX_FACTS:
        raise InputRejected("visit.too_many_facts", limit=MAX_FACTS)
    seen: dict[tuple[str, datetime, tuple[tuple[str, str], ...]], object] = {}
    for item in facts:
        key = (item.code, item.at, tuple(sorted(item.context.items())))
        if key in seen:
            raise InputRejected("visit.twice", fact=item.code)
        seen[key] = item.value
    for (code, at, context), high in seen.items():
        low = seen.get((_PRESSURES[1], at, context))
        is_pair = code == _PRESSURES[0] and isinstance(high, (int, float))
        if is_pair and isinstance(low, (int, float)) and low >= high:  # type: ignore[operator]
            raise InputRejected("visit.pressure_reversed", high=f"{high:g}", low=f"{low:g}")


def summary(ctx: Context, actor: Actor, person_id: str) -> Summary:
    """One person; opening it is written to the chain of reads."""
    with ctx.store.begin() as unit:
        known = visible_person(unit, actor, person_id)
        unit.reads.append(
            type="visit.person_read", actor_id=actor.user_id, payload={"person": person_id}
        )
        ids = same_person(unit, actor, person_id)
        found = Summary(
            known=known,
            facts=facts_now(ctx, unit, actor, person_id, known.patient),
            visits=[row for row in unit.visits.of_person(ids) if actor.sees_site(row.site_id)],
            enrolments=[
                row for row in unit.registers.of_person(ids) if actor.sees_site(row.site_id)
            ],
            plans=unit.registers.open_plans(person_ids=ids, site_ids=actor.visible_sites),
            advised=advise(ctx, unit, actor, person_id),
        )
        unit.commit()
    return found
