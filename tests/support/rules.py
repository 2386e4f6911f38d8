"""Builders of facts, situations and rules for tests of decision support."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from qiangji_app.rules.evaluate import Audience, Situation
from qiangji_app.rules.fact_files import fact_catalogue, hours
from qiangji_app.rules.facts import Fact, Origin, accept
from qiangji_app.rules.layers import Rulebook
from qiangji_app.rules.pack_files import rule_of_pack
from qiangji_app.rules.packs import Layer, Pack, Rule, Words

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
PRESSURE = "systolic_bp >= 180 || diastolic_bp >= 110"


def fact(
    code: str,
    value: float | bool | str,
    *,
    ago: str = "0h",
    unit: str = "",
    origin: Origin = Origin.TYPED,
    **context: str,
) -> Fact:
    """An accepted fact of an adult."""
    raw = Fact(
        code=code,
        value=value,
        at=NOW - timedelta(hours=hours(ago)),
        unit=unit,
        origin=origin,
        context=context,
    )
    return accept(raw, fact_catalogue(), 50.0)


def situation(*facts: Fact, **more: Any) -> Situation:  # Any: fields of a situation
    """A woman of 50 before a village doctor, with what is known about her."""
    given: dict[str, Any] = {
        "now": NOW,
        "age_years": 50.0,
        "sex": "female",
        "audience": Audience.VILLAGE,
        "facts": facts,
        **more,
    }
    return Situation(**given)


def rule(**more: Any) -> Rule:  # Any: YAML of a rule
    """A rule about a dangerous blood pressure, changed as stated."""
    given: dict[str, Any] = {
        "id": "pressure",
        "topic": "hypertension.emergency",
        "title": {"zh": "血压", "en": "Pressure"},
        "advice": {"zh": "转诊", "en": "Refer"},
        "urgency": "emergency",
        "source": {"document": "D", "edition": "1", "clause": "2"},
        "inputs": ["systolic_bp", "diastolic_bp"],
        "condition": PRESSURE,
        **more,
    }
    return rule_of_pack(given, {}, fact_catalogue())


def pack(*rules: Rule, **more: Any) -> Pack:  # Any: fields of a pack
    """A national pack in force for ever."""
    given: dict[str, Any] = {
        "id": "p",
        "family": "f",
        "edition": "1",
        "title": Words("包", "Pack"),
        "jurisdiction": "CN",
        "layer": Layer.NATIONAL,
        "valid_from": date(2000, 1, 1),
        "valid_to": None,
        "rules": rules,
        **more,
    }
    return Pack(**given)


def book(*rules: Rule) -> Rulebook:
    """A rulebook of one national pack."""
    return Rulebook(fact_catalogue(), (pack(*rules),))
