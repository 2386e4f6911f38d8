"""Every rule that ships answers its own cases, and its page is up to date."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from qiangji_app.rules.cases import run_cases
from qiangji_app.rules.check import check, check_files
from qiangji_app.rules.documented import rules_page
from qiangji_app.rules.evaluate import shipped
from qiangji_app.rules.gathering import pack_files_of
from qiangji_app.rules.layers import Placed

ROOT = Path(__file__).parents[2]
RULES = [
    pytest.param(Placed(pack, rule), id=rule.id) for pack in shipped().packs for rule in pack.rules
]


@pytest.mark.parametrize("placed", RULES)
def test_the_rule_answers_its_own_cases(placed: Placed) -> None:
    counted = Counter(case.kind for case in placed.rule.cases)

    assert run_cases(shipped(), placed) == ()
    assert min(counted[kind] for kind in ("positive", "negative", "edge")) >= 2


def test_the_shipped_rulebook_has_no_fault() -> None:
    assert check_files(pack_files_of(None)) == ()
    assert check(shipped()).faults == ()


def test_the_page_of_the_rules_is_up_to_date() -> None:
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")

    assert page == rules_page(shipped()), "run: qiangji rules docs"


def test_a_rule_that_is_on_cites_document_edition_and_clause() -> None:
    for pack in shipped().packs:
        for rule in pack.rules:
            cited = (rule.source.document, rule.source.edition, rule.source.clause)
            assert not rule.is_on or all(cited), rule.id
