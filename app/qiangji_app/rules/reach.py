"""Whether a rule can answer yes at all: its inputs are tried on every side of its own numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

from qiangji_app.rules.compiled import CompiledRule
from qiangji_app.rules.expressions import Kind, Outcome, Value
from qiangji_app.rules.facts import FactCatalogue
from qiangji_app.rules.packs import Audience, Select

#: Situations that are tried; beyond it nothing is claimed.
MOST_TRIED: Final = 4000
_MOST_YEARS: Final = 120.0
#: What ``age_years`` is counted in under its other names.
_PER_YEAR: Final = {"age_years": 1.0, "age_months": 12.0, "age_days": 365.25}


def unreachable(catalogue: FactCatalogue, compiled: CompiledRule) -> bool:
    """True when no values of its inputs, within what is plausible, make the rule answer yes.

    Cut-offs divide each number into stretches; one value of each stretch is tried.
    """
    sides = {name: _sides(catalogue, compiled, name) for name in sorted(compiled.names)}
    if math.prod(len(values) for values in sides.values()) > MOST_TRIED:
        return False
    return not any(
        compiled.answer(dict(zip(sides, values, strict=True))) is Outcome.YES
        for values in itertools.product(*sides.values())
    )


def _sides(catalogue: FactCatalogue, compiled: CompiledRule, name: str) -> Sequence[Value]:
    if name == "sex":
        return ("female", "male")
    if name == "audience":
        return tuple(item.value for item in Audience)
    values = compiled.sides(name)
    if compiled.kinds[name] is not Kind.NUMBER:
        return values
    low, high = _limits(catalogue, compiled, name)
    return [value for value in values if isinstance(value, float) and low <= value <= high]


def _limits(catalogue: FactCatalogue, compiled: CompiledRule, name: str) -> tuple[float, float]:
    if name in _PER_YEAR:
        return 0.0, _MOST_YEARS * _PER_YEAR[name]
    wanted = compiled.rule.inputs[name]
    if wanted.select is Select.SERIES:
        return -math.inf, math.inf
    return catalogue[wanted.codes[name]].limits(None)
