"""Series of one person's values to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qiangji_app.domain.roles import Actor
from qiangji_app.rules.facts import Fact
from qiangji_app.services.advice import facts_now
from qiangji_app.services.context import Context
from qiangji_app.services.people import visible_person

#: What is drawn, in this order.
DRAWN: Final = ("systolic_bp", "diastolic_bp", "glucose", "hba1c", "weight", "heart_rate")


@dataclass(frozen=True)
class Series:
    """Values of one fact, the oldest first, all in one unit."""

    code: str
    unit: str
    facts: Sequence[Fact]


def series_of(ctx: Context, actor: Actor, person_id: str) -> Sequence[Series]:
    """Every series of a person that has a value."""
    with ctx.store.read() as unit:
        patient = visible_person(unit, actor, person_id).patient
        facts = facts_now(ctx, unit, actor, person_id, patient)
    found = []
    for code in DRAWN:
        values = sorted((one for one in facts if one.code == code), key=lambda one: one.at)
        if values:
            found.append(Series(code, values[0].unit, values))
    return found
