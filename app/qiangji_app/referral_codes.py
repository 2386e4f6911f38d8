"""Codes and clocks of referrals, read from ``templates/referral*.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from qiangji_app.domain.referral import ReferralUrgency
from qiangji_app.domain.referral_clock import Clocks, Limits, Stage
from qiangji_datasets.messages import Language

#: Code that asks for words of one's own.
OTHER: Final = "other"


@dataclass(frozen=True)
class Words:
    """A text in both languages."""

    zh: str
    en: str

    def text(self, language: Language) -> str:
        """In one language."""
        return self.zh if language is Language.ZH else self.en


@dataclass(frozen=True)
class Reason:
    """Why a patient is referred up. ``urgency`` and ``department`` are what the form proposes."""

    id: str
    group: str
    words: Words
    urgency: ReferralUrgency
    department: str
    source: str
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """The document behind a reason; not ``is_verified`` where nobody has read it for us."""

    words: Words
    is_verified: bool


@dataclass(frozen=True)
class ReferralCodes:
    """Everything that may be chosen; ``answers`` are reasons by act, ``close_from`` by state."""

    groups: MappingProxyType[str, Words]
    reasons: MappingProxyType[str, Reason]
    sources: MappingProxyType[str, Source]
    departments: MappingProxyType[str, Words]
    transports: MappingProxyType[str, Words]
    answers: MappingProxyType[str, MappingProxyType[str, Words]]
    close_from: MappingProxyType[str, tuple[str, ...]]

    def reason_for(self, topic: str) -> Reason | None:
        """The reason that a subject of decision support leads to; None when none is listed."""
        return next((one for one in self.reasons.values() if topic in one.topics), None)


@cache
def referral_codes() -> ReferralCodes:
    """The codes that ship.

    Raises
    ------
    KeyError, ValueError
        The file names a group, source, department or urgency that it does not define.
    """
    raw = _read("referral.toml")
    departments = _words(raw["departments"])
    groups = _words(raw["groups"])
    sources = {
        key: Source(Words(row["zh"], row["en"]), bool(row["verified"]))
        for key, row in raw["sources"].items()
    }
    reasons = {key: _reason(key, row) for key, row in raw["reasons"].items()}
    for one in reasons.values():
        _ = groups[one.group], sources[one.source], departments[one.department]
    return ReferralCodes(
        groups=groups,
        reasons=MappingProxyType(reasons),
        sources=MappingProxyType(sources),
        departments=departments,
        transports=_words(raw["transports"]),
        answers=MappingProxyType({act: _words(rows) for act, rows in raw["answers"].items()}),
        close_from=MappingProxyType({key: tuple(row) for key, row in raw["close_from"].items()}),
    )


@cache
def referral_clocks() -> Clocks:
    """The times that ship, one row for each stage and urgency.

    Raises
    ------
    KeyError, ValueError
        A row is missing, or its times do not grow.
    """
    raw = _read("referral_clocks.toml")
    return MappingProxyType(
        {
            (stage, urgency): Limits(*raw[stage.value][urgency.value])
            for stage in Stage
            for urgency in ReferralUrgency
        }
    )


def clock_origins() -> dict[str, str]:
    """Who set the times of each stage: ``county``, or the source."""
    return {
        stage.value: str(_read("referral_clocks.toml")[stage.value]["origin"]) for stage in Stage
    }


def _reason(key: str, row: dict[str, Any]) -> Reason:  # Any: values of a TOML table
    return Reason(
        id=key,
        group=row["group"],
        words=Words(row["zh"], row["en"]),
        urgency=ReferralUrgency(row["urgency"]),
        department=row["department"],
        source=row["source"],
        topics=tuple(row.get("topics", ())),
    )


def _words(rows: dict[str, dict[str, str]]) -> MappingProxyType[str, Words]:
    return MappingProxyType({key: Words(row["zh"], row["en"]) for key, row in rows.items()})


@cache
def _read(name: str) -> dict[str, Any]:
    file = resources.files("qiangji_app").joinpath("templates", name)
    return tomllib.loads(file.read_text("utf-8"))
