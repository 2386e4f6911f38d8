"""A rule with its conditions compiled, and what can be asked of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from qiangji_app.rules.expressions import Expression, Kind, Outcome, Value
from qiangji_app.rules.packs import Input, Rule, ScoreItem, Select

#: Names every condition knows: who the patient is and who asks.
BUILT_IN: Final[Mapping[str, Kind]] = {
    "age_years": Kind.NUMBER,
    "age_months": Kind.NUMBER,
    "age_days": Kind.NUMBER,
    "sex": Kind.WORD,
    "audience": Kind.WORD,
}
#: A number just beside a cut-off, relative to it.
_BESIDE: Final = 1e-3
#: Combinations of column values that are tried for a series.
_MOST_ROWS: Final = 40


@dataclass(frozen=True)
class Score:
    """Sum of the points of items; with unknown items a range."""

    low: int
    high: int
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class CompiledRule:
    """A rule ready to be answered.

    ``kinds`` holds the type of each name that a condition may use.
    """

    rule: Rule
    kinds: Mapping[str, Kind]
    when: Expression | None
    unless: Expression | None
    condition: Expression
    items: tuple[tuple[ScoreItem, Expression], ...]

    @classmethod
    def of(cls, rule: Rule) -> CompiledRule:
        """Compile a rule.

        Raises
        ------
        InputRejected
            A condition that is not CEL, uses an undeclared name, or mixes types.
        """
        kinds = {**BUILT_IN, **{name: _kind(item) for name, item in rule.inputs.items()}}
        with_score = {**kinds, rule.score_name: Kind.NUMBER} if rule.score_name else kinds
        return cls(
            rule,
            with_score,
            Expression(rule.when, kinds) if rule.when else None,
            Expression(rule.unless, kinds) if rule.unless else None,
            Expression(rule.condition, with_score),
            tuple((item, Expression(item.when, kinds)) for item in rule.score_items),
        )

    @property
    def names(self) -> frozenset[str]:
        """What ``when`` and the condition depend on; a score stands for its items' names."""
        found = self.condition.names | (self.when.names if self.when else frozenset())
        if self.rule.score_name in found:
            found |= frozenset[str]().union(*(item.names for _, item in self.items))
        return found - {self.rule.score_name}

    @property
    def every_name(self) -> frozenset[str]:
        """Whatever ``when``, the condition or an item of the score mentions."""
        parts = (self.when, self.unless, self.condition, *(item for _, item in self.items))
        return frozenset[str]().union(*(part.names for part in parts if part is not None))

    def gate(self, values: Mapping[str, Value]) -> Outcome:
        """Whether the rule is about this patient."""
        return self.when.outcome(values) if self.when else Outcome.YES

    def score(self, values: Mapping[str, Value]) -> Score | None:
        """The rule's score; None where it has none."""
        if not self.items:
            return None
        low = high = 0
        unknown: set[str] = set()
        for item, expression in self.items:
            found = expression.outcome(values)
            if found is Outcome.YES:
                low, high = low + item.points, high + item.points
            elif found is Outcome.UNKNOWN:
                low, high = low + min(item.points, 0), high + max(item.points, 0)
                unknown |= {name for name in expression.names if name not in values}
        return Score(low, high, tuple(sorted(unknown)))

    def outcome(self, values: Mapping[str, Value]) -> Outcome:
        """The condition; of a score range, the answer that all its totals agree on."""
        is_asked = self.rule.score_name in self.condition.names
        score = self.score(values) if is_asked else None
        if score is None:
            return self.condition.outcome(values)
        found = {
            self.condition.outcome({**values, self.rule.score_name: float(total)})
            for total in range(score.low, score.high + 1)
        }
        return found.pop() if len(found) == 1 else Outcome.UNKNOWN

    def answer(self, values: Mapping[str, Value]) -> Outcome:
        """The whole rule: no where it is not about this patient, or is known to be silenced."""
        gate = self.gate(values)
        if gate is Outcome.NO or self._is_silenced(values):
            return Outcome.NO
        found = self.outcome(values)
        return found if gate is Outcome.YES or found is Outcome.NO else Outcome.UNKNOWN

    def _is_silenced(self, values: Mapping[str, Value]) -> bool:
        return self.unless is not None and self.unless.outcome(values) is Outcome.YES

    def deciding(self, values: Mapping[str, Value]) -> frozenset[str]:
        """Missing names of which a value can settle the answer, found by trying both sides.

        Where none settles it alone, every missing name that it depends on.
        """
        missing = self.names - values.keys()
        alone = {name for name in missing if self._settles(name, values)}
        return frozenset(alone or missing)

    def _settles(self, name: str, values: Mapping[str, Value]) -> bool:
        return any(
            self.answer({**values, name: value}) is not Outcome.UNKNOWN
            for value in self.sides(name)
        )

    def sides(self, name: str) -> tuple[Value, ...]:
        """Values of a name on every side of every number or word that its conditions mention."""
        kind = self.kinds[name]
        if kind is Kind.YES_NO:
            return (True, False)
        if kind is Kind.WORD:
            return (*dict.fromkeys(_words(self.texts)), "")
        numbers = _beside(self.texts)
        if kind is Kind.NUMBER:
            return numbers
        wanted = self.rule.inputs[name]
        rows = max(wanted.at_least, 1)
        return tuple([dict.fromkeys(wanted.codes, value)] * rows for value in numbers[:_MOST_ROWS])

    @property
    def texts(self) -> str:
        """Everything that it compares, as written."""
        items = " ".join(item.when for item in self.rule.score_items)
        return f"{self.rule.when} {self.rule.unless} {self.rule.condition} {items}"


def _kind(wanted: Input) -> Kind:
    if wanted.select is Select.SERIES:
        return Kind.SERIES
    if wanted.is_word:
        return Kind.WORD
    return Kind.NUMBER if wanted.is_number else Kind.YES_NO


def _words(text: str) -> list[str]:
    return [first or second for first, second in re.findall(r'"([^"]*)"|\'([^\']*)\'', text)]


def _beside(text: str) -> tuple[float, ...]:
    found = {float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)} or {0.0}
    steps = {number: _BESIDE * max(abs(number), 1.0) for number in found}
    return tuple(sorted({number + side * steps[number] for number in found for side in (-1, 0, 1)}))
