"""Inputs from dated facts: newest, highest, mean, distinct days, and rows of one instant."""

from __future__ import annotations

import pytest
from support.rules import NOW, fact, rule

from qiangji_app.rules.facts import Origin
from qiangji_app.rules.selecting import Selected, by_code, select

OFFICE = {"setting": "office"}


def chosen(spec: dict, *facts) -> Selected:
    """What an input makes of facts."""
    name = "rows" if "series" in spec else "systolic_bp"
    of = rule(inputs={name: spec}, condition="true")
    return select(of.inputs[name], by_code(facts), NOW)


READINGS = (
    fact("systolic_bp", 150, ago="10d", **OFFICE),
    fact("systolic_bp", 142, ago="2d", **OFFICE),
    fact("systolic_bp", 138, ago="1h", setting="home"),
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"max_age": "28d"}, 138.0),
        ({"max_age": "28d", "context": OFFICE}, 142.0),
        ({"max_age": "28d", "context": {"setting": ["office", "home"]}, "select": "max"}, 150.0),
        ({"within_days": 5, "context": OFFICE, "select": "max"}, 142.0),
        ({"max_age": "28d", "context": OFFICE, "select": "min"}, 142.0),
        ({"max_age": "28d", "context": OFFICE, "select": "mean"}, 146.0),
    ],
)
def test_a_value_is_picked_within_age_and_context(spec: dict, expected: float) -> None:
    assert chosen(spec, *READINGS).candidates == (expected,)


@pytest.mark.parametrize(("ago", "known"), [("28d", True), ("28.01d", False)])
def test_a_value_counts_up_to_its_age_and_not_beyond(ago: str, known: bool) -> None:
    found = chosen({"max_age": "28d"}, fact("systolic_bp", 150, ago=ago))

    assert bool(found.candidates) is known
    assert found.was_given


def test_a_value_of_another_origin_does_not_count() -> None:
    imported = fact("systolic_bp", 150, origin=Origin.IMPORTED)

    assert chosen({"origin": "typed"}, imported).candidates == ()
    assert chosen({"origin": ["typed", "imported"]}, imported).candidates == (150.0,)


def test_of_disagreeing_values_highest_and_mean_keep_both_readings() -> None:
    twice = fact("systolic_bp", 150), fact("systolic_bp", 130), fact("systolic_bp", 140, ago="1d")

    assert chosen({"max_age": "9d", "select": "max"}, *twice).candidates == (140.0, 150.0)
    assert chosen({"max_age": "9d", "select": "mean"}, *twice).candidates == (135.0, 145.0)
    assert len(chosen({"max_age": "9d", "select": "mean"}, *twice).contradicting) == 2


SERIES = {
    "series": {"systolic": "systolic_bp", "diastolic": "diastolic_bp"},
    "last": 3,
    "distinct_days": True,
    "within_days": 28,
}


def day(ago: str, systolic: float, diastolic: float | None = None) -> tuple:
    first = fact("systolic_bp", systolic, ago=ago)
    return (first,) if diastolic is None else (first, fact("diastolic_bp", diastolic, ago=ago))


def test_rows_are_instants_oldest_first() -> None:
    found = chosen(SERIES, *day("9d", 150, 90), *day("2d", 148), *day("0d", 146, 88))

    assert found.candidates == (
        [
            {"systolic": 150.0, "diastolic": 90.0},
            {"systolic": 148.0},
            {"systolic": 146.0, "diastolic": 88.0},
        ],
    )
    assert len(found.used) == 5


def test_of_one_day_the_newest_row_counts() -> None:
    found = chosen(SERIES, *day("9d", 150), *day("2d", 148), *day("1h", 160), *day("0h", 146))

    assert [row["systolic"] for row in found.candidates[0]] == [150.0, 148.0, 146.0]


def test_only_the_newest_rows_are_taken() -> None:
    found = chosen(SERIES, *day("9d", 190), *day("6d", 150), *day("2d", 148), *day("0h", 146))

    assert [row["systolic"] for row in found.candidates[0]] == [150.0, 148.0, 146.0]


@pytest.mark.parametrize(
    "facts",
    [
        (),
        (*day("2d", 148), *day("0h", 146)),
        (*day("29d", 150), *day("2d", 148), *day("0h", 146)),
        (*day("2d", 150), *day("1h", 148), *day("0h", 146)),
    ],
)
def test_too_few_rows_are_unknown(facts: tuple) -> None:
    found = chosen(SERIES, *facts)

    assert found.candidates == ()
    assert found.was_given is bool(facts)


def test_fewer_rows_will_do_where_the_rule_says_so() -> None:
    assert chosen({**SERIES, "at_least": 1}, *day("0h", 146)).candidates == ([{"systolic": 146.0}],)


def test_a_row_with_two_values_has_two_readings() -> None:
    found = chosen({"series": ["systolic_bp"]}, *day("0h", 146), *day("0h", 120))

    assert found.candidates == ([{"systolic_bp": 120.0}], [{"systolic_bp": 146.0}])
    assert len(found.contradicting) == 2
