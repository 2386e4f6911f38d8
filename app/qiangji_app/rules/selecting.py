"""From a patient's facts to the values of a rule's inputs: newest, mean, series, within an age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from qiangji_app.rules.expressions import Value
from qiangji_app.rules.facts import Fact
from qiangji_app.rules.packs import Input, Select

#: A device's clock may run ahead of the server's by this much.
CLOCK_DRIFT: Final = timedelta(minutes=5)

Scalar = float | bool | str


@dataclass(frozen=True)
class Selected:
    """The value of an input.

    Parameters
    ----------
    candidates
        Empty: not known. One: known. Several: facts of the same instant disagree.
    used
        The facts it was made of.
    contradicting
        Facts of one code, context and instant with different values.
    was_given
        A fact of that code exists, even if too old or in another context.
    """

    candidates: tuple[Value, ...] = ()
    used: tuple[Fact, ...] = ()
    contradicting: tuple[Fact, ...] = ()
    was_given: bool = False


Facts = Mapping[str, Sequence[Fact]]


def by_code(facts: Iterable[Fact]) -> Facts:
    """Facts by code, oldest first."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for fact in sorted(facts, key=lambda item: item.at):
        found[fact.code].append(fact)
    return found


def select(wanted: Input, facts: Facts, now: datetime) -> Selected:
    """The value of an input at an instant; what the rule assumes where nobody stated one."""
    found = _stated(wanted, facts, now)
    if found.candidates or wanted.assume is None:
        return found
    return replace(found, candidates=(wanted.assume,))


def _stated(wanted: Input, facts: Facts, now: datetime) -> Selected:
    given = [fact for code in wanted.codes.values() for fact in facts.get(code, ())]
    matching = [fact for fact in given if _matches(fact, wanted, now)]
    if wanted.select is Select.SERIES:
        return _series(wanted, matching, now, was_given=bool(given))
    if not matching:
        return Selected(was_given=bool(given))
    return _single(wanted.select, matching)


def _matches(fact: Fact, wanted: Input, now: datetime) -> bool:
    age = now - fact.at
    return (
        age >= -CLOCK_DRIFT
        and age.total_seconds() <= wanted.max_age_hours * 3600.0
        and (not wanted.origins or fact.origin in wanted.origins)
        and all(fact.context.get(key) in words for key, words in wanted.context.items())
    )


def _single(how: Select, matching: Sequence[Fact]) -> Selected:
    newest = max(fact.at for fact in matching)
    used = [fact for fact in matching if how is not Select.LATEST or fact.at == newest]
    values: tuple[Value, ...]
    if how is Select.LATEST:
        values = tuple(dict.fromkeys(fact.value for fact in used))
    else:
        fold = _FOLDS[how]
        values = tuple(dict.fromkeys(fold(picked) for picked in _extremes(used)))
    return Selected(values, tuple(used), contradicting(used), was_given=True)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


_FOLDS: Final[Mapping[Select, Callable[[Sequence[float]], float]]] = {
    Select.MAX: max,
    Select.MIN: min,
    Select.MEAN: _mean,
}


def _extremes(facts: Sequence[Fact]) -> list[list[float]]:
    """The numbers with each disagreement resolved downwards, and upwards."""
    instants: dict[datetime, list[float]] = defaultdict(list)
    for fact in facts:
        instants[fact.at].append(float(fact.value))
    return [[pick(values) for values in instants.values()] for pick in (min, max)]


def contradicting(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """Facts that say different things about the same code, context and instant."""
    groups: dict[object, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[fact.code, fact.at, tuple(sorted(fact.context.items()))].append(fact)
    return tuple(
        fact
        for group in groups.values()
        if len({item.value for item in group}) > 1
        for fact in group
    )


def _series(wanted: Input, matching: Sequence[Fact], now: datetime, *, was_given: bool) -> Selected:
    column = {code: name for name, code in wanted.codes.items()}
    instants: dict[datetime, list[Fact]] = defaultdict(list)
    for fact in matching:
        instants[fact.at].append(fact)
    times = sorted(instants)
    if wanted.distinct_days:
        # Of one day the newest counts.
        times = list({time.astimezone(now.tzinfo).date(): time for time in times}.values())
    times = times[-wanted.last :] if wanted.last else times
    used = [fact for time in times for fact in instants[time]]
    if len(times) < max(wanted.at_least, 1):
        return Selected(was_given=was_given)
    variants: list[Value] = []
    for pick in (min, max):
        rows = [_row(instants[time], column, pick) for time in times]
        if rows not in variants:
            variants.append(rows)
    return Selected(tuple(variants), tuple(used), contradicting(used), was_given)


def _row(
    facts: Sequence[Fact], column: Mapping[str, str], pick: Callable[[list[float]], float]
) -> dict[str, float]:
    columns: dict[str, list[float]] = defaultdict(list)
    for fact in facts:
        # A yes or no stays what it is: bool is a number to Python alone.
        columns[column[fact.code]].append(fact.value)  # type: ignore[arg-type]  # words are refused
    return {name: pick(values) for name, values in columns.items()}
