"""What a signed result brings for its recognition: quality, device, time, mark, window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from qiangji_app.domain.case import Case, Recording, RecordingState
from qiangji_app.domain.examination import examination_day
from qiangji_app.domain.recognition import Window, window_of
from qiangji_app.domain.report import SignedReport
from qiangji_app.recognition_rules import RecognitionRules


@dataclass(frozen=True)
class RecordingEvidence:
    """One recording. ``is_passed`` is None where the quality gate has not looked."""

    number: int
    device: str
    is_passed: bool | None
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """All recordings of a report, and what the county's setting makes of them.

    ``mark`` is the mark of recognition, empty where the result does not carry it.
    """

    recordings: tuple[RecordingEvidence, ...]
    examined_on: date | None
    was_overridden: bool
    mark: str
    window: Window
    window_days: int

    @property
    def is_passed(self) -> bool | None:
        """True when every recording passed, False when one did not, else None."""
        found = [item.is_passed for item in self.recordings]
        if False in found or self.was_overridden:
            return False
        return None if None in found or not found else True


def evidence_of(
    case: Case,
    report: SignedReport,
    recordings: Sequence[Recording],
    *,
    rules: RecognitionRules,
    zone: ZoneInfo,
    now: datetime,
) -> Evidence:
    """The evidence of one signed version."""
    kept = [row for row in recordings if row.blob_sha256 in report.recording_sha256]
    rows = tuple(_recording(number, row) for number, row in enumerate(kept, start=1))
    day = examination_day(kept, zone)
    days = rules.windows.get(case.modality, 0)
    bare = Evidence(
        recordings=rows,
        examined_on=day,
        was_overridden=bool(case.override_reason),
        mark="",
        window=window_of(day, days, now.astimezone(zone).date()),
        window_days=days,
    )
    is_whole = len(kept) == len(set(report.recording_sha256))
    is_marked = is_whole and bare.is_passed and case.modality in rules.modalities
    return Evidence(**{**vars(bare), "mark": rules.mark}) if is_marked else bare


def _recording(number: int, row: Recording) -> RecordingEvidence:
    told = row.reading.get("quality")
    quality = [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []
    refused = tuple(str(item["code"]) for item in quality if item.get("severity") == "refuse")
    device = " ".join(
        str(row.facts.get(name, "")) for name in ("manufacturer", "device_model")
    ).strip()
    if row.state is RecordingState.REFUSED or refused:
        return RecordingEvidence(number, device, False, refused)
    looked = row.reading.get("status") not in (None, "", "failed")
    return RecordingEvidence(number, device, True if looked else None, ())
