"""A layer of rules added to an installation: checked, kept, told in the log, and it answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.county import County
from support.rules import fact, situation
from support.visiting import pressure, visit

from qiangji_app.ports import EventQuery
from qiangji_app.rules.evaluate import evaluate
from qiangji_app.rules.installed import InstalledRules
from qiangji_app.services import visits
from qiangji_app.services.context import Context
from qiangji_app.services.rule_layers import add_layer
from qiangji_datasets.errors import Conflict, InputRejected

PACK = """\
pack: county-pressure-2026
family: county-pressure
edition: "2026"
title: {zh: 县血压规则, en: Pressure in our county}
jurisdiction: our-county
layer: LAYER
valid_from: 2020-01-01
source: {document: 县卫健委文件, edition: "2026"}
rules:
  - id: county-emergency
    topic: hypertension.emergency
    title: {zh: 血压危急, en: Dangerous pressure}
    advice: {zh: 立即转诊, en: Refer now}
    urgency: emergency
    overrides: OVERRIDES
    source: {clause: 第二条}
    inputs: [systolic_bp]
    condition: systolic_bp >= LIMIT
    actions: [{kind: refer_up}]
    cases:
      positive: [{facts: {systolic_bp: 190}}, {facts: {systolic_bp: LIMIT}}]
      negative: [{facts: {systolic_bp: 120}}, {facts: {systolic_bp: 140}}]
      edge: [{expect: yes, facts: {systolic_bp: LIMIT}}, {expect: no, facts: {systolic_bp: 159}}]
"""


@pytest.fixture
def ctx(county: County, tmp_path: Path) -> Context:
    return replace(county.ctx, rules=InstalledRules(tmp_path / "rulepacks"))


def written(tmp_path: Path, **words: str) -> Path:
    text = PACK
    given = {"LAYER": "county", "OVERRIDES": "hypertension-emergency", "LIMIT": "180", **words}
    for key, word in given.items():
        text = text.replace(key, word)
    path = tmp_path / "ours.yaml"
    path.write_text(text, "utf-8")
    return path


def test_an_added_layer_answers_after_the_next_start_in_its_own_county(
    ctx: Context, tmp_path: Path
) -> None:
    add_layer(ctx, written(tmp_path))

    book = InstalledRules(tmp_path / "rulepacks")()
    here = situation(fact("systolic_bp", 185), jurisdiction=("CN", "our-county"))
    elsewhere = replace(here, jurisdiction=("CN",))
    assert "county-emergency" in [answer.rule for answer in evaluate(book, here)]
    assert "county-emergency" not in [answer.rule for answer in evaluate(book, elsewhere)]
    asked = [answer.rule for answer in evaluate(book, here)]
    assert "hypertension-emergency" not in asked


def test_adding_a_layer_is_an_event_with_what_it_overrides(ctx: Context, tmp_path: Path) -> None:
    add_layer(ctx, written(tmp_path))

    with ctx.store.read() as unit:
        (event,) = unit.events.find(EventQuery(type="rules.layer_added"))
    assert event.payload["pack"] == "county-pressure-2026"
    assert event.payload["overrides"] == "hypertension-emergency"
    assert event.actor_id == "local"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"LAYER": "national"}, "rules.layer_national"),
        ({"LAYER": "galaxy"}, "rules.pack_invalid"),
        ({"OVERRIDES": "no-such-rule"}, "rules.overrides_nothing"),
        # The county's own scheme sends a patient with this pressure down to the township.
        ({"LIMIT": "165"}, "rules.layer_faulty"),
        ({"LIMIT": "150"}, "rules.layer_faulty"),
        ({"LIMIT": "pressure"}, "rules.layer_faulty"),
    ],
)
def test_a_layer_with_a_fault_is_not_added(
    ctx: Context, tmp_path: Path, words: dict[str, str], code: str
) -> None:
    with pytest.raises(InputRejected) as refused:
        add_layer(ctx, written(tmp_path, **words))

    assert refused.value.code == code
    assert not (tmp_path / "rulepacks").exists()


def test_a_layer_is_added_once(ctx: Context, tmp_path: Path) -> None:
    add_layer(ctx, written(tmp_path))
    again = replace(ctx, rules=InstalledRules(tmp_path / "rulepacks"))

    with pytest.raises(InputRejected, match=r"rules\.pack_twice"):
        add_layer(again, written(tmp_path))


def test_without_a_folder_of_its_own_nothing_is_added(county: County, tmp_path: Path) -> None:
    shipped_only = replace(county.ctx, rules=InstalledRules())

    with pytest.raises(Conflict):
        add_layer(shipped_only, written(tmp_path))


def test_rules_are_read_and_compiled_in_the_background() -> None:
    rules = InstalledRules()

    rules.warm_in_background().join()

    assert rules().packs


def test_an_added_pack_that_fits_no_more_is_left_out_and_named_and_the_others_answer(
    ctx: Context, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_layer(ctx, written(tmp_path))
    folder = tmp_path / "rulepacks"
    whole = (folder / "county-pressure-2026.yaml").read_text("utf-8")
    (folder / "a-torn.yaml").write_text(whole[:200], "utf-8")
    (folder / "b-twice.yaml").write_text(whole, "utf-8")
    rules = InstalledRules(folder)

    assert rules.left_out == ("a-torn.yaml", "county-pressure-2026.yaml")
    here = situation(fact("systolic_bp", 185), jurisdiction=("CN", "our-county"))
    assert "county-emergency" in [answer.rule for answer in evaluate(rules(), here)]
    assert "a-torn.yaml" in caplog.text


def test_a_visit_is_stored_and_told_what_is_at_fault_where_a_rule_fails(
    county: County, tmp_path: Path
) -> None:
    folder = tmp_path / "rulepacks"
    folder.mkdir()
    text = written(tmp_path, LIMIT="pressure").read_text("utf-8")
    text = text.replace("our-county", "CN").replace("    overrides: hypertension-emergency\n", "")
    (folder / "ours.yaml").write_text(text, "utf-8")
    (folder / "torn.yaml").write_text("pack: [", "utf-8")
    ctx = replace(county.ctx, rules=InstalledRules(folder))
    ctx.rules.warm()
    begun, actor = visit(county), county.caller("village").actor

    found = visits.record(ctx, actor, begun.id, 0, facts=pressure(186, 112))

    assert found.visit.revision == 1
    assert found.advised.faulty == ("county-emergency", "torn.yaml")
    assert "hypertension.emergency" in [one.topic for one in found.advice]
