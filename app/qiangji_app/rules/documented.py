"""The page docs/rules.md, written from the packs: what each rule says, asks and cites."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qiangji_app.rules.check import Coverage, coverage
from qiangji_app.rules.layers import Rulebook
from qiangji_app.rules.packs import Action, Input, Pack, Rule, Select, Source

_HEAD: Final = """\
# Rules

Written from the packs by `qiangji rules docs`; do not edit. How a pack is made: \
[README](../app/qiangji_app/rulepacks/README.md). Every answer is advice, the doctor decides \
(辅助建议,由医师决定).
"""


def rules_page(rulebook: Rulebook) -> str:
    """The whole page, Markdown."""
    lines = [_HEAD, *_coverage(coverage(rulebook))]
    lines += _elsewhere(rulebook)
    for pack in rulebook.packs:
        lines += _pack(pack)
    return "\n".join(lines).rstrip() + "\n"


def _coverage(found: Coverage) -> Iterator[str]:
    off, retired = len(found.unverified), len(found.retired)
    yield (
        f"{found.packs} packs, {found.rules} rules: {found.on} on, {off} 待核实 (off), "
        f"{retired} retired. {found.cases} cases. {found.facts_used} of {found.facts} facts used."
    )
    yield ""
    if found.unverified:
        yield "## 待核实: off until the source is read"
        yield ""
        yield from (f"- `{rule}`" for rule in found.unverified)
        yield ""


def _elsewhere(rulebook: Rulebook) -> Iterator[str]:
    """Facts that only a connected system can state, with the rules in force that ask for them."""
    yield "## Facts that nothing in this product states"
    yield ""
    yield (
        "Only a connected system can. Until one does, these rules answer on their other inputs or "
        "not at all; a signature that ticks 危急值 raises its own card."
    )
    yield ""
    for code, kind in rulebook.catalogue.types.items():
        askers = [
            f"`{rule.id}`"
            for pack in rulebook.packs
            for rule in pack.rules
            if rule.is_on and any(code in item.codes.values() for item in rule.inputs.values())
        ]
        if kind.is_elsewhere and askers:
            yield f"- `{code}` {kind.zh}: {', '.join(askers)}"
    yield ""


def _pack(pack: Pack) -> Iterator[str]:
    yield f"## {pack.title.zh} {pack.title.en}"
    yield ""
    until = pack.valid_to.isoformat() if pack.valid_to else "open"
    kept = "" if pack.in_use else ", kept for comparison: never answers"
    yield (
        f"`{pack.file}`, edition {pack.edition}, {pack.jurisdiction} ({pack.layer.name.lower()}), "
        f"in force {pack.valid_from.isoformat()} to {until}{kept}."
    )
    yield ""
    for rule in pack.rules:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    state = "" if rule.is_on else f" ({'待核实' if rule.status != 'retired' else 'retired'}, off)"
    yield f"### {rule.title.zh}{state}"
    yield ""
    yield f"`{rule.id}` · `{rule.topic}` · {rule.urgency.name.lower()} · {_audience(rule)}"
    yield ""
    yield f"{rule.advice.zh}"
    yield ""
    yield f"{rule.title.en}. {rule.advice.en}"
    yield ""
    if rule.when:
        yield f"- when: `{_one_line(rule.when)}`"
    yield f"- condition: `{_one_line(rule.condition)}`"
    for item in rule.inputs.values():
        yield f"- input {_input(item)}"
    for score in rule.score_items:
        yield f"- {rule.score_name} {score.points:+d}: `{_one_line(score.when)}` {score.text.zh}"
    for action in rule.actions:
        yield f"- action {_action(action)}"
    evidence = f", evidence {rule.evidence}" if rule.evidence else ""
    yield f"- source: {_source(rule.source)}{evidence}"
    yield f"- cases: {len(rule.cases)}; version `{rule.version[:12]}`"
    yield ""


def _audience(rule: Rule) -> str:
    return ", ".join(sorted(item.value for item in rule.audience))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _input(item: Input) -> str:
    parts = [f"`{item.name}`"]
    if list(item.codes.values()) != [item.name]:
        parts.append("of " + ", ".join(f"`{code}`" for code in item.codes.values()))
    if item.unit:
        parts.append(f"[{item.unit}]")
    if item.select is not Select.LATEST:
        parts.append(item.select.value)
    if item.last:
        parts.append(f"last {item.last}{' distinct days' if item.distinct_days else ''}")
    parts += [f"{key}: {' or '.join(words)}" for key, words in item.context.items()]
    parts.append(_age(item.max_age_hours))
    return " ".join(part for part in parts if part)


def _age(hours: float) -> str:
    if hours == float("inf"):
        return ""
    return f"within {hours / 24:g} d" if hours >= 48 else f"within {hours:g} h"


def _action(action: Action) -> str:
    parts = [action.kind.value]
    if action.days is not None:
        parts.append(f"in {action.days} d")
    if action.within_hours is not None:
        parts.append(_age(action.within_hours))
    return " ".join([*parts, action.target, action.text.zh]).strip()


def _source(source: Source) -> str:
    words = [source.document, source.edition, source.clause]
    cited = ", ".join(word for word in words if word)
    sentence = f": “{_one_line(source.sentence)}”" if source.sentence else ""
    link = f" <{source.url}>" if source.url.startswith("http") else f" {source.url}".rstrip()
    return f"{cited}{sentence}{link}"
