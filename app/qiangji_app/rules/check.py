"""What is wrong with a rulebook: failing cases, overlaps, contradictions, unreachable rules."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from qiangji_app.rules.cases import CaseFault, case_situation, run_cases
from qiangji_app.rules.evaluate import Outcome, answer_rule
from qiangji_app.rules.expressions import columns_read
from qiangji_app.rules.layers import Placed, Rulebook
from qiangji_app.rules.pack_files import check_schema
from qiangji_app.rules.packs import ActionKind, Pack, Rule, Status
from qiangji_app.rules.reach import unreachable
from qiangji_app.rules.selecting import by_code
from qiangji_app.rules.yaml_text import read_yaml
from qiangji_datasets.errors import InputRejected, QiangjiError

#: Cases of each kind that a rule must bring.
LEAST_CASES = 2


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; ``code`` is the key of its text."""

    code: str
    params: dict[str, str | int | float]

    def __hash__(self) -> int:
        return hash((self.code, tuple(sorted(self.params.items()))))

    def __str__(self) -> str:
        return str(QiangjiError(self.code, **self.params))


@dataclass(frozen=True)
class Coverage:
    """How much of a rulebook is on, and how much its cases hold to account."""

    packs: int = 0
    rules: int = 0
    on: int = 0
    unverified: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    cases: int = 0
    facts_used: int = 0
    facts: int = 0
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """The result of a check."""

    faults: tuple[Fault, ...]
    coverage: Coverage = field(default_factory=Coverage)


def check_files(files: Sequence[Path]) -> tuple[Fault, ...]:
    """Faults of form: each pack file against the schema."""
    faults = []
    for path in files:
        try:
            check_schema(read_yaml(path), path.name)
        except InputRejected as error:
            faults.append(Fault(error.code, error.params))
    return tuple(faults)


def check(rulebook: Rulebook) -> Checked:
    """Every fault of content, and the coverage."""
    faults = (
        *_twice(rulebook),
        *_overlapping_editions(rulebook.packs),
        *_empty_validity(rulebook.packs),
        *itertools.chain.from_iterable(_of_rule(rulebook, placed) for placed in _all(rulebook)),
        *_contradictions(rulebook),
    )
    return Checked(faults, coverage(rulebook))


def _all(rulebook: Rulebook) -> Iterator[Placed]:
    for pack in rulebook.packs:
        for rule in pack.rules:
            yield Placed(pack, rule)


def _twice(rulebook: Rulebook) -> Iterator[Fault]:
    counted = Counter(placed.rule.id for placed in _all(rulebook))
    for rule_id, count in counted.items():
        if count > 1:
            yield Fault("rules.check_rule_twice", {"rule": rule_id})


def _overlapping_editions(packs: Sequence[Pack]) -> Iterator[Fault]:
    """Two editions of one family in one place that answer on the same day."""
    for one, other in itertools.combinations([pack for pack in packs if pack.in_use], 2):
        same = one.family == other.family and one.jurisdiction == other.jurisdiction
        if same and one.layer is other.layer and _overlap(one, other):
            yield Fault("rules.check_editions_overlap", {"one": one.id, "other": other.id})


def _overlap(one: Pack, other: Pack) -> bool:
    return one.valid_from <= (other.valid_to or date.max) and other.valid_from <= (
        one.valid_to or date.max
    )


def _empty_validity(packs: Sequence[Pack]) -> Iterator[Fault]:
    for pack in packs:
        if pack.valid_to is not None and pack.valid_to < pack.valid_from:
            yield Fault("rules.check_never_valid", {"pack": pack.id})


def _of_rule(rulebook: Rulebook, placed: Placed) -> Iterator[Fault]:
    rule = placed.rule
    try:
        compiled = rulebook.compiled(rule)
    except InputRejected as error:
        yield Fault("rules.check_compile", {"rule": rule.id, "reason": str(error)})
        return
    yield from _form(rulebook, rule)
    unused = sorted(set(rule.inputs) - compiled.every_name)
    if unused:
        yield Fault("rules.check_unused_input", {"rule": rule.id, "inputs": ", ".join(unused)})
    if rule.status is Status.RETIRED:
        return
    yield from _case_counts(rule)
    failed = run_cases(rulebook, placed)
    yield from (_case_fault(fault) for fault in failed)
    # A positive case that passes has reached it.
    proved = not failed and any(case.kind == "positive" for case in rule.cases)
    if not proved and unreachable(rulebook.catalogue, compiled):
        yield Fault("rules.check_unreachable", {"rule": rule.id})


