"""Files that go up only with a reason: they cannot be opened, or the AI must not read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qiangji_app.domain.case import Case, Recording, RecordingState, as_last_known
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import Unit
from qiangji_app.services.access import visible_case
from qiangji_app.services.context import Context
from qiangji_app.services.urgency import is_held_back, that_count

#: A stored notice: code, severity, params.
Stored = Mapping[str, object]


@dataclass(frozen=True)
class HeldFile:
    """One file that needs a reason; ``notices`` say why, as stored."""

    recording_id: str
    file_name: str
    is_readable: bool
    notices: tuple[Stored, ...]


def held_files(ctx: Context, actor: Actor, case_id: str) -> tuple[HeldFile, ...]:
    """Every file of a case that goes up only with a reason, for the eyes of the desk."""
    with ctx.store.read() as unit:
        return held_back(unit, visible_case(unit, actor, case_id))


def held_back(unit: Unit, case: Case) -> tuple[HeldFile, ...]:
    """Every file that goes up only with a reason: what the gate said last, where it is at work."""
    rows = {row.id: row for row in unit.cases.recordings(case.id)}
    known = that_count([as_last_known(row) for row in rows.values()])
    return tuple(_held(rows[row.id]) for row in known if is_held_back(row))


def is_opened(recording: Recording) -> bool:
    """True for a file whose content was seen."""
    return recording.state is RecordingState.READ


def _held(recording: Recording) -> HeldFile:
    return HeldFile(
        recording_id=recording.id,
        file_name=recording.file_name,
        is_readable=is_opened(recording),
        notices=tuple(_reasons(recording)),
    )


def _reasons(recording: Recording) -> Sequence[Stored]:
    refusal = recording.facts.get("refusal")
    if isinstance(refusal, dict):
        return [refusal]
    if not is_opened(recording):
        return _rows(recording.reading.get("declined"))
    quality = _rows(recording.reading.get("quality"))
    return [row for row in quality if row["severity"] == "refuse"]


def _rows(stored: object) -> list[Stored]:
    return [row for row in stored if isinstance(row, dict)] if isinstance(stored, list) else []
