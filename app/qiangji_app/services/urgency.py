"""How urgent a case is: the worst of requester, model, measurements and rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from qiangji_app.domain.case import (
    Case,
    Recording,
    RecordingState,
    RequestedUrgency,
    TriageStatus,
    UrgencyReason,
)
from qiangji_app.ports import Unit
from qiangji_datasets.labels import UrgencyLevel

#: What the requester's word alone asks for.
_REQUESTED: Final = {
    RequestedUrgency.EMERGENCY: UrgencyLevel.URGENT,
    RequestedUrgency.CHEST_PAIN: UrgencyLevel.URGENT,
    RequestedUrgency.ROUTINE: UrgencyLevel.ROUTINE,
}
#: Worst first: the case is only done when every recording that counts is.
_ORDER: Final = (
    TriageStatus.PENDING,
    TriageStatus.FAILED,
    TriageStatus.REFUSED,
    TriageStatus.OUT_OF_SCOPE,
    TriageStatus.DONE,
)
#: A lateral beside a frontal that was read is shown, not triaged, and does not hold the case up.
_LATERAL_CODES: Final = frozenset({"film.lateral", "film.lateral_stated"})


def that_count(recordings: Sequence[Recording]) -> list[Recording]:
    """Without the laterals that stand beside a frontal which was read."""
    read = {row.modality for row in recordings if _status(row) is TriageStatus.DONE}
    return [row for row in recordings if not (row.modality in read and _is_shown_only(row))]


def is_held_back(row: Recording) -> bool:
    """True when the AI must not read the file, or nobody could open it here."""
    status = _status(row)
    is_unopened = row.state is RecordingState.STORED and status is TriageStatus.FAILED
    return status is TriageStatus.REFUSED or is_unopened


def triage_status(recordings: Sequence[Recording]) -> TriageStatus:
    """Status of the case from its recordings; pending when there are none."""
    statuses = {_status(row) for row in that_count(recordings)}
    for status in _ORDER:
        if status in statuses:
            return status
    return TriageStatus.PENDING


def reasons_for(
    case: Case, recordings: Iterable[Recording], *, has_call: bool, is_reported: bool = False
) -> tuple[UrgencyReason, ...]:
    """Every reason, the most urgent first; a critical call outranks all.

    ``is_reported`` says that the valid report marks a critical value.
    """
    found: list[UrgencyReason] = []
    if has_call:
        found.append(UrgencyReason("urgency.critical_call", int(UrgencyLevel.CRITICAL), "rule"))
    if is_reported:
        found.append(UrgencyReason("urgency.critical_report", int(UrgencyLevel.CRITICAL), "rule"))
    asked = _REQUESTED[case.request.requested]
    if asked > UrgencyLevel.ROUTINE:
        code = f"urgency.requested_{case.request.requested.value}"
        found.append(UrgencyReason(code, int(asked), "requester"))
    for row in recordings:
        for item in _stored_reasons(row):
            if item not in found:
                found.append(item)
    return tuple(sorted(found, key=lambda reason: -reason.level))


def refresh_urgency(unit: Unit, case: Case) -> Case:
    """Store the case with triage status and urgency computed anew.

    A case that the AI did not read is never below UNDETERMINED.
    """
    recordings = unit.cases.recordings(case.id)
    status = triage_status(recordings)
    has_call = bool(unit.cases.calls(case.id))
    is_reported = any(
        report.content.is_critical and not report.superseded_by
        for report in unit.cases.signed(case.id)
    )
    reasons = list(
        reasons_for(case, recordings, has_call=has_call, is_reported=is_reported),
    )
    level = max((reason.level for reason in reasons), default=int(UrgencyLevel.ROUTINE))
    if status is not TriageStatus.DONE:
        reasons.append(
            UrgencyReason(
                f"urgency.triage_{status.value}", int(UrgencyLevel.UNDETERMINED), "triage"
            )
        )
        level = max(level, int(UrgencyLevel.UNDETERMINED))
    return unit.cases.save(
        replace(case, triage=status, urgency_level=level, urgency_reasons=tuple(reasons))
    )


def _status(row: Recording) -> TriageStatus:
    if row.state is RecordingState.REFUSED:
        return TriageStatus.REFUSED
    return TriageStatus(str(row.reading.get("status", TriageStatus.PENDING.value)))


def _is_shown_only(row: Recording) -> bool:
    return _status(row) is TriageStatus.REFUSED and _is_lateral(row)


def _is_lateral(row: Recording) -> bool:
    codes = row.reading.get("gate_codes", [])
    return isinstance(codes, list) and bool(_LATERAL_CODES & set(codes))


def _stored_reasons(row: Recording) -> list[UrgencyReason]:
    stored = row.reading.get("reasons", [])
    if not isinstance(stored, list):
        return []
    return [
        UrgencyReason(
            code=str(item["code"]),
            level=int(item["level"]),
            source=str(item["source"]),
            params=dict(item["params"]),
        )
        for item in stored
    ]
