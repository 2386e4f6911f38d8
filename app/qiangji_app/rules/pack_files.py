"""Reading of packs: YAML, checked against the JSON schema, into frozen rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from qiangji_app.rules.expressions import Value
from qiangji_app.rules.fact_files import hours, rulepacks_folder
from qiangji_app.rules.facts import FactCatalogue, FactKind, FactType, Origin
from qiangji_app.rules.packs import (
    ENGINE,
    Action,
    ActionKind,
    Audience,
    Input,
    Layer,
    Pack,
    Rule,
    RuleCase,
    ScoreItem,
    Select,
    Source,
    Status,
    Urgency,
    Words,
)
from qiangji_app.rules.yaml_text import read_yaml
from qiangji_datasets.errors import InputRejected

Json = dict[str, Any]  # Any: JSON

#: Known to every condition without being declared: who the patient is and who asks.
BUILT_IN: Final = ("age_years", "age_months", "age_days", "sex", "audience")
_CASES: Final = {"positive": "yes", "negative": "no", "edge": ""}


def read_pack(path: Path, catalogue: FactCatalogue, *, checked: bool = True) -> Pack:
    """A pack file.

    Parameters
    ----------
    checked
        Against the JSON schema too; the shipped packs were checked when they were made.

    Raises
    ------
    InputRejected
        Unreadable, not a pack, or a rule asks for a fact that is not in the catalogue.
    """
    row = read_yaml(path)
    if checked:
        check_schema(row, path.name)
    try:
        return _pack(row, catalogue, path.name)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputRejected("rules.pack_invalid", file=path.name, reason=repr(error)) from error


def check_schema(row: object, name: str) -> None:
    """Refuse what is not a pack, and say where.

    Raises
    ------
    InputRejected
        With the path of the worst fault.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    worst = best_match(Draft202012Validator(_schema()).iter_errors(plain(row)))
    if worst is not None:
        where = "/".join(map(str, worst.absolute_path)) or "-"
        raise InputRejected(
            "rules.pack_invalid", file=name, reason=f"{where}: {worst.message[:200]}"
        )


@cache
def _schema() -> Json:
    text = (rulepacks_folder() / "schema" / "pack.json").read_text("utf-8")
    schema: Json = json.loads(text)
    return schema


