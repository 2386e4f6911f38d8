"""What the page of a visit asks for: sections of facts, with units, contexts and words."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from qiangji_app.rules.fact_files import fact_catalogue
from qiangji_app.rules.facts import FactType, Origin

#: Section of what is offered without being asked for.
MORE = "more"


@dataclass(frozen=True)
class EntrySection:
    """Facts that are asked for together."""

    id: str
    facts: Sequence[FactType]


@cache
def entry_sections() -> tuple[EntrySection, ...]:
    """Every fact that a doctor may type, in the order of the page."""
    catalogue = fact_catalogue()
    file = resources.files("qiangji_app.followup_forms").joinpath("visit.toml")
    rows = tomllib.loads(file.read_text("utf-8"))["sections"]
    sections = [
        EntrySection(row["id"], [catalogue[code] for code in row["facts"] if code in catalogue])
        for row in rows
    ]
    listed = {fact.code for section in sections for fact in section.facts}
    rest = [
        fact
        for fact in catalogue.types.values()
        if fact.code not in listed and Origin.TYPED in fact.origins
    ]
    return (*sections, EntrySection(MORE, rest))
