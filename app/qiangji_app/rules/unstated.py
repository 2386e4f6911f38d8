"""Who a patient may be whose age or sex nobody stated: each age and sex that a rule tells apart."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from qiangji_app.rules.compiled import CompiledRule
from qiangji_app.rules.expressions import Value

DAYS_A_YEAR: Final = 365.25
_SEXES: Final = ("female", "male")
#: Years in one of the unit that a name counts in.
_YEARS: Final = {"age_years": 1.0, "age_months": 1.0 / 12.0, "age_days": 1.0 / DAYS_A_YEAR}
_COMPARED: Final = re.compile(r"(age_(?:years|months|days))\s*(?:[<>]=?|[!=]=)\s*(\d+(?:\.\d+)?)")
#: Younger and older than a limit by so many years: more than the day that ages are counted in.
_BESIDE_YEARS: Final = 0.01


def ages(age_years: float) -> dict[str, Value]:
    """An age under every name that a condition may use."""
    return {
        "age_years": age_years,
        "age_months": age_years * 12.0,
        "age_days": math.floor(age_years * DAYS_A_YEAR),
    }


def unstated(compiled: CompiledRule, built_in: Mapping[str, Value]) -> frozenset[str]:
    """``age_years`` and ``sex`` where the rule looks at them and nobody stated them."""
    asked = {"age_years" if name in _YEARS else name for name in compiled.every_name}
    return frozenset(asked & {"age_years", "sex"} - built_in.keys())


def possible_people(
    compiled: CompiledRule, built_in: Mapping[str, Value]
) -> Iterator[dict[str, Value]]:
    """What a condition would know of each age and sex that the rule tells apart."""
    missing = unstated(compiled, built_in)
    limits = {
        float(number) * _YEARS[name] for name, number in _COMPARED.findall(compiled.texts)
    } or {0.0}
    years = sorted(
        {max(limit + side * _BESIDE_YEARS, 0.0) for limit in limits for side in (-1, 0, 1)}
    )
    for age, sex in itertools.product(
        years if "age_years" in missing else [None], _SEXES if "sex" in missing else [None]
    ):
        person: dict[str, Value] = {}
        if age is not None:
            person |= ages(age)
        if sex is not None:
            person["sex"] = sex
        yield person