def _form(rulebook: Rulebook, rule: Rule) -> Iterator[Fault]:
    """Contexts and columns that do not exist, and a rule that is on without a source."""
    for item in rule.inputs.values():
        for code, (key, words) in itertools.product(item.codes.values(), item.context.items()):
            known = rulebook.catalogue[code].contexts.get(key, ())
            for word in sorted(set(words) - set(known)):
                params: dict[str, str | int | float] = {"rule": rule.id, "context": f"{key}={word}"}
                yield Fault("rules.check_context", {**params, "fact": code})
    columns = {column for item in rule.inputs.values() for column in item.codes}
    for column in sorted(columns_read(rule.when, rule.condition) - columns):
        yield Fault("rules.check_column", {"rule": rule.id, "column": column})
    if rule.is_on and not (rule.source.document and rule.source.edition and rule.source.clause):
        yield Fault("rules.check_source", {"rule": rule.id})


def _case_counts(rule: Rule) -> Iterator[Fault]:
    counted = Counter(case.kind for case in rule.cases)
    for kind in ("positive", "negative", "edge"):
        if counted[kind] < LEAST_CASES:
            yield Fault(
                "rules.check_few_cases",
                {"rule": rule.id, "kind": kind, "found": counted[kind], "least": LEAST_CASES},
            )


def _case_fault(fault: CaseFault) -> Fault:
    return Fault(
        "rules.check_case",
        {
            "rule": fault.rule,
            "case": fault.case,
            "expected": fault.expected,
            "found": fault.found,
        },
    )


def _contradictions(rulebook: Rulebook) -> Iterator[Fault]:
    """Rules in force together that say opposite things about the patient of one's own case."""
    active = [placed for placed in _all(rulebook) if placed.rule.is_on and placed.pack.in_use]
    for one, other in itertools.combinations(active, 2):
        if _can_meet(one, other) and _opposite(one.rule, other.rule):
            met = _both_answer(rulebook, one, other) or _both_answer(rulebook, other, one)
            if met:
                yield Fault(
                    "rules.check_contradiction",
                    {"one": one.rule.id, "other": other.rule.id, "case": met},
                )


def _can_meet(one: Placed, other: Placed) -> bool:
    return (
        bool(one.rule.audience & other.rule.audience)
        and _overlap(one.pack, other.pack)
        and one.rule.overrides != other.rule.id
        and other.rule.overrides != one.rule.id
    )


def _opposite(one: Rule, other: Rule) -> bool:
    """One sends up what the other sends down, or one tells to avoid what the other orders."""
    first, second = _acts(one), _acts(other)
    up, down = ActionKind.REFER_UP, ActionKind.REFER_DOWN
    if one.topic.split(".")[0] == other.topic.split(".")[0] and (
        (up in first and down in second) or (down in first and up in second)
    ):
        return True
    return bool(
        _targets(one, ActionKind.AVOID) & _targets(other, ActionKind.ORDER)
        or _targets(one, ActionKind.ORDER) & _targets(other, ActionKind.AVOID)
    )


def _acts(rule: Rule) -> frozenset[ActionKind]:
    return frozenset(action.kind for action in rule.actions)


def _targets(rule: Rule, kind: ActionKind) -> frozenset[str]:
    return frozenset(item.target for item in rule.actions if item.kind is kind and item.target)


def _both_answer(rulebook: Rulebook, one: Placed, other: Placed) -> str:
    """The name of a positive case of ``one`` in which ``other`` says yes too; empty: none."""
    for number, case in enumerate(one.rule.cases, start=1):
        if case.expect != Outcome.YES.value:
            continue
        try:
            situation = case_situation(rulebook, one.rule, case)
            compiled = rulebook.compiled(other.rule)
        except QiangjiError:
            return ""  # told as the fault of its own rule
        found = answer_rule(
            compiled, situation, by_code(situation.facts), pack=other.pack.id, edition=""
        )
        if found.outcome is Outcome.YES:
            return f"{one.rule.id} {case.kind} {case.name or number}"
    return ""


def coverage(rulebook: Rulebook) -> Coverage:
    """How much is on, off, used and held to account."""
    rules = [placed.rule for placed in _all(rulebook)]
    used = {code for rule in rules for item in rule.inputs.values() for code in item.codes.values()}
    return Coverage(
        packs=len(rulebook.packs),
        rules=len(rules),
        on=sum(rule.is_on for rule in rules),
        unverified=tuple(
            rule.id for rule in rules if not rule.is_on and rule.status is not Status.RETIRED
        ),
        retired=tuple(rule.id for rule in rules if rule.status is Status.RETIRED),
        cases=sum(len(rule.cases) for rule in rules),
        facts_used=len(used),
        facts=len(rulebook.catalogue.types),
        topics=tuple(sorted({rule.topic for rule in rules if rule.is_on})),
    )
