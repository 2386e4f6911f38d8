"""Advice of the rules: given on all that is known, kept with its inputs, decided by a doctor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import Plan, PlanKind
from qiangji_app.domain.roles import Actor, Role, Site
from qiangji_app.domain.visit import Advice, Decision, OverrideReason, TypedFact, Visit
from qiangji_app.ports import Unit
from qiangji_app.rules.evaluate import Answer, Outcome, Situation, evaluate
from qiangji_app.rules.facts import Fact
from qiangji_app.rules.packs import Audience
from qiangji_app.rules.selecting import CLOCK_DRIFT
from qiangji_app.rules.stored import answer_again
from qiangji_app.rules.stored import keep as kept_answer
from qiangji_app.services.ages import local_day, zone_of
from qiangji_app.services.context import Context
from qiangji_app.services.identity import reason_digest
from qiangji_app.services.limits import MAX_CALL_TEXT, whole
from qiangji_app.services.patient_facts import as_fact, facts_of
from qiangji_app.services.people import require_doctor, visible_person
from qiangji_app.services.rule_facts import (
    Refused,
    accepted,
    digest_of_inputs,
    known,
    plain,
)
from qiangji_datasets.errors import Conflict, InputRejected, NotFound

#: Key of the rule's own text beside what was asked.
_RULE_TEXT: Final = "rule_text"
#: The country's rules hold everywhere.
_COUNTRY: Final = "CN"
_SEX: Final = {"F": "female", "M": "male"}


@dataclass(frozen=True)
class Advised:
    """What the rules say of a patient now, on which facts; ``refused`` are of what was typed.

    ``faulty`` names the rules and the added packs that could not answer.
    """

    situation: Situation
    answers: Sequence[Answer]
    refused: Sequence[Refused]
    faulty: Sequence[str] = ()


def advise(
    ctx: Context,
    unit: Unit,
    actor: Actor,
    person_id: str,
    typed: Sequence[TypedFact] = (),
    *,
    visit_id: str = "",
) -> Advised:
    """Put what is known and what is being typed before the rules.

    Parameters
    ----------
    visit_id
        The visit that is being typed; what it held before does not count.
    """
    patient = visible_person(unit, actor, person_id).patient
    now = ctx.clock.now().astimezone(zone_of(unit, actor.site_id))
    age = patient.age_on(now.date())
    new, refused = _new(typed, f"visit:{visit_id}", now, age)
    old, _ = accepted(_past(facts_of(unit, actor, person_id, now, but=visit_id), now), age)
    situation = Situation(
        now=now,
        age_years=age,
        sex=_SEX.get(patient.sex, ""),
        audience=_audience(actor),
        jurisdiction=_jurisdiction(unit, actor),
        facts=(*old, *new),
    )
    said = evaluate(ctx.rules(), situation)
    faulty = (*(one.rule for one in said if one.fault), *ctx.rules.left_out)
    return Advised(situation, [one for one in said if not one.fault], refused, faulty)


def _new(
    typed: Sequence[TypedFact], ref: str, now: datetime, age: float | None
) -> tuple[tuple[Fact, ...], tuple[Refused, ...]]:
    """What is being typed; a time that is yet to come is refused beside its field, alone."""
    kept, refused = accepted((as_fact(item, ref) for item in typed), age)
    told = {one.index for one in refused}
    late = [
        Refused(index, InputRejected("fact.not_yet", at=_clock(item, now)))
        for index, item in enumerate(typed)
        if index not in told and item.at > now + CLOCK_DRIFT
    ]
    on_time = tuple(fact for fact in kept if fact.at <= now + CLOCK_DRIFT)
    return on_time, tuple(sorted((*refused, *late), key=lambda one: one.index))


def _clock(item: TypedFact, now: datetime) -> str:
    """The time as the clock of the site shows it."""
    return f"{item.at.astimezone(now.tzinfo):%Y-%m-%d %H:%M}"


def _past(facts: Iterable[Fact], now: datetime) -> Iterator[Fact]:
    """Facts that the catalogue lists; a device whose clock runs ahead states none yet."""
    return (one for one in known(facts) if one.at <= now)


def facts_now(
    ctx: Context, unit: Unit, actor: Actor, person_id: str, patient: Patient
) -> Sequence[Fact]:
    """Everything that is known of a patient, in canonical units."""
    now = ctx.clock.now().astimezone(zone_of(unit, actor.site_id))
    age = patient.age_on(now.date())
    return accepted(_past(facts_of(unit, actor, person_id, now), now), age)[0]


def _audience(actor: Actor) -> Audience:
    return Audience.TOWNSHIP if actor.has(Role.TOWNSHIP_DOCTOR) else Audience.VILLAGE


def _jurisdiction(unit: Unit, actor: Actor) -> tuple[str, ...]:
    """The country, then the sites from the county's down to the actor's own."""
    sites: dict[str, Site] = {site.id: site for site in unit.accounts.sites()}
    path: list[str] = []
    at: str | None = actor.site_id
    while at is not None and at in sites:
        path.append(at)
        at = sites[at].parent_id
    return (_COUNTRY, *reversed(path))


def keep(
    ctx: Context, unit: Unit, actor: Actor, visit: Visit, advised: Advised
) -> Sequence[Advice]:
    """Keep the answers that say yes, each once for the same rule on the same inputs.

    Returns
    -------
        What holds now, the most urgent first.
    """
    before = {
        (one.rule, one.version, one.inputs_sha256): one for one in unit.visits.advice_of(visit.id)
    }
    found = []
    for answer in advised.answers:
        if answer.outcome is not Outcome.YES:
            continue
        item = _advice(ctx, visit, advised.situation, answer)
        kept = before.get((item.rule, item.version, item.inputs_sha256))
        if kept is None:
            unit.visits.add_advice(item)
            _note_given(unit, actor, item)
        found.append(kept or item)
    return found


def _advice(ctx: Context, visit: Visit, situation: Situation, answer: Answer) -> Advice:
    said, rule = plain(answer), ctx.rules().by_version[answer.version]
    return Advice(
        id=ctx.ids.new(),
        visit_id=visit.id,
        person_id=visit.person_id,
        site_id=visit.site_id,
        given_at=ctx.clock.now(),
        rule=answer.rule,
        pack=answer.pack,
        edition=answer.edition,
        version=answer.version,
        outcome=said["outcome"],
        urgency=said["urgency"],
        topic=answer.topic,
        inputs_sha256=digest_of_inputs(answer),
        situation=kept_answer(answer, rule, situation) | {_RULE_TEXT: rule.canonical},
        answer=said,
    )


def _note_given(unit: Unit, actor: Actor, item: Advice) -> None:
    unit.events.append(
        type="advice.given",
        actor_id=actor.user_id,
        payload={
            "advice": item.id,
            "visit": item.visit_id,
            "rule": item.rule,
            "version": item.version,
            "urgency": item.urgency,
            "inputs_sha256": item.inputs_sha256,
        },
    )


def decide(
    ctx: Context,
    actor: Actor,
    advice_id: str,
    decision: Decision,
    *,
    reason_code: str = "",
    reason: str = "",
) -> Advice:
    """Accept advice, or say why not; accepting a follow-up plans its day.

    Raises
    ------
    InputRejected
        ``advice.decision``; ``advice.reason_needed``: overridden without a reason, or for another
        one without words.
    Conflict
        ``advice.decided`` before.
    """
    words = whole(reason, MAX_CALL_TEXT)
    _check_decision(decision, reason_code, words)
    with ctx.store.begin() as unit:
        item = visible_advice(unit, actor, advice_id)
        if item.decision is not Decision.OPEN:
            raise Conflict("advice.decided")
        item = replace(
            item,
            decision=decision,
            decided_by=actor.user_id,
            decided_at=ctx.clock.now(),
            reason_code=reason_code if decision is Decision.OVERRIDDEN else "",
            reason=words,
        )
        unit.visits.decide(item)
        if decision is Decision.ACCEPTED:
            _plan(ctx, unit, actor, item)
        unit.events.append(
            type="advice.decided",
            actor_id=actor.user_id,
            payload={
                "advice": item.id,
                "decision": decision.value,
                "rule": item.rule,
                "version": item.version,
                "inputs_sha256": item.inputs_sha256,
                "reason_code": item.reason_code,
                "reason_sha256": reason_digest(words),
            },
        )
        unit.commit()
    return item


def _check_decision(decision: Decision, reason_code: str, words: str) -> None:
    if decision is Decision.OPEN:
        raise InputRejected("advice.decision")
    if decision is Decision.ACCEPTED:
        return
    if reason_code not in set(OverrideReason) or (
        reason_code == OverrideReason.OTHER and not words
    ):
        raise InputRejected("advice.reason_needed")


def _plan(ctx: Context, unit: Unit, actor: Actor, item: Advice) -> None:
    """Plan the follow-up that the advice asks for, unless an earlier one is planned already."""
    actions = cast("list[dict[str, Any]]", item.answer["actions"])
    days = [row["days"] for row in actions if row["kind"] == "follow_up" and row["days"]]
    if not days:
        return
    due = local_day(unit, item.site_id, ctx.clock.now()) + timedelta(days=min(days))
    mine = unit.registers.open_plans(person_ids=frozenset({item.person_id}), until=due)
    if any(plan.kind is PlanKind.ADVICE and plan.topic == item.topic for plan in mine):
        return
    unit.registers.add_plan(
        Plan(
            id=ctx.ids.new(),
            person_id=item.person_id,
            site_id=item.site_id,
            kind=PlanKind.ADVICE,
            topic=item.topic,
            due_on=due,
            ref=item.id,
            made_at=ctx.clock.now(),
            made_by=actor.user_id,
        )
    )


def visible_advice(unit: Unit, actor: Actor, advice_id: str) -> Advice:
    """Advice given at a visible site.

    Raises
    ------
    NotFound
        ``advice.not_found``.
    """
    require_doctor(actor)
    item = unit.visits.advice(advice_id)
    if item is None or not actor.sees_site(item.site_id):
        raise NotFound("advice.not_found")
    return item


@dataclass(frozen=True)
class Again:
    """Old advice given once more: by its rule as it was then, on the same inputs.

    ``is_in_use`` tells whether that version of the rule still answers today.
    """

    advice: Advice
    is_in_use: bool
    is_same_answer: bool


def again(ctx: Context, actor: Actor, advice_id: str) -> Again:
    """Ask the rule as it was once more what it said then."""
    with ctx.store.read() as unit:
        item = visible_advice(unit, actor, advice_id)
    try:
        answer_again(item.situation, str(item.situation[_RULE_TEXT]))
    except (Conflict, InputRejected):
        return Again(item, item.version in ctx.rules().by_version, is_same_answer=False)
    return Again(item, item.version in ctx.rules().by_version, is_same_answer=True)
