"""A stored answer is answered again to the same result by the rule as it was."""

from __future__ import annotations

import json

import pytest
from support.rules import book, fact, rule, situation

from qiangji_app.rules.cases import case_answer, case_situation
from qiangji_app.rules.evaluate import evaluate, shipped
from qiangji_app.rules.layers import Placed
from qiangji_app.rules.pack_files import rule_from
from qiangji_app.rules.stored import answer_again, keep
from qiangji_datasets.errors import Conflict, InputRejected

EVERY = [
    pytest.param(Placed(pack, rule), id=rule.id) for pack in shipped().packs for rule in pack.rules
]


@pytest.mark.parametrize("placed", EVERY)
def test_an_answer_of_every_shipped_rule_can_be_stored_and_given_again(placed: Placed) -> None:
    of = placed.rule
    for kind in ("positive", "negative", "edge"):
        case = next(item for item in of.cases if item.kind == kind)
        answer = case_answer(shipped(), placed, case)
        patient = case_situation(shipped(), of, case)

        kept = json.loads(json.dumps(keep(answer, of, patient)))

        assert answer_again(kept, of.canonical) == answer


def test_the_canonical_text_is_the_rule() -> None:
    for pack in shipped().packs:
        for item in pack.rules:
            assert rule_from(json.loads(item.canonical)).version == item.version


def stored() -> tuple[dict, str]:
    of = rule()
    patient = situation(fact("systolic_bp", 186), fact("cough", True))
    return keep(evaluate(book(of), patient)[0], of, patient), of.canonical


def test_only_facts_that_the_rule_looks_at_are_stored() -> None:
    assert [item["code"] for item in stored()[0]["situation"]["facts"]] == ["systolic_bp"]


def test_the_text_of_another_version_is_refused() -> None:
    with pytest.raises(InputRejected) as refused:
        answer_again(stored()[0], rule(urgency="soon").canonical)
    assert refused.value.code == "rules.other_version"


def test_an_answer_of_another_engine_is_not_answered_again() -> None:
    kept, canonical = stored()
    other = rule_from({**json.loads(canonical), "engine": 0})

    with pytest.raises(InputRejected) as refused:
        answer_again({**kept, "version": other.version}, other.canonical)
    assert refused.value.code == "rules.other_engine"


def test_a_stored_answer_that_was_changed_is_found_out() -> None:
    kept, canonical = stored()

    with pytest.raises(Conflict):
        answer_again({**kept, "outcome": "no"}, canonical)


def test_an_answer_is_not_stored_under_another_version() -> None:
    patient = situation(fact("systolic_bp", 186))
    answer = evaluate(book(rule()), patient)[0]

    with pytest.raises(ValueError, match="another version"):
        keep(answer, rule(urgency="soon"), patient)
