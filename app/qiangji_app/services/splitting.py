"""A draft of film and ECG goes up as two requests: each modality is read under its own licence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qiangji_app.domain.case import Case, Recording, TriageStatus
from qiangji_app.domain.modalities import modality_of, usable_modalities
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import CaseQuery, Unit
from qiangji_app.services.alarms import pass_on, seen_in
from qiangji_app.services.context import Context
from qiangji_app.services.held import held_back
from qiangji_app.services.identity import answers_about, mismatches
from qiangji_app.services.urgency import refresh_urgency

#: More siblings than a visit has; the newest are told.
_MAX_SIBLINGS = 20


def siblings(unit: Unit, case: Case) -> Sequence[Case]:
    """Cases that were split from this one, or it from them; the oldest first."""
    return siblings_of(unit, [case])[case.id]


def siblings_of(unit: Unit, cases: Sequence[Case]) -> dict[str, list[Case]]:
    """The same of each case, by its id; one question for all."""
    families = frozenset(map(_family, cases))
    query = CaseQuery(families=families, limit=_MAX_SIBLINGS * len(families))
    found = list(reversed(unit.cases.find(query))) if families else []
    return {
        case.id: [one for one in found if _family(one) == _family(case) and one.id != case.id]
        for case in cases
    }


def _family(case: Case) -> str:
    return case.split_from or case.id


def split(ctx: Context, unit: Unit, actor: Actor, case: Case) -> tuple[Case, ...]:
    """The case, then one for each other modality that its usable files show; all are stored.

    The case keeps the files of its own modality, and those of which nobody knows what they show.
    Where it holds none of its own, it becomes a case of what its first file shows. Each keeps the
    reasons that its own files ask for, and shares person and request with the others.

    Parameters
    ----------
    case
        As it goes up, all checks passed; not stored yet.
    """
    held = usable_modalities(unit.cases.recordings(case.id))
    if set(held) <= {case.modality}:
        return (refresh_urgency(unit, case),)
    seen = seen_in(case, unit.events.of_case(case.id))
    if case.modality not in held:
        case = replace(case, modality=held[0])
        _note(unit, actor, case, "case.modality_named", modality=case.modality)
    others = [
        _split_off(ctx, unit, actor, case, modality)
        for modality in held
        if modality != case.modality
    ]
    parts = tuple(
        refresh_urgency(unit, _with_own_reasons(ctx, unit, part)) for part in (case, *others)
    )
    if seen is not None:
        for part in parts:
            pass_on(unit, actor, part, seen)
    return parts


def _split_off(ctx: Context, unit: Unit, actor: Actor, case: Case, modality: str) -> Case:
    part = replace(
        case,
        id=ctx.ids.new(),
        modality=modality,
        created_at=ctx.clock.now(),
        revision=0,
        triage=TriageStatus.PENDING,
        urgency_reasons=(),
        split_from=case.split_from or case.id,
    )
    unit.cases.add(part)
    _note(unit, actor, case, "case.split", to=part.id, modality=modality)
    _note(
        unit, actor, part, "case.opened", modality=modality, site=part.site_id, split_from=case.id
    )
    for recording in unit.cases.recordings(case.id):
        if modality_of(recording) == modality:
            _move(unit, actor, recording, part)
    return part


def _move(unit: Unit, actor: Actor, recording: Recording, part: Case) -> None:
    """Put a file with all that was read from it into another case; its jobs go by its own id."""
    findings = unit.cases.findings(recording.case_id)
    unit.cases.save_recording(replace(recording, case_id=part.id))
    for finding in findings:
        if finding.recording_id == recording.id:
            unit.cases.save_finding(replace(finding, case_id=part.id))
    for case_id in (recording.case_id, part.id):
        unit.events.append(
            type="recording.moved",
            actor_id=actor.user_id,
            case_id=case_id,
            payload={
                "recording": recording.id,
                "sha256": recording.blob_sha256,
                "from": recording.case_id,
                "to": part.id,
            },
        )


def _with_own_reasons(ctx: Context, unit: Unit, case: Case) -> Case:
    """The case without a reason that was given for files which it does not hold."""
    is_questioned = bool(mismatches(unit, case, ctx.clock.now())) or answers_about(
        case, unit.cases.recordings(case.id)
    )
    return replace(
        case,
        identity_reason=case.identity_reason if is_questioned else "",
        override_reason=case.override_reason if held_back(unit, case) else "",
    )


def _note(unit: Unit, actor: Actor, case: Case, type: str, **payload: str) -> None:
    unit.events.append(type=type, actor_id=actor.user_id, case_id=case.id, payload=payload)
