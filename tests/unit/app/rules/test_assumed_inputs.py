"""What a rule takes for an input that nobody stated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from qiangji_app.rules.facts import Fact
from qiangji_app.rules.packs import Input, Select
from qiangji_app.rules.selecting import by_code, select

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_an_unstated_input_is_what_the_rule_assumes() -> None:
    wanted = Input(
        name="hypertension",
        codes={"hypertension": "hypertension"},
        max_age_hours=24.0,
        assume=False,
        is_number=False,
    )

    found = select(wanted, by_code(()), NOW)

    assert found.candidates == (False,)
    assert not found.was_given


def test_a_stated_input_is_never_replaced() -> None:
    wanted = Input(
        name="hypertension",
        codes={"hypertension": "hypertension"},
        max_age_hours=24.0,
        assume=False,
        is_number=False,
    )

    found = select(wanted, by_code([Fact(code="hypertension", value=True, at=NOW)]), NOW)

    assert found.candidates == (True,)


def test_a_series_too_short_is_assumed_empty() -> None:
    wanted = Input(
        name="visits",
        codes={"systolic": "systolic_bp"},
        max_age_hours=24.0 * 28,
        select=Select.SERIES,
        last=2,
        at_least=2,
        distinct_days=True,
        assume=[],
    )
    one = Fact(code="systolic_bp", value=150.0, unit="mm[Hg]", at=NOW - timedelta(days=1))

    found = select(wanted, by_code([one]), NOW)

    assert found.candidates == ([],)
    assert found.was_given
