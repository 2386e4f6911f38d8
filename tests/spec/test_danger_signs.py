"""Each danger sign that a page offers is heard, at every age, and children are not passed over."""

from __future__ import annotations

import re

import pytest
from support.rules import fact, situation

from qiangji_app.rules.evaluate import Outcome, evaluate, shipped
from qiangji_app.rules.packs import Urgency
from qiangji_app.services.entry_form import entry_sections

SIGNS = [one.code for part in entry_sections() if part.id == "danger" for one in part.facts]


def urgent(*facts, **who) -> set[str]:
    return {
        answer.rule
        for answer in evaluate(shipped(), situation(*facts, **who))
        if answer.outcome is Outcome.YES and answer.urgency >= Urgency.URGENT
    }


@pytest.mark.parametrize("sign", SIGNS)
def test_each_danger_sign_of_the_page_changes_an_answer(sign: str) -> None:
    assert urgent(fact(sign, True)) - urgent(fact(sign, False))


@pytest.mark.parametrize("age", [0.05, 1.0, 4.0, 10.0, 17.0, 50.0, None])
@pytest.mark.parametrize("sign", ["altered_consciousness", "seizure", "shock_signs"])
def test_a_grave_sign_calls_at_every_age(sign: str, age: float | None) -> None:
    assert urgent(fact(sign, True), age_years=age, sex="")


@pytest.mark.parametrize("age", [0.05, 0.5, 4.0, 10.0, 15.9, 16.0, 17.0, 50.0, None])
@pytest.mark.parametrize(("code", "value"), [("spo2", 89.0), ("glucose", 2.1)])
def test_a_dangerous_value_calls_at_every_age(code: str, value: float, age: float | None) -> None:
    assert urgent(fact(code, value), age_years=age)


def test_a_denied_sign_asks_for_no_list_of_others() -> None:
    answers = evaluate(shipped(), situation(fact("limb_weakness", False)))

    assert "danger-sign-marked" not in {answer.rule for answer in answers}


def test_the_rule_for_children_has_only_the_numbers_of_the_adult_rules() -> None:
    adult = {
        limit
        for pack in shipped().packs
        for rule in pack.rules
        if pack.id == "vital-signs" and rule.is_on
        for limit in limits(f"{rule.when} || {rule.condition}")
    }
    child = limits(shipped().find("vital-child-judged-here").rule.condition)

    assert child <= adult | {("age_years", "<", "16")}


def limits(condition: str) -> set[tuple[str, str, str]]:
    return set(re.findall(r"(\w+) ([<>]=?) (\d+(?:\.\d+)?)", condition))
