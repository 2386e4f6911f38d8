"""Answers of a rulebook about one patient at one instant."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final

from qiangji_app.rules.compiled import CompiledRule
from qiangji_app.rules.expressions import Outcome, Value
from qiangji_app.rules.facts import Fact
from qiangji_app.rules.layers import Placed, Rulebook, shipped
from qiangji_app.rules.packs import Action, Audience, Rule, Source, Urgency, Words
from qiangji_app.rules.selecting import CLOCK_DRIFT, Facts, Selected, by_code, select
from qiangji_app.rules.unstated import ages, possible_people, unstated
from qiangji_datasets.errors import InputRejected, QiangjiError

__all__ = ["Answer", "Audience", "Outcome", "Situation", "evaluate", "shipped"]

#: Combinations of facts that disagree; with more of them the disagreeing inputs are unknown.
MOST_VARIANTS: Final = 64
#: From here on what one side of a contradiction calls for is given, and the contradiction told.
FAIL_SAFE_FROM: Final = Urgency.URGENT
#: What a faulty rule may raise; it must stop no other rule.
_FAULTS: Final = (
    QiangjiError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """One patient at one instant, seen by one doctor.

    Parameters
    ----------
    now
        The instant that ages and windows count from, with a time zone.
    age_years
        None: not known.
    sex
        ``female``, ``male``, or empty: not known.
    jurisdiction
        Places from the widest to the narrowest, for example ``("CN", "CN-34", "county", "site")``.
    facts
        Accepted facts (``rules.facts.accept``).
    """

    now: datetime
    age_years: float | None
    sex: str
    audience: Audience
    facts: tuple[Fact, ...]
    jurisdiction: tuple[str, ...] = ("CN",)

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise InputRejected("fact.no_time_zone", fact="now")
        late = next((fact for fact in self.facts if fact.at > self.now + CLOCK_DRIFT), None)
        if late is not None:
            raise InputRejected("fact.in_future", fact=late.code, at=late.at.isoformat())

    @property
    def today(self) -> date:
        """The day, in the zone of ``now``."""
        return self.now.date()

    def built_in(self) -> dict[str, Value]:
        """What every condition knows about the patient and the doctor."""
        found: dict[str, Value] = {"audience": self.audience.value}
        if self.sex:
            found["sex"] = self.sex
        if self.age_years is not None:
            found |= ages(self.age_years)
        return found


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one rule says about a situation.

    Parameters
    ----------
    version
        The sha256 of the rule's canonical content.
    inputs
        The facts that the answer rests on.
    missing
        Codes of facts that would decide, or narrow a score; also ``age_years`` and ``sex``, which
        a grave rule takes as fitting where nobody stated them.
    contradictions
        Facts of one instant that disagree.
    computed
        Scores: ``NAME_low`` and ``NAME_high``; equal when every item is known.
    fault
        Why the rule could not be computed; empty where it was. Its outcome is then unknown.
    """

    rule: str
    pack: str
    edition: str
    version: str
    outcome: Outcome
    urgency: Urgency
    topic: str
    title: Words
    advice: Words
    actions: tuple[Action, ...]
    source: Source
    evidence: str
    inputs: tuple[Fact, ...]
    missing: tuple[str, ...] = ()
    contradictions: tuple[Fact, ...] = ()
    computed: Mapping[str, float] = field(default_factory=dict)
    fault: str = ""


def evaluate(
    rulebook: Rulebook, situation: Situation, *, include_no: bool = False
) -> tuple[Answer, ...]:
    """Every answer that matters: yes first by urgency, then what is unknown and asks for something.

    Where one of a domain or a danger sign is urgent, or a vital sign an emergency, none says that
    the patient may stay, go home or go down.

    Parameters
    ----------
    include_no
        Also the rules that do not hold and those that ask for nothing, for tests and checks.

    Notes
    -----
    A rule that cannot be computed answers with a ``fault`` and is logged; the others answer.
    """
    facts = by_code(situation.facts)
    answers = []
    staying: set[str] = set()
    for placed in rulebook.in_force(situation.today, situation.jurisdiction):
        if situation.audience in placed.rule.audience:
            answer = _answered(rulebook, placed, situation, facts)
            if include_no or _matters(answer):
                answers.append(answer)
            if placed.rule.may_stay:
                staying.add(answer.rule)
    return tuple(sorted(_without_opposites(answers, staying), key=_order))


#: Domains that concern every other one, from this urgency on.
_EVERYWHERE: Final = {"vital": Urgency.EMERGENCY, "danger": Urgency.URGENT}


def _without_opposites(answers: Sequence[Answer], staying: Set[str]) -> list[Answer]:
    """Answers without those that let a patient stay or go down whom another one calls urgent."""
    grave = [
        answer
        for answer in answers
        if answer.outcome is Outcome.YES and answer.urgency >= Urgency.URGENT
    ]
    urgent = {_domain(answer) for answer in grave}
    is_everywhere = any(
        answer.urgency >= _EVERYWHERE.get(_domain(answer), math.inf) for answer in grave
    )
    return [
        answer
        for answer in answers
        if answer.rule not in staying
        or answer.outcome is not Outcome.YES
        or not (is_everywhere or _domain(answer) in urgent)
    ]


def _domain(answer: Answer) -> str:
    return answer.topic.split(".", maxsplit=1)[0]


