"""Reading of the catalogue of facts from ``rulepacks/catalogue.yaml``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from qiangji_app.rules.facts import Band, FactCatalogue, FactKind, FactType, Origin
from qiangji_app.rules.units import Unit
from qiangji_app.rules.yaml_text import read_yaml
from qiangji_datasets.errors import InputRejected

#: ``30min``, ``24h``, ``28d``, ``5y`` in hours; ``always`` has no end.
_HOURS: Final = {"min": 1 / 60, "h": 1.0, "d": 24.0, "y": 24.0 * 365.25}
_AGE: Final = re.compile(r"^(\d+(?:\.\d+)?)(min|h|d|y)$")


def hours(text: str) -> float:
    """An age such as ``28d`` in hours; ``always`` is infinite.

    Raises
    ------
    InputRejected
        Not of that form.
    """
    if text == "always":
        return math.inf
    found = _AGE.match(text)
    if found is None:
        raise InputRejected("rules.duration", value=text)
    return float(found[1]) * _HOURS[found[2]]


def rulepacks_folder() -> Path:
    """Where the shipped packs lie."""
    return Path(str(resources.files("qiangji_app").joinpath("rulepacks")))


@cache
def fact_catalogue() -> FactCatalogue:
    """The shipped catalogue; read once."""
    return read_catalogue(rulepacks_folder() / "catalogue.yaml")


def read_catalogue(path: Path) -> FactCatalogue:
    """A catalogue file.

    Raises
    ------
    InputRejected
        A key or value that a fact does not have; the error names the fact.
    """
    rows: Mapping[str, Mapping[str, Any]] = read_yaml(path)["facts"]
    return FactCatalogue({code: _fact_type(code, row) for code, row in rows.items()})


_KEYS: Final = frozenset(
    (
        *("kind", "zh", "en", "group", "unit", "convert", "plausible", "contexts"),
        *("origins", "keep", "words", "loinc", "snomed", "elsewhere"),
    )
)


def _fact_type(code: str, row: Mapping[str, Any]) -> FactType:
    strange = sorted(set(row) - _KEYS)
    if strange:
        raise InputRejected("rules.catalogue_row", fact=code, reason=", ".join(strange))
    try:
        return FactType(
            code=code,
            kind=FactKind(row.get("kind", "yes_no")),
            zh=str(row["zh"]),
            en=str(row["en"]),
            group=str(row["group"]),
            units=_units(row),
            bands=tuple(Band(*map(float, band)) for band in row.get("plausible", ())),
            contexts={
                key: tuple(map(str, words)) for key, words in row.get("contexts", {}).items()
            },
            origins=frozenset(map(Origin, row["origins"])) if "origins" in row else _ANYBODY,
            keep_hours=hours(row.get("keep", "24h")),
            words=tuple(row.get("words", ())),
            loinc=str(row.get("loinc", "")),
            snomed=str(row.get("snomed", "")),
            is_elsewhere=bool(row.get("elsewhere", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputRejected("rules.catalogue_row", fact=code, reason=str(error)) from error


#: A model's number is a fact of its own (``hint_...``), never one of these.
_ANYBODY: Final = frozenset(Origin) - {Origin.MODEL}


def _units(row: Mapping[str, Any]) -> tuple[Unit, ...]:
    if "unit" not in row:
        return ()
    others = row.get("convert", {})
    return (Unit(str(row["unit"])), *(_unit(str(code), given) for code, given in others.items()))


def _unit(code: str, given: Mapping[str, Any]) -> Unit:
    return Unit(
        code,
        float(given.get("times", 1.0)) / float(given.get("divide", 1.0)),
        float(given.get("plus", 0.0)),
        str(given["source"]),
    )
