"""Facts about a patient, and the catalogue that says what each may be: unit, limits, context."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from qiangji_app.rules.units import Unit
from qiangji_datasets.errors import InputRejected

NO_CONTEXT: Mapping[str, str] = MappingProxyType({})


class Origin(StrEnum):
    """Who states a fact."""

    TYPED = "typed"
    MEASURED = "measured"
    MODEL = "model"
    SIGNED = "signed"
    IMPORTED = "imported"


class FactKind(StrEnum):
    """What a value is."""

    NUMBER = "number"
    YES_NO = "yes_no"
    WORD = "word"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One dated, sourced statement about a patient.

    Parameters
    ----------
    code
        Key in the catalogue of facts.
    value
        Number in ``unit``, yes or no, or a word.
    at
        When it was so, with a time zone.
    unit
        UCUM code; empty for what has no unit, and then the canonical unit is meant.
    context
        What the value depends on, for example ``setting`` of a blood pressure.
    ref
        Where it came from: visit, report version, recording; no identity.
    """

    code: str
    value: float | bool | str
    at: datetime
    unit: str = ""
    origin: Origin = Origin.TYPED
    context: Mapping[str, str] = field(default_factory=lambda: NO_CONTEXT)
    ref: str = ""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise InputRejected("fact.no_time_zone", fact=self.code)


@dataclass(frozen=True)
class Band:
    """Values that can be true in an age range, in the canonical unit; wider than any survivor.

    ``from_years`` is included, ``to_years`` is not.
    """

    low: float
    high: float
    from_years: float = 0.0
    to_years: float = math.inf


@dataclass(frozen=True, kw_only=True)
class FactType:
    """One entry of the catalogue.

    Parameters
    ----------
    units
        Canonical unit first; what each other unit means in it.
    bands
        Plausible values; empty for what is no number.
    contexts
        Context key to its allowed words.
    origins
        Who may state it.
    keep
        How old a value may be in hours when a rule does not say; infinite for a history.
    words
        Allowed words of a ``word``; empty where any short text may stand.
    is_elsewhere
        Nothing in this product states it; only a connected system can.
    """

    code: str
    kind: FactKind
    zh: str
    en: str
    group: str
    units: tuple[Unit, ...] = ()
    bands: tuple[Band, ...] = ()
    contexts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origins: frozenset[Origin] = frozenset(Origin)
    keep_hours: float = math.inf
    words: tuple[str, ...] = ()
    loinc: str = ""
    snomed: str = ""
    is_elsewhere: bool = False

    @property
    def unit(self) -> str:
        """The canonical unit, empty for what has none."""
        return self.units[0].code if self.units else ""

    def convert(self, value: float, unit: str) -> float:
        """The value in the canonical unit.

        Raises
        ------
        InputRejected
            The pair of fact and unit is not listed.
        """
        for known in self.units:
            if unit in ("", known.code):
                return known.to_canonical(value) if unit else value
        listed = ", ".join(item.code for item in self.units) or "-"
        raise InputRejected(
            "fact.unit", fact=self.code, zh=self.zh, en=self.en, unit=unit, units=listed
        )

    def limits(self, age_years: float | None) -> tuple[float, float]:
        """Smallest and largest plausible value; with no age known, the widest."""
        bands = [
            band
            for band in self.bands
            if age_years is None or band.from_years <= age_years < band.to_years
        ]
        if not bands:
            return -math.inf, math.inf
        return min(band.low for band in bands), max(band.high for band in bands)


@dataclass(frozen=True)
class FactCatalogue:
    """Every fact that a rule may ask for."""

    types: Mapping[str, FactType]

    def __getitem__(self, code: str) -> FactType:
        found = self.types.get(code)
        if found is None:
            raise InputRejected("fact.unknown", fact=code)
        return found

    def __contains__(self, code: object) -> bool:
        return code in self.types


def accept(raw: Fact, catalogue: FactCatalogue, age_years: float | None) -> Fact:
    """The fact in its canonical unit.

    Raises
    ------
    InputRejected
        Unknown fact, wrong kind of value, unit not listed (``fact.unit``), value that cannot be
        true at this age (``fact.implausible``), context word not listed (``fact.context``), or an
        origin that may not state it (``fact.origin``).
    """
    kind = catalogue[raw.code]
    _check_origin(raw, kind)
    _check_context(raw, kind)
    if kind.kind is FactKind.NUMBER:
        return _number(raw, kind, age_years)
    if kind.kind is FactKind.YES_NO:
        if not isinstance(raw.value, bool):
            raise _wrong_kind(raw, kind)
        return replace(raw, unit="")
    if not isinstance(raw.value, str) or (kind.words and raw.value not in kind.words):
        raise _wrong_kind(raw, kind)
    return replace(raw, unit="")


def _check_origin(raw: Fact, kind: FactType) -> None:
    if raw.origin not in kind.origins:
        raise InputRejected(
            "fact.origin", fact=raw.code, zh=kind.zh, en=kind.en, origin=raw.origin.value
        )


def _check_context(raw: Fact, kind: FactType) -> None:
    for key, word in raw.context.items():
        if word not in kind.contexts.get(key, ()):
            raise InputRejected(
                "fact.context", fact=raw.code, zh=kind.zh, en=kind.en, context=f"{key}={word}"
            )


def _number(raw: Fact, kind: FactType, age_years: float | None) -> Fact:
    if isinstance(raw.value, bool | str) or not math.isfinite(raw.value):
        raise _wrong_kind(raw, kind)
    value = kind.convert(float(raw.value), raw.unit)
    low, high = kind.limits(age_years)
    if not low <= value <= high:
        raise InputRejected(
            "fact.implausible",
            fact=raw.code,
            zh=kind.zh,
            en=kind.en,
            value=f"{value:g}",
            low=f"{low:g}",
            high=f"{high:g}",
            unit=kind.unit,
        )
    return replace(raw, value=value, unit=kind.unit)


def _wrong_kind(raw: Fact, kind: FactType) -> InputRejected:
    return InputRejected(
        "fact.kind", fact=raw.code, zh=kind.zh, en=kind.en, value=str(raw.value)[:40]
    )
