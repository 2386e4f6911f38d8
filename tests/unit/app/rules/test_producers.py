"""Whatever a rule in force asks for, something in the product states, or the catalogue says so."""

from __future__ import annotations

from qiangji_app.rules.evaluate import shipped
from qiangji_app.rules.facts import Origin
from qiangji_app.services.entry_form import entry_sections
from qiangji_app.services.patient_facts import STATED_CODES, hinted_code, signed_code
from qiangji_datasets.labels import labels

TYPED = {fact.code for section in entry_sections() for fact in section.facts}
SIGNED = {signed_code(label) for label in labels()} | {"signed_critical_value"}
HINTED = {hinted_code(label) for label in labels()}
PRODUCED = TYPED | SIGNED | HINTED | STATED_CODES


def asked() -> dict[str, set[str]]:
    """Code to the rules in force that ask for it."""
    found: dict[str, set[str]] = {}
    for pack in shipped().packs:
        for rule in pack.rules:
            for item in rule.inputs.values() if rule.is_on else ():
                for code in item.codes.values():
                    found.setdefault(code, set()).add(rule.id)
    return found


def test_every_input_of_a_rule_in_force_has_somebody_who_states_it() -> None:
    kinds = shipped().catalogue.types

    silent = {code: rules for code, rules in asked().items() if code not in PRODUCED}

    assert {code for code in silent if not kinds[code].is_elsewhere} == set()


def test_a_fact_that_is_left_to_other_systems_is_stated_by_nothing_here() -> None:
    elsewhere = {code for code, kind in shipped().catalogue.types.items() if kind.is_elsewhere}

    assert elsewhere & PRODUCED == set()
    assert all(Origin.TYPED not in shipped().catalogue[code].origins for code in elsewhere)


def test_a_signed_infarction_and_each_pneumonia_reach_their_rules() -> None:
    stated = {label: signed_code(label) for label in ("mi", "bacterial_pneumonia", "pneumonia")}

    assert stated == {
        "mi": "signed_infarction",
        "bacterial_pneumonia": "signed_pneumonia",
        "pneumonia": "signed_pneumonia",
    }
    assert "infarction-signed" in asked()["signed_infarction"]
