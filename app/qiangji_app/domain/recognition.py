"""Recognition (互认): a doctor of another site opens a signed result, recognises or refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

#: How long an opened result stays open to who opened it: one visit, with the day's end in reach.
#: Ours; afterwards it is opened anew, with a reason of its own.
OPEN_FOR: Final = timedelta(hours=24)


class RecognitionKind(StrEnum):
    """What a doctor did with a result of another site."""

    OPENED = "opened"
    RECOGNISED = "recognised"
    REFUSED = "refused"


class Basis(StrEnum):
    """Why a site may open a result of another one."""

    REFERRAL = "referral"  # the patient was referred to it
    PRESENT = "present"  # the patient is there, and was identified by a document


class Window(StrEnum):
    """Whether a result is still within the county's validity window."""

    WITHIN = "within"
    PAST = "past"
    UNSET = "unset"  # the county set none, or the day of examination is not known


@dataclass(frozen=True)
class RecognitionAct:
    """One act, as stored; codes only, no free text.

    ``code`` is the reason of an opening or a refusal. ``case_site_id`` is the site that the result
    belongs to, ``site_id`` that of who acted.

    Raises
    ------
    ValueError
        A refusal without a reason, or an opening without basis and reason.
    """

    id: str
    case_id: str
    report_version: int
    kind: RecognitionKind
    user_id: str
    site_id: str
    case_site_id: str
    at: datetime
    code: str = ""
    basis: Basis | None = None
    document: str = ""
    referral_id: str = ""

    def __post_init__(self) -> None:
        if self.kind is RecognitionKind.REFUSED and not self.code:
            raise ValueError("a refusal has a reason")
        if self.kind is RecognitionKind.OPENED and (self.basis is None or not self.code):
            raise ValueError("an opening has a basis and a reason")

    def is_open(self, user_id: str, now: datetime) -> bool:
        """True while this opening lets somebody look."""
        is_theirs = self.kind is RecognitionKind.OPENED and self.user_id == user_id
        return is_theirs and self.at <= now < self.at + OPEN_FOR


def window_of(examined_on: date | None, days: int, today: date) -> Window:
    """Where a result lies; ``days`` is 0 where the county set no window.

    The last day of the window is within.
    """
    if examined_on is None or days <= 0:
        return Window.UNSET
    return Window.WITHIN if today <= examined_on + timedelta(days=days) else Window.PAST
