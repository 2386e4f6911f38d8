"""Class, next date and referral of follow-ups, by the public-health standard; every cut-off."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from qiangji_app.domain.register import FollowUp, FollowUpClass, RegisterKind
from qiangji_app.services.public_health import (
    Form,
    assess,
    checked,
    plus_months,
    populations,
    scheduled,
)
from qiangji_datasets.errors import InputRejected

DAY = date(2026, 3, 2)
TWO_WEEKS = date(2026, 3, 16)
QUARTER = date(2026, 6, 2)
COMMON = {
    "way": "clinic",
    "symptoms": ["none"],
    "compliance": "regular",
    "adverse_reaction": "none",
    "complication": "none",
    "systolic": 128.0,
    "diastolic": 78.0,
}


def form(kind: RegisterKind) -> Form:
    found = populations()[kind].form
    assert found is not None
    return found


HYPERTENSION = form(RegisterKind.HYPERTENSION)
DIABETES = form(RegisterKind.DIABETES)


def earlier(*categories: FollowUpClass) -> list[FollowUp]:
    return [
        FollowUp(
            id=str(at), enrolment_id="e", person_id="p", site_id="s",
            kind=RegisterKind.HYPERTENSION, day=date(2026, 1, 1),
            recorded_at=datetime(2026, 1, 1, tzinfo=UTC), recorded_by="u", standard="x",
            category=category,
        )
        for at, category in enumerate(categories)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("high", "low", "category", "due"),
    [
        (139, 89, FollowUpClass.SATISFIED, QUARTER),
        (140, 89, FollowUpClass.UNSATISFIED, TWO_WEEKS),
        (139, 90, FollowUpClass.UNSATISFIED, TWO_WEEKS),
        (141, 91, FollowUpClass.UNSATISFIED, TWO_WEEKS),
        (179, 109, FollowUpClass.UNSATISFIED, TWO_WEEKS),
    ],
)
def test_pressures_are_satisfied_below_140_over_90_only(
    high: float, low: float, category: FollowUpClass, due: date
) -> None:
    found = assess(
        HYPERTENSION, COMMON | {"systolic": high, "diastolic": low}, day=DAY, age_years=62
    )

    assert (found.category, found.next_due) == (category, due)
    assert found.is_controlled is (category is FollowUpClass.SATISFIED)
    assert not found.is_referral


@pytest.mark.parametrize(
    ("high", "low", "is_emergency"),
    [(179, 109, False), (180, 80, True), (150, 110, True), (181, 111, True)],
)
def test_an_emergency_is_at_180_or_110(high: float, low: float, is_emergency: bool) -> None:
    fields = COMMON | {"systolic": high, "diastolic": low}

    found = assess(HYPERTENSION, fields, day=DAY, age_years=62)

    assert found.is_emergency is found.is_referral is is_emergency
    assert found.next_due == TWO_WEEKS


def test_an_emergency_is_told_before_the_form_is_complete() -> None:
    found = assess(HYPERTENSION, {"systolic": 186.0}, day=DAY, age_years=None)

    assert found.category is None
    assert found.is_emergency
    assert found.next_due == TWO_WEEKS
    assert "diastolic" in found.missing


def test_a_form_without_its_numbers_has_no_class_and_no_date() -> None:
    fields = {key: value for key, value in COMMON.items() if key != "systolic"}

    found = assess(HYPERTENSION, fields, day=DAY, age_years=62)

    assert (found.category, found.next_due, found.is_controlled) == (None, None, None)
    assert found.missing == ("systolic",)


def test_the_unchecked_target_from_65_is_not_used() -> None:
    fields = COMMON | {"systolic": 145.0}

    assert assess(HYPERTENSION, fields, day=DAY, age_years=70).is_controlled is False
    assert all(row["status"] == "on" for row in HYPERTENSION.targets)


@pytest.mark.parametrize(
    ("glucose", "category", "is_emergency"),
    [
        (3.9, FollowUpClass.SATISFIED, True),
        (4.0, FollowUpClass.SATISFIED, False),
        (6.9, FollowUpClass.SATISFIED, False),
        (7.0, FollowUpClass.UNSATISFIED, False),
        (16.6, FollowUpClass.UNSATISFIED, False),
        (16.7, FollowUpClass.UNSATISFIED, True),
    ],
)
def test_fasting_glucose_is_satisfied_below_7_and_an_emergency_at_its_ends(
    glucose: float, category: FollowUpClass, is_emergency: bool
) -> None:
    found = assess(DIABETES, COMMON | {"fasting_glucose": glucose}, day=DAY, age_years=50)

    assert (found.category, found.is_emergency) == (category, is_emergency)


@pytest.mark.parametrize(
    ("changes", "category"),
    [
        ({"adverse_reaction": "present"}, FollowUpClass.ADVERSE_REACTION),
        ({"adverse_reaction": "present", "systolic": 150.0}, FollowUpClass.ADVERSE_REACTION),
        (
            {"complication": "new_or_worse", "adverse_reaction": "present"},
            FollowUpClass.COMPLICATION,
        ),
    ],
)
def test_of_several_classes_the_gravest_counts(
    changes: dict[str, object], category: FollowUpClass
) -> None:
    found = assess(HYPERTENSION, COMMON | changes, day=DAY, age_years=62)

    assert found.category is category
    assert found.next_due == TWO_WEEKS
    assert found.is_referral is (category is FollowUpClass.COMPLICATION)


@pytest.mark.parametrize(
    ("before", "is_referral"),
    [
        ((), False),
        ((FollowUpClass.SATISFIED,), False),
        ((FollowUpClass.UNSATISFIED,), True),
        ((FollowUpClass.ADVERSE_REACTION,), True),
        ((FollowUpClass.SATISFIED, FollowUpClass.UNSATISFIED), False),
        ((FollowUpClass.COMPLICATION,), False),
    ],
)
def test_the_second_in_a_row_refers(before: tuple[FollowUpClass, ...], is_referral: bool) -> None:
    found = assess(
        HYPERTENSION,
        COMMON | {"systolic": 150.0},
        day=DAY,
        age_years=62,
        before=earlier(*before),
    )

    assert found.is_referral is is_referral


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"no_such": 1}, "follow_up.unknown_field"),
        ({"way": "letter"}, "follow_up.bad_field"),
        ({"symptoms": ["none", "dyspnoea"]}, "follow_up.bad_field"),
        ({"symptoms": "none"}, "follow_up.bad_field"),
        ({"symptoms": ["cough"]}, "follow_up.bad_field"),
        ({"systolic": "140"}, "follow_up.bad_field"),
        ({"systolic": True}, "follow_up.bad_field"),
        ({"smoking": -1.0}, "follow_up.bad_field"),
        ({"smoking_target": 201.0}, "follow_up.bad_field"),
        ({"tests": 3.0}, "follow_up.bad_field"),
        ({"tests": "长" * 2001}, "follow_up.bad_field"),
    ],
)
def test_a_value_that_its_field_does_not_take_is_refused(
    typed: dict[str, object], code: str
) -> None:
    with pytest.raises(InputRejected, match=code):
        checked(HYPERTENSION, typed)


def test_every_line_of_the_forms_takes_its_value() -> None:
    for one in (HYPERTENSION, DIABETES):
        values: dict[str, object] = {}
        for field in one.fields:
            value: object = {"number": 1.0, "choices": [*field.options][1:]}.get(field.kind, "x")
            for key in field.keys:
                values[key] = field.options[0] if field.kind == "choice" else value
        assert checked(one, values | {"tests": ""}).keys() == values.keys() - {"tests"}


#: Lines of the national forms (第三版); the program adds one question, marked as its own.
LINES = {
    RegisterKind.HYPERTENSION: 26,
    RegisterKind.DIABETES: 30,
}


@pytest.mark.parametrize("kind", LINES)
def test_the_forms_have_every_line_and_a_source(kind: RegisterKind) -> None:
    found = form(kind)

    assert len([field for field in found.fields if not field.is_own]) == LINES[kind]
    assert found.source.document and found.source.clause
    assert all(row["clause"] for row in (*found.targets, *found.emergencies))


def test_months_end_where_the_calendar_ends() -> None:
    assert plus_months(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert plus_months(date(2026, 3, 2), 0) == date(2026, 3, 2)
    assert plus_months(date(2023, 11, 30), 3) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("kind", "born", "due"),
    [
        (RegisterKind.HYPERTENSION, None, QUARTER),
        (RegisterKind.CHILD, date(2025, 12, 10), date(2026, 3, 10)),
        (RegisterKind.CHILD, date(2025, 12, 2), date(2026, 6, 2)),
        (RegisterKind.CHILD, date(2019, 1, 1), None),
        (RegisterKind.CHILD, None, None),
        (RegisterKind.COPD, None, None),
        (RegisterKind.ELDERLY, date(1950, 1, 1), None),
        (RegisterKind.PREGNANT, None, None),
    ],
)
def test_only_schedules_whose_clause_was_read_give_a_day(
    kind: RegisterKind, born: date | None, due: date | None
) -> None:
    assert scheduled(populations()[kind], day=DAY, born=born) == due