def plain(value: Any) -> Any:  # Any: YAML in, JSON out
    """Dates as text, so that YAML content is JSON content."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _pack(row: Mapping[str, Any], catalogue: FactCatalogue, name: str) -> Pack:
    return Pack(
        id=row["pack"],
        family=row["family"],
        edition=str(row["edition"]),
        title=_words(row["title"]),
        jurisdiction=row["jurisdiction"],
        layer=Layer[row.get("layer", "national").upper()],
        valid_from=row["valid_from"],
        valid_to=row.get("valid_to"),
        in_use=row.get("in_use", True),
        file=name,
        rules=tuple(rule_of_pack(item, row, catalogue) for item in row["rules"]),
    )


def rule_of_pack(item: Json, pack: Mapping[str, Any], catalogue: FactCatalogue) -> Rule:
    """What a rule does not state itself it takes from its pack."""
    content = plain({key: value for key, value in item.items() if key != "cases"})
    content["source"] = plain({**pack.get("source", {}), **item.get("source", {})})
    content["audience"] = item.get("audience", pack.get("audience", [*Audience]))
    content["facts"] = _fact_rules(item, catalogue)
    content["engine"] = ENGINE
    cases = tuple(
        RuleCase(
            kind=kind, expect=case.get("expect", stated), content=case, name=case.get("name", "")
        )
        for kind, stated in _CASES.items()
        for case in item.get("cases", {}).get(kind, ())
    )
    return rule_from(content, cases)


def _fact_rules(item: Json, catalogue: FactCatalogue) -> Json:
    """What the rule relies on in the catalogue: kind, unit and default age of each fact."""
    found: dict[str, FactType] = {}
    for name, row in _input_rows(item):
        for code in _codes(name, row).values():
            found[code] = catalogue[code]
    return {
        code: {
            "kind": kind.kind.value,
            "unit": kind.unit,
            "keep_hours": kind.keep_hours if kind.keep_hours < 1e9 else None,
            "zh": kind.zh,
            "en": kind.en,
        }
        for code, kind in found.items()
    }


def rule_from(content: Json, cases: tuple[RuleCase, ...] = ()) -> Rule:
    """A rule from its canonical content, as a stored answer keeps it."""
    score = content.get("score", {})
    return Rule(
        id=content["id"],
        topic=content["topic"],
        title=_words(content["title"]),
        advice=_words(content["advice"]),
        urgency=Urgency[content["urgency"].upper()],
        audience=frozenset(map(Audience, content["audience"])),
        source=Source(**{key: _text(value) for key, value in content["source"].items()}),
        status=Status(content.get("status", Status.ACTIVE)),
        evidence=str(content.get("evidence", "")),
        # By name: a rule read back from its canonical text lists its inputs in the same order.
        inputs={
            name: _input(name, row, content["facts"])
            for name, row in sorted(_input_rows(content), key=lambda item: item[0])
        },
        condition=_expression(content["condition"]),
        when=_expression(content.get("when", "")),
        unless=_expression(content.get("unless", "")),
        score_name=score.get("name", ""),
        score_items=tuple(map(_score_item, score.get("items", ()))),
        actions=tuple(map(_action, content.get("actions", ()))),
        overrides=content.get("overrides", ""),
        stays=bool(content.get("stays", False)),
        cases=cases,
        content=content,
    )


def _text(value: object) -> Any:  # Any: bool stays bool
    return value if isinstance(value, bool) else str(value)


def _expression(value: object) -> str:
    # YAML reads a lone ``true`` as a boolean, and a folded line ends with a line break.
    return ("true" if value else "false") if isinstance(value, bool) else str(value).strip()


def _words(row: Mapping[str, str]) -> Words:
    return Words(row["zh"].strip(), row["en"].strip())


def _score_item(row: Json) -> ScoreItem:
    text = Words(row.get("zh", ""), row.get("en", ""))
    return ScoreItem(int(row["points"]), _expression(row["when"]), text)


def _action(row: Json) -> Action:
    return Action(
        kind=ActionKind(row["kind"]),
        days=row.get("days"),
        within_hours=hours(row["within"]) if "within" in row else None,
        target=row.get("target", ""),
        text=Words(row.get("zh", ""), row.get("en", "")),
    )


def _input_rows(item: Mapping[str, Any]) -> Iterable[tuple[str, Json]]:
    """Inputs by name; a list of names takes everything else from the catalogue."""
    rows = item.get("inputs", {})
    if isinstance(rows, list):
        return [(name, {}) for name in rows]
    return [(name, row or {}) for name, row in rows.items()]


def _codes(name: str, row: Json) -> dict[str, str]:
    if "series" not in row:
        return {name: row.get("code", name)}
    series = row["series"]
    columns = {code: code for code in series} if isinstance(series, list) else series
    return dict(sorted(columns.items()))


def _input(name: str, row: Json, facts: Json) -> Input:
    if name in BUILT_IN:
        raise InputRejected("rules.input_built_in", input=name)
    codes = _codes(name, row)
    first = facts[next(iter(codes.values()))]
    unit = str(row.get("unit", first["unit"]))
    if unit != first["unit"]:
        raise InputRejected("rules.input_unit", input=name, unit=unit, expected=first["unit"])
    is_series = "series" in row
    return Input(
        name=name,
        codes=codes,
        unit=unit,
        max_age_hours=_max_age(row, facts, codes),
        context={key: _several(words) for key, words in row.get("context", {}).items()},
        origins=frozenset(map(Origin, _several(row.get("origin", ())))),
        select=Select.SERIES if is_series else Select(row.get("select", "latest")),
        last=int(row.get("last", 0)),
        at_least=int(row.get("at_least") or row.get("last") or 1),
        distinct_days=bool(row.get("distinct_days", False)),
        assume=_assumed(row.get("assume"), is_series=is_series),
        is_number=all(facts[code]["kind"] == FactKind.NUMBER for code in codes.values()),
        is_word=first["kind"] == FactKind.WORD,
    )


def _assumed(value: Any, *, is_series: bool) -> Value | None:  # Any: YAML
    if value is None:
        return None
    if is_series:
        return []
    return value if isinstance(value, bool) else float(value)


def _max_age(row: Json, facts: Json, codes: Mapping[str, str]) -> float:
    if "max_age" in row:
        return hours(row["max_age"])
    if "within_days" in row:
        return 24.0 * float(row["within_days"])
    kept = [facts[code]["keep_hours"] for code in codes.values()]
    return min((float("inf") if hour is None else float(hour) for hour in kept), default=0.0)


def _several(value: Any) -> tuple[str, ...]:  # Any: one word or a list of them
    return (value,) if isinstance(value, str) else tuple(value)