def _answered(rulebook: Rulebook, placed: Placed, situation: Situation, facts: Facts) -> Answer:
    pack, rule = placed.pack, placed.rule
    try:
        compiled = rulebook.compiled(rule)
        return answer_rule(compiled, situation, facts, pack=pack.id, edition=pack.edition)
    except _FAULTS as fault:
        _LOG.error("rule %s of %s cannot be computed: %s", rule.id, pack.id, fault)
        reason = fault.code if isinstance(fault, QiangjiError) else type(fault).__name__
        return replace(_unanswered(rule, pack=pack.id, edition=pack.edition), fault=reason)


def _unanswered(rule: Rule, *, pack: str, edition: str) -> Answer:
    """What an answer takes over from its rule."""
    return Answer(
        rule=rule.id,
        pack=pack,
        edition=edition,
        version=rule.version,
        outcome=Outcome.UNKNOWN,
        urgency=rule.urgency,
        topic=rule.topic,
        title=rule.title,
        advice=rule.advice,
        actions=rule.actions,
        source=rule.source,
        evidence=rule.evidence,
        inputs=(),
    )


_RANK: Final = {Outcome.YES: 0, Outcome.UNKNOWN: 1, Outcome.NO: 2}


def _order(answer: Answer) -> tuple[int, int, str]:
    return _RANK[answer.outcome], -answer.urgency, answer.rule


def _matters(answer: Answer) -> bool:
    return answer.outcome is Outcome.YES or (
        answer.outcome is Outcome.UNKNOWN and bool(answer.missing or answer.fault)
    )


def answer_rule(
    compiled: CompiledRule, situation: Situation, facts: Facts, *, pack: str, edition: str
) -> Answer:
    """The answer of one rule, whether it is in force or not."""
    rule = compiled.rule
    picked = {name: select(item, facts, situation.now) for name, item in rule.inputs.items()}
    built_in = situation.built_in()
    variants = _variants(built_in, picked)
    outcome = _merged([compiled.answer(values) for values in variants], rule.urgency)
    score = compiled.score(variants[0])
    missing: set[str] = set()
    if outcome is Outcome.UNKNOWN and _may_be_meant(compiled, built_in, variants):
        outcome = Outcome.YES
        missing |= unstated(compiled, built_in)
    if outcome is Outcome.YES and score is not None:
        missing |= _codes(compiled, score.unknown)
    if outcome is Outcome.UNKNOWN:
        missing |= _asked(compiled, variants, picked)
    disagreeing = tuple(
        fact
        for name, item in picked.items()
        if name in compiled.names
        for fact in item.contradicting
    )
    if outcome is not Outcome.NO:
        missing |= {fact.code for fact in disagreeing}
    return replace(
        _unanswered(rule, pack=pack, edition=edition),
        outcome=outcome,
        inputs=_used(picked),
        missing=tuple(sorted(missing)),
        contradictions=disagreeing,
        computed={}
        if score is None
        else {f"{rule.score_name}_low": score.low, f"{rule.score_name}_high": score.high},
    )


def _used(picked: Mapping[str, Selected]) -> tuple[Fact, ...]:
    """Each fact once, in the order of the inputs."""
    found: list[Fact] = []
    for item in picked.values():
        found += [fact for fact in item.used if fact not in found]
    return tuple(found)


def _variants(
    built_in: Mapping[str, Value], picked: Mapping[str, Selected]
) -> list[dict[str, Value]]:
    """Every reading of facts that disagree; one where none do."""
    known = {name: item.candidates for name, item in picked.items() if item.candidates}
    if math.prod(len(values) for values in known.values()) > MOST_VARIANTS:
        known = {name: values for name, values in known.items() if len(values) == 1}
    return [
        {**built_in, **dict(zip(known, values, strict=True))}
        for values in itertools.product(*known.values())
    ]


def _merged(outcomes: Sequence[Outcome], urgency: Urgency) -> Outcome:
    if len(set(outcomes)) == 1:
        return outcomes[0]
    is_grave = Outcome.YES in outcomes and urgency >= FAIL_SAFE_FROM
    return Outcome.YES if is_grave else Outcome.UNKNOWN


def _may_be_meant(
    compiled: CompiledRule,
    built_in: Mapping[str, Value],
    variants: Sequence[Mapping[str, Value]],
) -> bool:
    """Whether only an age or a sex that nobody stated keeps a grave rule from saying yes."""
    if compiled.rule.urgency < FAIL_SAFE_FROM or not unstated(compiled, built_in):
        return False
    return any(
        compiled.answer({**values, **person}) is Outcome.YES
        for person in possible_people(compiled, built_in)
        for values in variants
    )


def _asked(
    compiled: CompiledRule, variants: Sequence[Mapping[str, Value]], picked: Mapping[str, Selected]
) -> set[str]:
    """Codes worth asking for; none while nothing the rule looks at was ever stated.

    A rule whose ``when`` is unknown asks only if its condition holds.
    """
    found: set[str] = set()
    for values in variants:
        if compiled.answer(values) is not Outcome.UNKNOWN:
            continue
        gate_open = compiled.gate(values) is Outcome.YES
        if gate_open or compiled.outcome(values) is Outcome.YES:
            found |= _codes(compiled, compiled.deciding(values))
    if len(variants) > 1:
        # They disagree, or each is unknown: what contradicts is asked for again.
        found |= _codes(
            compiled, [name for name, item in picked.items() if len(item.candidates) > 1]
        )
    is_begun = any(item.was_given for item in picked.values())
    return found if is_begun else set()


def _codes(compiled: CompiledRule, names: frozenset[str] | Sequence[str]) -> set[str]:
    inputs = compiled.rule.inputs
    found: set[str] = set()
    for name in names:
        if name in inputs:
            found |= set(inputs[name].codes.values())
        else:
            found.add("age_years" if name.startswith("age_") else name)
    return found
