"""What a rule and a pack of rules are; frozen, checked, with a digest of what decides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any, Final

from qiangji_app.rules.expressions import Value
from qiangji_app.rules.facts import Origin

#: Part of every digest: grows when the engine itself would answer differently.
ENGINE: Final = 2


class Urgency(IntEnum):
    """How soon something must be done; higher first."""

    NONE = 0
    ROUTINE = 1
    SOON = 2  # days
    URGENT = 3  # the same day
    EMERGENCY = 4


class Audience(StrEnum):
    """Where the doctor sits."""

    VILLAGE = "village"
    TOWNSHIP = "township"
    COUNTY = "county"


class Layer(IntEnum):
    """Who issued a pack; a higher one may override a lower one."""

    NATIONAL = 0
    PROVINCE = 1
    COUNTY = 2
    HOSPITAL = 3


class Status(StrEnum):
    """Whether a rule may answer."""

    ACTIVE = "active"
    UNVERIFIED = "待核实"
    RETIRED = "retired"


class ActionKind(StrEnum):
    """What a rule asks somebody to do."""

    ORDER = "order"
    REFER_UP = "refer_up"
    REFER_DOWN = "refer_down"
    FOLLOW_UP = "follow_up"
    CALL_BACK = "call_back"
    REPORT = "report"
    PRIORITY_READING = "priority_reading"
    AVOID = "avoid"
    SCORE = "score"


@dataclass(frozen=True)
class Words:
    """A text for people in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing to do.

    Parameters
    ----------
    days
        For a follow-up: due so many days from now.
    within_hours
        For anything else: to be done within.
    target
        Code of what to order, avoid, report, or where to refer to.
    """

    kind: ActionKind
    days: int | None = None
    within_hours: float | None = None
    target: str = ""
    text: Words = Words("", "")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a rule comes from, to the clause."""

    document: str
    edition: str
    clause: str = ""
    url: str = ""
    sentence: str = ""
    verified: bool = True


class Select(StrEnum):
    """Which of several values an input is."""

    LATEST = "latest"
    MAX = "max"
    MIN = "min"
    MEAN = "mean"
    SERIES = "series"


@dataclass(frozen=True, kw_only=True)
class Input:
    """A fact that a rule asks for.

    Parameters
    ----------
    codes
        Column to fact code; one column with the input's own name unless it is a series.
    max_age_hours
        Older values do not count.
    context
        Context key to the words that count; a value that does not state it does not count.
    origins
        Who must have stated it; empty: whoever the catalogue lets.
    last, distinct_days
        Of a series: the newest so many rows, at most one (the newest) a day.
    at_least
        Rows that must be there, else the series is unknown.
    assume
        What stands for it while nobody stated it; None: it is unknown then.
    is_number, is_word
        What the facts are; neither: yes or no.
    """

    name: str
    codes: Mapping[str, str]
    unit: str = ""
    max_age_hours: float
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origins: frozenset[Origin] = frozenset()
    select: Select = Select.LATEST
    last: int = 0
    at_least: int = 1
    distinct_days: bool = False
    assume: Value | None = None
    is_number: bool = True
    is_word: bool = False


@dataclass(frozen=True)
class ScoreItem:
    """Points given when the condition holds; words name it on the card."""

    points: int
    when: str
    text: Words = Words("", "")


@dataclass(frozen=True, kw_only=True)
class RuleCase:
    """One of a rule's own examples: who, what is known, and the answer it must give."""

    kind: str  # positive | negative | edge
    expect: str  # yes | no | unknown
    content: Mapping[str, Any]  # Any: YAML, read by ``cases``
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of a pack.

    Parameters
    ----------
    when
        Whom the rule is about (CEL); where it is not true the rule is silent and asks for nothing.
    condition
        When the rule answers yes (CEL).
    unless
        What silences the rule where it is known to hold (CEL); unknown silences nothing.
    score
        Name and items of a score, an input of the condition by that name.
    overrides
        Id of the rule of a lower layer that this one takes the place of.
    stays
        It says that the patient may stay, go home or be seen as usual.
    content
        The rule as canonical data, without its cases: what the digest is made of.
    """

    id: str
    topic: str
    title: Words
    advice: Words
    urgency: Urgency
    audience: frozenset[Audience]
    source: Source
    status: Status
    evidence: str
    inputs: Mapping[str, Input]
    condition: str
    when: str = ""
    unless: str = ""
    score_name: str = ""
    score_items: tuple[ScoreItem, ...] = ()
    actions: tuple[Action, ...] = ()
    overrides: str = ""
    stays: bool = False
    cases: tuple[RuleCase, ...] = ()
    content: Mapping[str, Any]  # Any: canonical JSON data

    @cached_property
    def version(self) -> str:
        """The sha256 of the rule's canonical content, as hexadecimal digits."""
        return hashlib.sha256(self.canonical.encode("utf-8")).hexdigest()

    @cached_property
    def canonical(self) -> str:
        """Canonical JSON of what decides; a stored answer keeps it by its digest."""
        return json.dumps(
            self.content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
        )

    @property
    def takes_effect(self) -> bool:
        """Whether its override counts: somebody read its source, though it may only retire."""
        return self.status is not Status.UNVERIFIED and self.source.verified

    @property
    def may_stay(self) -> bool:
        """Whether it says that nobody need hurry: stay, go home, or go down."""
        return self.stays or any(item.kind is ActionKind.REFER_DOWN for item in self.actions)

    @property
    def is_on(self) -> bool:
        """Whether the rule may answer: active, and its source was read."""
        return self.status is Status.ACTIVE and self.source.verified


@dataclass(frozen=True, kw_only=True)
class Pack:
    """A file of rules: one family, one edition, one jurisdiction.

    Parameters
    ----------
    family
        Editions of one family in one jurisdiction replace each other.
    in_use
        False: kept for reading and comparison, never answers by itself.
    """

    id: str
    family: str
    edition: str
    title: Words
    jurisdiction: str
    layer: Layer
    valid_from: date
    valid_to: date | None
    rules: tuple[Rule, ...]
    in_use: bool = True
    file: str = ""

    def in_force(self, day: date) -> bool:
        """Whether the pack answers on that day; the last day is included."""
        return (
            self.in_use
            and self.valid_from <= day
            and (self.valid_to is None or day <= self.valid_to)
        )
