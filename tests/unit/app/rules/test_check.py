"""The check of packs finds each kind of fault, names it in words, and passes what is sound."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.rules import book, pack, rule
from typer.testing import CliRunner

from qiangji_app.bootstrap import catalogue
from qiangji_app.rules.check import check, check_files
from qiangji_app.rules.documented import rules_page
from qiangji_app.rules.fact_files import fact_catalogue, rulepacks_folder
from qiangji_app.rules.gathering import gather
from qiangji_app.rules.layers import Rulebook
from qiangji_app.rules.pack_files import read_pack
from qiangji_app.rules.packs import Rule
from qiangji_app.rules_cli import rules as command
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.messages import Language

CASES = {
    "positive": [{"facts": {"systolic_bp": 190}}, {"facts": {"diastolic_bp": 120}}],
    "negative": [
        {"facts": {"systolic_bp": 120, "diastolic_bp": 80}},
        {"facts": {"systolic_bp": 100, "diastolic_bp": 60}},
    ],
    "edge": [
        {"expect": "yes", "facts": {"systolic_bp": 180}},
        {"expect": "unknown", "ask": ["diastolic_bp"], "facts": {"systolic_bp": 179}},
    ],
}


def sound(**more) -> Rule:
    return rule(**{"cases": CASES, **more})


def faults(*rules: Rule) -> list[str]:
    return [fault.code.removeprefix("rules.check_") for fault in check(book(*rules)).faults]


def test_a_sound_rulebook_has_no_fault_and_is_counted() -> None:
    checked = check(
        book(sound(), sound(id="off", status="待核实"), sound(id="g", status="retired"))
    )

    assert checked.faults == ()
    found = checked.coverage
    assert (found.packs, found.rules, found.on, found.cases) == (1, 3, 1, 18)
    assert (found.unverified, found.retired, found.facts_used) == (("off",), ("g",), 2)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"cases": {}}, "few_cases"),
        ({"condition": "systolic_bp >= 181 || diastolic_bp >= 110"}, "case"),
        ({"condition": "pulse >= 181"}, "compile"),
        ({"inputs": ["systolic_bp", "diastolic_bp", "cough"]}, "unused_input"),
        (
            {
                "inputs": {"systolic_bp": {"context": {"setting": "moon"}}, "diastolic_bp": None},
                "cases": {},
            },
            "context",
        ),
        ({"source": {"document": "D", "edition": "1"}}, "source"),
        (
            {
                "condition": "systolic_bp > 290 && systolic_bp < 200 && diastolic_bp > 0",
                "cases": {},
            },
            "unreachable",
        ),
        (
            {
                "inputs": {"rows": {"series": ["systolic_bp"], "last": 2}},
                "condition": "rows.all(row, row.sistolic >= 140)",
                "cases": {},
            },
            "column",
        ),
    ],
)
def test_each_fault_is_found(wrong: dict, code: str) -> None:
    assert code in faults(sound(**wrong))


def test_a_rule_that_is_unreachable_for_its_age_or_sex_is_found() -> None:
    for never in ("age_years > 18 && age_years < 10", "age_months > 6000", 'sex == "other"'):
        assert "unreachable" in faults(sound(when=never, cases={}))
    assert "unreachable" not in faults(sound(when="age_days < 60", cases={}))
    assert "unreachable" not in faults(sound(when='audience == "county"', cases={}))


@pytest.mark.parametrize(
    "case",
    [
        {"expect": "yes", "facts": {"systolic_bp": 1800}},
        {"expect": "unknown", "ask": ["cough"], "facts": {"systolic_bp": 150}},
        {"expect": "yes", "computed": {"points_low": 1}, "facts": {"systolic_bp": 190}},
    ],
)
def test_a_case_that_is_not_answered_as_it_says_is_a_fault(case: dict) -> None:
    assert faults(sound(cases={**CASES, "edge": [*CASES["edge"], case]})) == ["case"]


def test_a_rule_that_stands_twice_is_found() -> None:
    assert "rule_twice" in faults(sound(), sound())


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ((date(2020, 1, 1), None), (date(2025, 1, 1), None), True),
        ((date(2020, 1, 1), date(2025, 1, 1)), (date(2025, 1, 1), None), True),
        ((date(2020, 1, 1), date(2024, 12, 31)), (date(2025, 1, 1), None), False),
    ],
)
def test_editions_in_force_on_the_same_day_are_found(first, second, overlap: bool) -> None:
    one = pack(sound(), valid_from=first[0], valid_to=first[1])
    other = pack(sound(id="b"), id="q", valid_from=second[0], valid_to=second[1])

    def found(*packs) -> bool:
        checked = check(Rulebook(fact_catalogue(), packs))
        return "rules.check_editions_overlap" in {fault.code for fault in checked.faults}

    assert found(one, other) is overlap
    assert not found(one, replace(other, jurisdiction="CN-33"))
    assert not found(one, replace(other, in_use=False))
    assert not found(one, replace(other, family="g"))


def test_a_pack_that_ends_before_it_begins_is_found() -> None:
    never = pack(sound(), valid_to=date(1999, 1, 1))

    codes = {fault.code for fault in check(Rulebook(fact_catalogue(), (never,))).faults}
    assert "rules.check_never_valid" in codes


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        ({"kind": "refer_up"}, {"kind": "refer_down"}, True),
        ({"kind": "refer_down"}, {"kind": "refer_up"}, True),
        ({"kind": "order", "target": "nsaid"}, {"kind": "avoid", "target": "nsaid"}, True),
        ({"kind": "order", "target": "nsaid"}, {"kind": "avoid", "target": "arb"}, False),
        ({"kind": "refer_up"}, {"kind": "follow_up", "days": 14}, False),
    ],
)
def test_opposite_advice_for_one_patient_is_found(one: dict, other: dict, contradict: bool) -> None:
    both = sound(actions=[one]), sound(id="other", actions=[other])

    assert ("contradiction" in faults(*both)) is contradict


def test_every_kind_of_fault_has_words() -> None:
    found = check(book(sound(cases={}), sound(cases={}))).faults

    for fault in found:
        for language in Language:
            assert "{" not in catalogue().text(fault.code, language, **fault.params)


SHIPPED = rulepacks_folder() / "public-health-hypertension-2017.yaml"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("topic:", "subject:"), "rules.pack_invalid"),
        (("urgency: emergency", "urgency: panic"), "rules.pack_invalid"),
        (("jurisdiction: CN", "jurisdiction: CN\njurisdiction: CN"), "rules.file_unreadable"),
        (("jurisdiction: CN", "jurisdiction: &a CN\ncopy: *a"), "rules.file_unreadable"),
        (("jurisdiction: CN", "jurisdiction: !!python/name:os.system"), "rules.file_unreadable"),
        (("jurisdiction: CN", "1: CN"), "rules.file_unreadable"),
        (("jurisdiction: CN", "jurisdiction: ["), "rules.file_unreadable"),
    ],
)
def test_a_file_that_is_no_pack_is_refused_with_the_place(
    tmp_path: Path, change: tuple[str, str], code: str
) -> None:
    path = tmp_path / "pack.yaml"
    path.write_text(SHIPPED.read_text("utf-8").replace(*change), "utf-8")

    assert [fault.code for fault in check_files((path,))] == [code]
    with pytest.raises(InputRejected):
        read_pack(path, fact_catalogue())


def test_a_file_too_large_for_a_pack_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    path.write_bytes(b"#" * 2_000_001)

    assert [fault.code for fault in check_files((path,))] == ["rules.file_too_large"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inputs": {"systolic_bp": {"unit": "kPa"}}}, "rules.input_unit"),
        ({"inputs": ["age_years"]}, "rules.input_built_in"),
        ({"inputs": ["no_such_fact"]}, "fact.unknown"),
    ],
)
def test_an_input_that_cannot_be_is_refused(change: dict, reason: str) -> None:
    with pytest.raises(InputRejected) as refused:
        rule(**change)
    assert refused.value.code in (reason, "fact.unknown")


def test_a_pack_on_the_command_line_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(SHIPPED.read_text("utf-8").replace("edition: 第三版(2017)", "edition: 我县版"))

    found, unread = gather(path)

    assert unread == ()
    assert [p.edition for p in found.packs if p.id == "public-health-hypertension-2017"] == [
        "我县版"
    ]


def test_packs_that_cannot_stand_together_are_told(tmp_path: Path) -> None:
    text = SHIPPED.read_text("utf-8").replace("layer: national", "layer: county")
    marked = text.replace("    topic:", "    overrides: no-such-rule\n    topic:", 1)
    (tmp_path / "a.yaml").write_text(marked.replace("pack: public", "pack: our"), "utf-8")
    (tmp_path / "b.yaml").write_text("pack: 3", "utf-8")

    _, unread = gather(tmp_path)

    assert {fault.code for fault in unread} == {"rules.overrides_nothing", "rules.pack_invalid"}


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRejected):
        gather(tmp_path / "none")


def test_the_command_checks_and_says_so_with_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("pack: 3", "utf-8")

    good = CliRunner().invoke(command, ["check"])
    bad = CliRunner().invoke(command, ["check", str(tmp_path)])

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert "没有发现问题" in good.output
    assert "待核实" in good.output
    assert "规则文件 b.yaml 有误" in bad.output


def test_the_command_lists_every_rule_and_writes_their_page(tmp_path: Path) -> None:
    out = tmp_path / "rules.md"

    listed = CliRunner().invoke(command, ["list"])
    written = CliRunner().invoke(command, ["docs", "--out", str(out)])

    assert "hypertension-emergency" in listed.output
    assert written.exit_code == 0
    assert "hypertension-emergency" in out.read_text("utf-8")


def test_the_page_tells_what_is_off_and_what_an_input_is() -> None:
    page = rules_page(
        book(
            sound(
                inputs={
                    "days": {
                        "series": ["systolic_bp", "diastolic_bp"],
                        "last": 3,
                        "distinct_days": True,
                        "within_days": 28,
                        "context": {"setting": ["office", "home"]},
                    }
                },
                condition="days.all(day, day.systolic_bp >= 140)",
                status="待核实",
                source={"document": "D", "edition": "1", "sentence": "S", "url": "doi:10.1/x"},
                actions=[{"kind": "follow_up", "days": 14}, {"kind": "refer_up", "within": "2h"}],
            )
        )
    )

    assert "待核实: off" in page
    assert "series last 3 distinct days setting: office or home within 28 d" in page
    assert "follow_up in 14 d" in page
    assert "refer_up within 2 h" in page
    assert "“S” doi:10.1/x" in page
