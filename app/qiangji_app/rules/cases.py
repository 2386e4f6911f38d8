"""A rule's own cases, run: each says who, what is known, and what the rule must answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from qiangji_app.rules.evaluate import Answer, Situation, answer_rule
from qiangji_app.rules.fact_files import hours
from qiangji_app.rules.facts import Fact, FactType, Origin, accept
from qiangji_app.rules.layers import Placed, Rulebook
from qiangji_app.rules.packs import Audience, Rule, RuleCase
from qiangji_app.rules.selecting import by_code
from qiangji_datasets.errors import QiangjiError

#: Whom a case is about that does not say.
ADULT_YEARS: Final = 50.0
#: Any instant: cases count from it, and a digest or an answer never does.
CASE_NOW: Final = datetime(2026, 1, 15, 2, 0, tzinfo=UTC)
_OWN_KEYS: Final = frozenset({"value", "unit", "ago", "origin"})


@dataclass(frozen=True)
class CaseFault:
    """A case that is not answered as it says; what was said instead."""

    pack: str
    rule: str
    case: str
    expected: str
    found: str


def run_cases(rulebook: Rulebook, placed: Placed) -> tuple[CaseFault, ...]:
    """Every case of a rule that fails; an unverified rule's cases are run all the same."""
    counters: dict[str, int] = {}
    faults = []
    for case in placed.rule.cases:
        counters[case.kind] = counters.get(case.kind, 0) + 1
        label = f"{case.kind} {counters[case.kind]}" + (f" ({case.name})" if case.name else "")
        fault = _run(rulebook, placed, case, label)
        if fault is not None:
            faults.append(fault)
    return tuple(faults)


def _run(rulebook: Rulebook, placed: Placed, case: RuleCase, label: str) -> CaseFault | None:
    where = (placed.pack.id, placed.rule.id, label)
    try:
        answer = case_answer(rulebook, placed, case)
    except QiangjiError as error:
        return CaseFault(*where, case.expect, str(error))
    if answer.outcome != case.expect:
        return CaseFault(*where, case.expect, answer.outcome.value)
    unasked = sorted(set(case.content.get("ask", ())) - set(answer.missing))
    if unasked:
        return CaseFault(*where, f"ask {', '.join(unasked)}", f"ask {', '.join(answer.missing)}")
    for name, wanted in case.content.get("computed", {}).items():
        if answer.computed.get(name) != wanted:
            return CaseFault(*where, f"{name} {wanted}", str(answer.computed.get(name)))
    return None


def case_answer(rulebook: Rulebook, placed: Placed, case: RuleCase) -> Answer:
    """What the rule answers in a case.

    Raises
    ------
    InputRejected
        A fact of the case is refused, or the rule cannot be compiled.
    """
    situation = case_situation(rulebook, placed.rule, case)
    compiled = rulebook.compiled(placed.rule)
    return answer_rule(
        compiled,
        situation,
        by_code(situation.facts),
        pack=placed.pack.id,
        edition=placed.pack.edition,
    )


def case_situation(rulebook: Rulebook, rule: Rule, case: RuleCase) -> Situation:
    """The patient of a case.

    Raises
    ------
    InputRejected
        A fact is refused.
    """
    content = case.content
    age = content.get("age_years", ADULT_YEARS)
    audience = content.get("audience") or min(rule.audience, key=list(Audience).index)
    facts = [
        accept(_fact(rulebook.catalogue[code], row, rule), rulebook.catalogue, age)
        for code, rows in content["facts"].items()
        for row in (rows if isinstance(rows, list) else [rows])
    ]
    return Situation(
        now=CASE_NOW,
        age_years=age,
        sex=content.get("sex", ""),
        audience=Audience(audience),
        facts=tuple(facts),
    )


def _fact(kind: FactType, row: Any, rule: Rule) -> Fact:  # Any: YAML
    given: Mapping[str, Any] = row if isinstance(row, dict) else {"value": row}
    context = {key: str(word) for key, word in given.items() if key not in _OWN_KEYS}
    return Fact(
        code=kind.code,
        value=given["value"],
        unit=str(given.get("unit", kind.unit)),
        at=CASE_NOW - timedelta(hours=hours(given.get("ago", "0h"))),
        origin=Origin(given.get("origin", _origin(kind, rule))),
        context=context or _wanted_context(kind.code, rule),
    )


def _origin(kind: FactType, rule: Rule) -> Origin:
    """Where a case does not say: what the rule wants, else the first that may state it."""
    wanted = [
        origin
        for item in rule.inputs.values()
        if kind.code in item.codes.values()
        for origin in item.origins
    ]
    allowed = wanted or kind.origins
    return Origin.TYPED if Origin.TYPED in allowed else min(allowed)


def _wanted_context(code: str, rule: Rule) -> dict[str, str]:
    """The context that the first input of that code asks for."""
    for item in rule.inputs.values():
        if code in item.codes.values() and item.context:
            return {key: words[0] for key, words in item.context.items()}
    return {}
