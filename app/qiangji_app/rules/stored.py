"""Answers as they are stored, and answered again years later by the rule as it was then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from qiangji_app.rules.compiled import CompiledRule
from qiangji_app.rules.evaluate import Answer, Audience, Outcome, Situation, answer_rule
from qiangji_app.rules.facts import Fact, Origin
from qiangji_app.rules.pack_files import rule_from
from qiangji_app.rules.packs import ENGINE, Rule
from qiangji_app.rules.selecting import by_code
from qiangji_datasets.errors import Conflict, InputRejected

Json = dict[str, Any]  # Any: JSON


def keep(answer: Answer, rule: Rule, situation: Situation) -> Json:
    """What must be stored to answer again: the rule's version, the patient's facts it looks at.

    The text of that version (``rule.canonical``) is stored once, by its digest. Nothing here
    names the patient.

    Raises
    ------
    ValueError
        The answer was not given by that version of the rule.
    """
    if answer.version != rule.version:
        raise ValueError(f"answer of {answer.rule} was given by another version")
    codes = {code for item in rule.inputs.values() for code in item.codes.values()}
    return {
        "rule": answer.rule,
        "version": answer.version,
        "pack": answer.pack,
        "edition": answer.edition,
        "outcome": answer.outcome.value,
        "missing": list(answer.missing),
        "computed": dict(answer.computed),
        "situation": {
            "now": situation.now.isoformat(),
            "age_years": situation.age_years,
            "sex": situation.sex,
            "audience": situation.audience.value,
            "jurisdiction": list(situation.jurisdiction),
            "facts": [fact_json(fact) for fact in situation.facts if fact.code in codes],
        },
    }


def answer_again(kept: Mapping[str, Any], canonical: str) -> Answer:
    """The stored answer, computed anew.

    Parameters
    ----------
    kept
        What ``keep`` gave.
    canonical
        Text of the rule's version, as stored by its digest.

    Raises
    ------
    InputRejected
        The text is not of that version, or was made for another engine.
    Conflict
        The answer of today is not the stored one.
    """
    content: Json = json.loads(canonical)
    rule = rule_from(content)
    if rule.version != kept["version"]:
        raise InputRejected("rules.other_version", rule=str(kept["rule"]))
    if content["engine"] != ENGINE:
        raise InputRejected("rules.other_engine", rule=rule.id, engine=int(content["engine"]))
    situation = _situation(kept["situation"])
    found = answer_rule(
        CompiledRule.of(rule),
        situation,
        by_code(situation.facts),
        pack=str(kept["pack"]),
        edition=str(kept["edition"]),
    )
    same = (
        found.outcome is Outcome(kept["outcome"])
        and list(found.missing) == kept["missing"]
        and dict(found.computed) == kept["computed"]
    )
    if not same:
        raise Conflict("rules.not_reproduced", rule=rule.id)
    return found


def fact_json(fact: Fact) -> Json:
    """A fact as JSON."""
    return {
        "code": fact.code,
        "value": fact.value,
        "unit": fact.unit,
        "at": fact.at.isoformat(),
        "origin": fact.origin.value,
        "context": dict(fact.context),
        "ref": fact.ref,
    }


def fact_from(row: Mapping[str, Any]) -> Fact:
    """A fact from its JSON; it was accepted when it was stored."""
    return Fact(
        code=row["code"],
        value=row["value"],
        unit=row["unit"],
        at=datetime.fromisoformat(row["at"]),
        origin=Origin(row["origin"]),
        context=dict(row["context"]),
        ref=row["ref"],
    )


def _situation(row: Mapping[str, Any]) -> Situation:
    return Situation(
        now=datetime.fromisoformat(row["now"]),
        age_years=row["age_years"],
        sex=row["sex"],
        audience=Audience(row["audience"]),
        jurisdiction=tuple(row["jurisdiction"]),
        facts=tuple(fact_from(item) for item in row["facts"]),
    )
