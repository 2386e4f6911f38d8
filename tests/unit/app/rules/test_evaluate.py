"""Answers: who is asked for what, what contradicts, scores with unknown items, layers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.rules import NOW, book, fact, pack, rule, situation

from qiangji_app.rules.evaluate import Answer, Audience, Outcome, evaluate
from qiangji_app.rules.facts import Fact, Origin
from qiangji_app.rules.layers import Rulebook
from qiangji_app.rules.packs import Layer, Rule, Status, Urgency
from qiangji_datasets.errors import InputRejected

YES, NO, UNKNOWN = Outcome.YES, Outcome.NO, Outcome.UNKNOWN


def the_answer(of: Rule, *facts: Fact, **more) -> Answer:
    return evaluate(book(of), situation(*facts, **more), include_no=True)[0]


def test_an_answer_carries_rule_version_source_and_the_facts_it_rests_on() -> None:
    high, old = fact("systolic_bp", 186), fact("systolic_bp", 120, ago="3d")

    answer = the_answer(rule(), high, old)

    assert answer.outcome is YES
    assert answer.version == rule().version
    assert len(answer.version) == 64
    assert answer.inputs == (high,)
    assert answer.source.clause == "2"
    assert answer.missing == ()


def test_the_digest_changes_with_what_decides_and_not_with_the_cases() -> None:
    with_cases = rule(cases={"positive": [{"facts": {"systolic_bp": 200}}]})

    assert with_cases.version == rule().version
    assert rule(condition="systolic_bp >= 181 || diastolic_bp >= 110").version != rule().version
    assert rule(source={"document": "E", "edition": "1"}).version != rule().version


def test_the_missing_fact_that_would_decide_is_named_and_no_other() -> None:
    answer = the_answer(rule(), fact("systolic_bp", 179))

    assert (answer.outcome, answer.missing) == (UNKNOWN, ("diastolic_bp",))


def test_a_missing_fact_that_could_not_change_the_answer_is_not_asked_for() -> None:
    of = rule(
        inputs=["systolic_bp", "pregnant", "seizure"],
        condition="systolic_bp >= 140 && pregnant && (seizure || systolic_bp >= 160)",
    )

    assert the_answer(of, fact("systolic_bp", 160)).missing == ("pregnant",)
    assert the_answer(of, fact("systolic_bp", 150)).missing == ("pregnant", "seizure")
    assert the_answer(of, fact("systolic_bp", 139)).outcome is NO


def test_nothing_is_asked_while_nothing_the_rule_looks_at_was_ever_stated() -> None:
    answers = evaluate(book(rule()), situation(fact("cough", True)))

    assert answers == ()


def test_a_value_that_is_too_old_is_asked_for_again() -> None:
    answer = the_answer(rule(), fact("systolic_bp", 186, ago="25h"))

    assert answer.outcome is UNKNOWN
    assert "systolic_bp" in answer.missing


def test_a_rule_about_others_is_silent_and_one_that_may_be_asks_only_if_it_would_hold() -> None:
    of = rule(inputs=["systolic_bp", "pregnant"], when="pregnant", condition="systolic_bp >= 140")

    assert the_answer(of, fact("systolic_bp", 150), fact("pregnant", False)).outcome is NO
    assert the_answer(of, fact("systolic_bp", 150)).missing == ("pregnant",)
    assert the_answer(of, fact("systolic_bp", 130)).outcome is NO
    assert the_answer(of, fact("systolic_bp", 150), fact("pregnant", True)).outcome is YES


def test_an_unknown_age_and_sex_are_asked_for() -> None:
    of = rule(
        inputs=["cough"], condition='cough && age_months < 60 && sex == "male"', urgency="soon"
    )

    answer = the_answer(of, fact("cough", True), age_years=None, sex="")

    assert answer.outcome is UNKNOWN
    assert answer.missing == ("age_years", "sex")


@pytest.mark.parametrize(
    ("when", "pressure", "outcome", "missing"),
    [
        ("age_years >= 18", 186, YES, ("age_years",)),
        ("age_days < 60", 186, YES, ("age_years",)),
        ('sex != "male" && age_months < 6', 186, YES, ("age_years", "sex")),
        ('sex == "female"', 120, NO, ()),
        ("age_years >= 18 && age_years < 18", 186, UNKNOWN, ("age_years",)),
        ("diastolic_bp > 0", 186, UNKNOWN, ("diastolic_bp",)),
    ],
)
def test_an_age_or_sex_that_nobody_stated_never_silences_a_grave_rule(
    when: str, pressure: float, outcome: Outcome, missing: tuple[str, ...]
) -> None:
    answer = the_answer(
        rule(when=when, condition="systolic_bp >= 180 || (systolic_bp > 150 && diastolic_bp > 90)"),
        fact("systolic_bp", pressure),
        age_years=None,
        sex="",
    )

    assert answer.outcome is outcome
    assert answer.missing == missing


@pytest.mark.parametrize(
    ("urgency", "outcome"), [("emergency", YES), ("urgent", YES), ("soon", UNKNOWN)]
)
def test_two_values_of_one_instant_are_told_and_the_graver_counts_where_it_is_urgent(
    urgency: str, outcome: Outcome
) -> None:
    facts = fact("systolic_bp", 186), fact("systolic_bp", 126), fact("diastolic_bp", 70)

    answer = the_answer(rule(urgency=urgency), *facts)

    assert answer.outcome is outcome
    assert {item.value for item in answer.contradictions} == {186.0, 126.0}
    assert answer.missing == ("systolic_bp",)


def test_yes_and_no_of_one_instant_is_a_contradiction() -> None:
    of = rule(inputs=["cough"], condition="cough", urgency="soon")

    answer = the_answer(of, fact("cough", True), fact("cough", False))

    assert (answer.outcome, answer.missing) == (UNKNOWN, ("cough",))


def test_a_contradiction_that_does_not_matter_changes_nothing_and_is_told() -> None:
    answer = the_answer(rule(), fact("systolic_bp", 186), fact("systolic_bp", 190))

    assert answer.outcome is YES
    assert len(answer.contradictions) == 2


def test_the_same_value_twice_is_no_contradiction() -> None:
    answer = the_answer(rule(), fact("systolic_bp", 186), fact("systolic_bp", 186))

    assert answer.contradictions == ()


def test_so_many_contradictions_that_nothing_can_be_said_leave_it_unknown() -> None:
    names = ["cough", "sputum", "fever", "wheeze", "seizure", "syncope", "fatigue"]
    codes = [name if name != "fatigue" else "headache" for name in names]
    of = rule(inputs=codes, condition=" && ".join(codes))

    answer = the_answer(of, *(fact(code, value) for code in codes for value in (True, False)))

    assert answer.outcome is UNKNOWN
    assert set(answer.missing) == set(codes)


SCORE = {
    "name": "points",
    "items": [
        {"points": 1, "when": "heart_failure", "zh": "心衰", "en": "HF"},
        {"points": 2, "when": "stroke_or_tia", "zh": "卒中", "en": "Stroke"},
        {"points": 1, "when": "age_years >= 65", "zh": "年龄", "en": "Age"},
    ],
}


@pytest.mark.parametrize(
    ("facts", "low", "high", "outcome", "missing"),
    [
        ({}, 0, 3, UNKNOWN, ()),
        ({"heart_failure": True}, 1, 3, UNKNOWN, ("stroke_or_tia",)),
        ({"heart_failure": False}, 0, 2, UNKNOWN, ("stroke_or_tia",)),
        ({"stroke_or_tia": True}, 2, 3, YES, ("heart_failure",)),
        ({"stroke_or_tia": False}, 0, 1, NO, ()),
        ({"stroke_or_tia": True, "heart_failure": True}, 3, 3, YES, ()),
    ],
)
def test_unknown_items_make_a_score_a_range(
    facts: dict, low: int, high: int, outcome: Outcome, missing: tuple
) -> None:
    of = rule(
        inputs=["heart_failure", "stroke_or_tia"],
        score=SCORE,
        condition="points >= 2",
        urgency="soon",
    )

    answer = the_answer(of, *(fact(code, value) for code, value in facts.items()))

    assert answer.computed == {"points_low": low, "points_high": high}
    assert (answer.outcome, answer.missing) == (outcome, missing)


def test_a_hint_of_a_model_is_never_the_finding_of_a_doctor() -> None:
    of = rule(inputs={"signed_af": None}, condition="signed_af")

    answer = the_answer(of, fact("hint_af", True, origin=Origin.MODEL))

    assert answer.outcome is UNKNOWN
    assert answer.missing == ()


def test_capillary_glucose_does_not_stand_for_plasma() -> None:
    of = rule(
        inputs={"glucose": {"context": {"specimen": "venous_plasma", "timing": "fasting"}}},
        condition="glucose >= 7",
        urgency="soon",
    )
    plasma = fact("glucose", 7.0, specimen="venous_plasma", timing="fasting")

    assert the_answer(of, replace(plasma, context={"specimen": "capillary"})).outcome is UNKNOWN
    assert the_answer(of, replace(plasma, context={})).outcome is UNKNOWN
    assert the_answer(of, plasma).outcome is YES


def test_answers_stand_by_urgency_with_what_is_unknown_last() -> None:
    rules = [
        rule(id="soon", urgency="soon", condition="systolic_bp >= 140"),
        rule(id="now", urgency="emergency", condition="systolic_bp >= 180"),
        rule(id="perhaps", urgency="emergency", condition="diastolic_bp >= 110"),
    ]
    rules = [replace(item, inputs=rule().inputs) for item in rules]

    answers = evaluate(book(*rules), situation(fact("systolic_bp", 190)))

    assert [answer.rule for answer in answers] == ["now", "soon", "perhaps"]
    assert answers[0].urgency is Urgency.EMERGENCY


def test_a_rule_speaks_to_its_audience_in_its_place_while_it_is_in_force() -> None:
    high = fact("systolic_bp", 190)
    of = rule(audience=["county"])
    ended = pack(rule(), valid_to=(NOW - timedelta(days=1)).date())
    kept = pack(rule(), in_use=False)
    catalogue = book().catalogue

    assert evaluate(book(of), situation(high)) == ()
    assert len(evaluate(book(of), situation(high, audience=Audience.COUNTY))) == 1
    assert evaluate(Rulebook(catalogue, (ended,)), situation(high)) == ()
    assert evaluate(Rulebook(catalogue, (kept,)), situation(high)) == ()
    elsewhere = Rulebook(catalogue, (pack(rule(), jurisdiction="CN-33"),))
    assert evaluate(elsewhere, situation(high)) == ()
    assert len(evaluate(elsewhere, situation(high, jurisdiction=("CN", "CN-33")))) == 1


@pytest.mark.parametrize(
    "off", [{"status": "待核实"}, {"source": {"document": "D", "verified": False}}]
)
def test_a_rule_that_nobody_verified_never_answers(off: dict) -> None:
    given = {"source": {"document": "D", "edition": "1"}, **off}
    given["source"].setdefault("edition", "1")

    assert evaluate(book(rule(**given)), situation(fact("systolic_bp", 190))) == ()


def county(of: Rule, **more):
    return pack(of, id="county", layer=Layer.COUNTY, jurisdiction="x", **more)


def test_a_county_overrides_a_national_rule_for_itself_only() -> None:
    stricter = rule(id="ours", overrides="pressure", condition="systolic_bp >= 170")
    stricter = replace(stricter, inputs={"systolic_bp": stricter.inputs["systolic_bp"]})
    layered = book(rule()).with_layer(county(stricter))
    facts = situation(fact("systolic_bp", 175), fact("diastolic_bp", 80))

    assert evaluate(layered, facts) == ()
    ours = evaluate(layered, replace(facts, jurisdiction=("CN", "x")))
    assert [answer.rule for answer in ours] == ["ours"]


def test_a_county_can_retire_a_national_rule_with_a_source() -> None:
    gone = rule(id="gone", overrides="pressure", status=Status.RETIRED.value)
    layered = book(rule()).with_layer(county(gone))
    high = fact("systolic_bp", 190)

    assert evaluate(layered, situation(high, jurisdiction=("CN", "x"))) == ()
    assert len(evaluate(layered, situation(high))) == 1


def test_an_override_that_is_not_verified_leaves_the_lower_rule_standing() -> None:
    unread = rule(id="ours", overrides="pressure", status="待核实")
    layered = book(rule()).with_layer(county(unread))

    answers = evaluate(layered, situation(fact("systolic_bp", 190), jurisdiction=("CN", "x")))

    assert [answer.rule for answer in answers] == ["pressure"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"overrides": "no-such-rule"}, "rules.overrides_nothing"),
        (
            {"overrides": "pressure", "source": {"document": "D", "edition": "1"}},
            "rules.override_without_source",
        ),
    ],
)
def test_an_override_needs_a_target_and_a_source(wrong: dict, code: str) -> None:
    with pytest.raises(InputRejected) as refused:
        book(rule()).with_layer(county(rule(id="ours", **wrong)))
    assert refused.value.code == code


def test_a_pack_is_added_once() -> None:
    with pytest.raises(InputRejected):
        book(rule()).with_layer(pack(rule(id="other")))


def test_a_rule_is_found_by_its_id() -> None:
    assert book(rule()).find("pressure").rule.id == "pressure"
    with pytest.raises(InputRejected):
        book(rule()).find("none")


def test_a_fact_of_the_future_is_refused() -> None:
    with pytest.raises(InputRejected):
        situation(fact("systolic_bp", 190), now=NOW - timedelta(hours=1))
    with pytest.raises(InputRejected):
        situation(now=NOW.replace(tzinfo=None))


def test_the_day_is_the_day_where_the_doctor_is() -> None:
    assert situation().today == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("topic", "urgency", "is_said"),
    [
        ("pneumonia.spo2", "emergency", False),
        ("pneumonia.spo2", "urgent", False),
        ("pneumonia.spo2", "soon", True),
        ("vital.hypoxaemia", "emergency", False),
        ("vital.early_warning", "urgent", True),
        ("diabetes.emergency", "emergency", True),
    ],
)
@pytest.mark.parametrize("calm", [{"stays": True}, {"actions": [{"kind": "refer_down"}]}])
def test_nobody_is_told_to_stay_beside_an_urgent_answer_of_the_domain(
    calm: dict[str, object], topic: str, urgency: str, is_said: bool
) -> None:
    grave = rule(id="grave", topic=topic, urgency=urgency)
    home = rule(id="home", topic="pneumonia.cap_severity", urgency="routine", **calm)

    said = evaluate(book(grave, home), situation(fact("systolic_bp", 186)))

    assert ("home" in {answer.rule for answer in said}) is is_said
    assert "grave" in {answer.rule for answer in said}


def test_a_rule_that_cannot_be_computed_is_named_and_logged_and_the_others_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = rule(id="broken", inputs=["systolic_bp"], condition="systolic_bp +")

    answers = evaluate(book(broken, rule()), situation(fact("systolic_bp", 190)))

    assert [(one.rule, one.outcome, one.fault) for one in answers] == [
        ("pressure", YES, ""),
        ("broken", UNKNOWN, "rules.condition"),
    ]
    assert "broken" in caplog.text


def test_a_rule_whose_value_has_the_wrong_kind_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mean = rule(id="mean", inputs={"systolic_bp": {"select": "mean"}}, condition="systolic_bp > 1")
    odd = replace(fact("systolic_bp", 190), value="high", context={"setting": "home"})

    answers = evaluate(
        book(mean, rule(id="cough", inputs=["cough"], condition="cough")),
        situation(odd, fact("cough", True)),
    )

    assert [(one.rule, one.fault) for one in answers] == [("cough", ""), ("mean", "ValueError")]
    assert "mean" in caplog.text
