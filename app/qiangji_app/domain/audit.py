"""What a check of the log found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One sign of damage.

    ``code`` is a message key; ``node_seq`` is the event where it shows, ``case_id`` and
    ``version`` the signed report.
    """

    code: str
    node_id: str = ""
    chain: str = ""
    node_seq: int = 0
    case_id: str = ""
    version: int = 0


@dataclass(frozen=True)
class Verification:
    """How many events and signed reports were checked and what is wrong with them."""

    events: int
    reports: int
    problems: tuple[Problem, ...]
