"""When a recording was made, by its file's own account, and whether that is this visit's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from qiangji_app.domain.case import Case, Recording, RecordingState
from qiangji_app.domain.workflow import State

#: A recording made longer than this before the case goes up needs a person's word. Chosen so that
#: a film of last night goes up in the morning without a question, and one of yesterday's clinic
#: does not.
FRESH_WITHIN: Final = timedelta(hours=24)
#: How far the clock of a device may run ahead of ours before its date counts as in the future.
CLOCK_AHEAD: Final = timedelta(hours=1)
#: Key of ``Recording.facts`` for DICOM Study Date, an ISO day.
STUDY_DATE: Final = "study_date"


class Dated(StrEnum):
    """What the dates in a file say about a recording that goes up now."""

    CURRENT = "current"
    OLD = "old"
    FUTURE = "future"
    ABSENT = "absent"


@dataclass(frozen=True)
class Examined:
    """Days of the examination that a file names, the earliest first; empty when it names none.

    ``at`` is the acquisition as instant on the calendar of the site; None when not in the file.
    """

    days: tuple[date, ...] = ()
    at: datetime | None = None

    @property
    def day(self) -> date | None:
        """The day to show: the earliest, so that a copy made today does not hide an old film."""
        return self.days[0] if self.days else None

    @property
    def moment(self) -> datetime | None:
        """The instant to show; None where only the day is known."""
        return self.at if self.at is not None and self.at.date() == self.day else None


def examined(recording: Recording, zone: tzinfo) -> Examined:
    """What one file says of the time of its examination."""
    stored = recording.facts.get(STUDY_DATE)
    study = date.fromisoformat(stored) if isinstance(stored, str) else None
    return named(study, recording.acquired_at, zone)


def named(study_date: date | None, acquired_at: datetime | None, zone: tzinfo) -> Examined:
    """What Study Date and acquisition say of the time of an examination at a site's zone."""
    at = None if acquired_at is None else in_zone(acquired_at, zone).astimezone(zone)
    days = {day for day in (study_date, at and at.date()) if day is not None}
    return Examined(tuple(sorted(days)), at)


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """A device's clock without an offset is read in the zone of its site."""
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment


def dated(found: Examined, sent_at: datetime) -> Dated:
    """Whether the examination belongs to a case that goes up at an instant of the site's zone."""
    if not found.days:
        return Dated.ABSENT
    latest, earliest = sent_at + CLOCK_AHEAD, sent_at - FRESH_WITHIN
    if found.days[-1] > latest.date() or (found.at is not None and found.at > latest):
        return Dated.FUTURE
    if found.days[0] < earliest.date() or (found.at is not None and found.at < earliest):
        return Dated.OLD
    return Dated.CURRENT


def sent_at(case: Case, now: datetime) -> datetime:
    """The instant a case is judged at: when it went up; now while the desk still has it."""
    if case.submitted_at is None or case.state in {State.DRAFT, State.RETURNED}:
        return now
    return case.submitted_at


def examination_day(recordings: Iterable[Recording], zone: tzinfo) -> date | None:
    """The earliest day of examination of a case's readable files; None when none names one."""
    return first_examined(recordings, zone).day


def first_examined(recordings: Iterable[Recording], zone: tzinfo) -> Examined:
    """What the file of a case that was made first says; names no day where none does."""
    known = [found for _, found in dated_files(recordings, zone) if found.days]
    return min(known, key=_made, default=Examined())


def _made(found: Examined) -> tuple[date, float]:
    """For sorting: the day, and on it the instant; an unknown instant last."""
    return found.days[0], math.inf if found.moment is None else found.moment.timestamp()


def is_later(other: Examined, own: Examined) -> bool:
    """True where another examination is known to be of a later day, or hour of the same day."""
    if other.day is None or own.day is None or other.day != own.day:
        return other.day is not None and own.day is not None and other.day > own.day
    return other.moment is not None and own.moment is not None and other.moment > own.moment


def dated_files(
    recordings: Iterable[Recording], zone: tzinfo
) -> tuple[tuple[Recording, Examined], ...]:
    """Every file that was opened, with what it says of its time."""
    opened = (row for row in recordings if row.state is RecordingState.READ)
    return tuple((row, examined(row, zone)) for row in opened)


def worst_dated(
    recordings: Iterable[Recording], case: Case, zone: tzinfo, now: datetime
) -> Dated | None:
    """The gravest of what the dates of a case's files say; None where no file was opened yet."""
    moment = sent_at(case, now).astimezone(zone)
    said = {dated(found, moment) for _, found in dated_files(recordings, zone)}
    return next((kind for kind in _GRAVEST_FIRST if kind in said), None)


def is_old(recordings: Iterable[Recording], case: Case, zone: tzinfo, now: datetime) -> bool:
    """True when a file of the case was made before the visit for which it goes up."""
    return worst_dated(recordings, case, zone, now) is Dated.OLD


_GRAVEST_FIRST: Final = (Dated.OLD, Dated.FUTURE, Dated.ABSENT, Dated.CURRENT)
