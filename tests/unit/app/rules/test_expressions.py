"""Conditions: three values, absorption, types, and no way to do harm."""

from __future__ import annotations

import pytest

from qiangji_app.rules.expressions import Expression, Kind, Outcome, columns_read
from qiangji_datasets.errors import InputRejected, SystemFault

KINDS = {
    "a": Kind.YES_NO,
    "b": Kind.YES_NO,
    "x": Kind.NUMBER,
    "sex": Kind.WORD,
    "rows": Kind.SERIES,
}
Y, N, U = Outcome.YES, Outcome.NO, Outcome.UNKNOWN
STATED = {Y: {"a": True}, N: {"a": False}, U: {}}
OTHER = {Y: {"b": True}, N: {"b": False}, U: {}}


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (Y, Y, Y, Y),
        (Y, N, N, Y),
        (N, N, N, N),
        (Y, U, U, Y),
        (U, Y, U, Y),
        (N, U, N, U),
        (U, N, N, U),
        (U, U, U, U),
    ],
)
def test_unknown_is_absorbed_where_it_cannot_matter(
    left: Outcome, right: Outcome, both: Outcome, either: Outcome
) -> None:
    values = {**STATED[left], **OTHER[right]}

    assert Expression("a && b", KINDS).outcome(values) is both
    assert Expression("a || b", KINDS).outcome(values) is either


def test_the_opposite_of_unknown_is_unknown() -> None:
    assert Expression("!a", KINDS).outcome({}) is U
    assert Expression("x > 3 ? a : b", KINDS).outcome({"a": True, "b": True}) is U


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("x >= 140", {"x": 140.0}, Y),
        ("x >= 140", {"x": 139.9}, N),
        ("x > 6.1 && x < 7", {"x": 7.0}, N),
        ("x * 2 + 1 == 7", {"x": 3.0}, Y),
        ('sex == "female"', {"sex": "male"}, N),
        ('sex in ["female", "male"]', {"sex": "male"}, Y),
        ("rows.all(row, row.x >= 140)", {"rows": [{"x": 140.0}, {"x": 150.0}]}, Y),
        ("rows.all(row, row.x >= 140)", {"rows": [{"x": 139.0}, {}]}, N),
        ("rows.all(row, row.x >= 140)", {"rows": [{"x": 140.0}, {}]}, U),
        ("rows.exists(row, row.x >= 140 || row.y >= 90)", {"rows": [{"y": 90.0}]}, Y),
        ("rows.exists(row, row.x >= 140 || row.y >= 90)", {"rows": [{"y": 89.0}]}, U),
        ("rows.exists(row, row.x >= 140)", {}, U),
    ],
)
def test_conditions_are_answered(text: str, values: dict, expected: Outcome) -> None:
    assert Expression(text, KINDS).outcome(values) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x >",
        "y > 3",
        "a > 3",
        'sex == "3" + 4',
        "x",
        '"text"',
        "size(rows) > 3",
        "rows.map(row, row.x).exists(x, x > 1)",
        'sex.matches("(a+)+$")',
        "timestamp(0) > timestamp(1)",
        "(" * 200 + "a" + ")" * 200,
        "a || " * 500 + "a",
    ],
)
def test_what_is_no_condition_or_could_build_anything_is_refused(text: str) -> None:
    with pytest.raises(InputRejected) as refused:
        Expression(text, KINDS)
    assert refused.value.code == "rules.condition"


def test_a_condition_that_runs_on_and_on_is_stopped() -> None:
    nested = "rows.all(p, rows.all(q, rows.all(r, rows.all(s, true))))"

    with pytest.raises(SystemFault):
        Expression(nested, KINDS).outcome({"rows": [{"x": 1.0}] * 100})


def test_names_and_columns_of_a_condition_are_known() -> None:
    text = "rows.all(row, row.systolic >= 140) && x > 1.5"

    assert Expression(text, KINDS).names == {"rows", "x"}
    assert columns_read(text) == {"systolic"}
