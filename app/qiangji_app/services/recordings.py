"""Background work on stored files: read, triage, store findings; nothing here loses a case."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from qiangji_app.domain.case import Case, Finding, Recording, last_gate
from qiangji_app.domain.examination import in_zone
from qiangji_app.domain.modalities import named_modality, naming
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import Unit
from qiangji_app.services.access import visible_case
from qiangji_app.services.ages import zone_of
from qiangji_app.services.context import Context
from qiangji_app.services.identity import questions
from qiangji_app.services.triage import Outcome, failed_outcome
from qiangji_app.services.urgency import refresh_urgency
from qiangji_datasets.errors import Conflict, NotFound, StorageFault

_LOG = logging.getLogger(__name__)
TRIAGE_JOB: Final = "triage"
_RETRY_AFTER: Final = timedelta(seconds=30)
#: A recording that took the program down with it this often is not read any more.
_MAX_ATTEMPTS: Final = 3


def run_next(ctx: Context) -> bool:
    """Do one queued triage; False when the queue is empty."""
    with ctx.store.begin() as unit:
        key = unit.jobs.claim(TRIAGE_JOB, ctx.clock.now())
        attempts = 0 if key is None else unit.jobs.attempts(TRIAGE_JOB, key)
        unit.commit()
    if key is None:
        return False
    if attempts > _MAX_ATTEMPTS:
        _LOG.error("recording %s ended the program %d times; not read", key, _MAX_ATTEMPTS)
        _give_up(ctx, key)
        return True
    try:
        triage_recording(ctx, key)
    except Conflict:
        _LOG.warning("recording %s changed while it was triaged; trying again", key)
        _postpone(ctx, key, "case.changed_meanwhile")
    except Exception:  # noqa: BLE001 - the edge: whatever failed, the case must go on without AI
        _LOG.exception("triage of recording %s failed", key)
        _give_up(ctx, key)
    return True


def triage_recording(ctx: Context, recording_id: str) -> None:
    """Read one stored file and attach what the AI says; a removed recording is skipped.

    A reading that the case has overtaken is dropped: the file is read again where the facts
    changed meanwhile, and not where a report was signed.
    """
    with ctx.store.read() as unit:
        recording = unit.cases.recording(recording_id)
        case = None if recording is None else unit.cases.get(recording.case_id)
        stated = {} if recording is None or case is None else _stated(ctx, unit, case, recording)
    if recording is None or case is None:
        _finish(ctx, recording_id)
        return
    with ctx.blobs.plain_path(recording.blob_sha256) as path:
        outcome = ctx.reader.triage(path, stated=stated)
    _save(ctx, recording_id, stated, outcome, _stored_maps(ctx, recording, outcome))


def _stored_maps(ctx: Context, recording: Recording, outcome: Outcome) -> str:
    """Where the maps went; a full disk costs the maps, never the reading."""
    if not outcome.maps:
        return ""
    try:
        return ctx.blobs.put(outcome.maps)
    except StorageFault:
        _LOG.exception("maps of recording %s could not be stored", recording.id)
        return ""


def _give_up(ctx: Context, recording_id: str) -> None:
    """The recording as failed: it can be sent, seen and read by a person."""
    with ctx.store.read() as unit:
        recording = unit.cases.recording(recording_id)
        case = None if recording is None else unit.cases.get(recording.case_id)
        stated = {} if recording is None or case is None else _stated(ctx, unit, case, recording)
    if recording is None:
        _finish(ctx, recording_id)
        return
    failed = failed_outcome(None, "engine.model_failed")
    kept = replace(
        failed, state=recording.state, modality=recording.modality, facts=recording.facts
    )
    _save(ctx, recording_id, stated, replace(kept, acquired_at=recording.acquired_at), "")


def recording_for(ctx: Context, actor: Actor, recording_id: str) -> tuple[Case, Recording]:
    """A recording the actor may open.

    Raises
    ------
    NotFound
        No such recording, or not the actor's to see.
    """
    with ctx.store.read() as unit:
        recording = unit.cases.recording(recording_id)
        if recording is None:
            raise NotFound("recording.not_found")
        return visible_case(unit, actor, recording.case_id), recording


def _stated(ctx: Context, unit: Unit, case: Case, recording: Recording) -> dict[str, object]:
    patient = unit.persons.get(case.person_id)
    stated: dict[str, object] = {"modality": named_modality(recording) or case.modality}
    if patient is not None:
        zone = zone_of(unit, case.site_id)
        today = ctx.clock.now().astimezone(zone).date()
        stated["age_years"] = patient.age_on(today)
        stated["birth_date"] = patient.birth_date
        stated["today"] = today
        stated["zone"] = zone
        stated["sex"] = patient.sex
    return stated


def _save(
    ctx: Context, recording_id: str, stated: Mapping[str, object], outcome: Outcome, maps: str
) -> None:
    """Store a reading that was made with ``stated``, unless the case has overtaken it."""
    with ctx.store.begin() as unit:
        recording = unit.cases.recording(recording_id)  # its case may have gone up and been split
        case = None if recording is None else unit.cases.get(recording.case_id)
        is_changed = False
        if recording is not None and case is not None and not _is_signed(case):
            is_changed = _stated(ctx, unit, case, recording) != stated
            if not is_changed:
                _attach(ctx, unit, case, recording, outcome=outcome, maps=maps)
        unit.jobs.done(TRIAGE_JOB, recording_id)
        if is_changed:
            _LOG.info("recording %s is read again: its facts changed meanwhile", recording_id)
            unit.jobs.add(TRIAGE_JOB, recording_id)
        unit.commit()


def _is_signed(case: Case) -> bool:
    """True once a report was signed on what the AI had said: that stays as the signer saw it."""
    return case.report_version > 0


def _attach(
    ctx: Context, unit: Unit, case: Case, recording: Recording, *, outcome: Outcome, maps: str
) -> None:
    known = set(questions(unit, case, ctx.clock.now()))
    unit.cases.save_recording(
        replace(
            recording,
            state=outcome.state,
            modality=outcome.modality,
            acquired_at=_in_zone(unit, case, outcome.acquired_at),
            facts=_facts(recording, outcome),
            reading=outcome.reading,
            map_blob_sha256=maps,
        )
    )
    _save_person(unit, recording, outcome)
    _save_findings(ctx, unit, case, recording, outcome)
    if set(questions(unit, case, ctx.clock.now())) - known:
        case = replace(case, identity_reason="")  # nobody was asked about this yet
    if not case.modality and outcome.modality:
        case = replace(case, modality=outcome.modality)
    case = refresh_urgency(unit, case)
    unit.events.append(
        type="recording.triaged",
        actor_id="system",
        case_id=case.id,
        payload={
            "recording": recording.id,
            "status": str(outcome.reading.get("status", "")),
            "case_triage": case.triage.value,
            "urgency": case.urgency_level,
        },
    )


def _facts(recording: Recording, outcome: Outcome) -> dict[str, object]:
    """What is known of the file; a reading that failed leaves standing what the gate said.

    What the desk said that it shows stands in any case.
    """
    facts = outcome.facts | naming(named_modality(recording))
    if outcome.reading.get("status") != "failed":
        return facts
    return facts | last_gate(recording)


def _in_zone(unit: Unit, case: Case, moment: datetime | None) -> datetime | None:
    return None if moment is None else in_zone(moment, zone_of(unit, case.site_id))


def _save_person(unit: Unit, recording: Recording, outcome: Outcome) -> None:
    if outcome.person is None:
        return
    if unit.persons.get(recording.id) is None:
        unit.persons.add(recording.id, outcome.person)
    else:
        unit.persons.save(recording.id, outcome.person)


def _save_findings(
    ctx: Context, unit: Unit, case: Case, recording: Recording, outcome: Outcome
) -> None:
    """A verdict holds for the statement it was given on; a changed statement is open again.

    What was decided about the earlier statement stays in the event log.
    """
    before = {
        _statement(row): row
        for row in unit.cases.findings(case.id)
        if row.recording_id == recording.id
    }
    placed = [
        _as_before(
            replace(row, id=ctx.ids.new(), case_id=case.id, recording_id=recording.id),
            before.pop(_statement(row), None),
        )
        for row in outcome.findings
    ]
    unit.cases.replace_findings(recording.id, placed)


def _statement(row: Finding) -> tuple[str, str, str]:
    return row.label, row.flag, row.bundle_sha256


def _as_before(row: Finding, before: Finding | None) -> Finding:
    """The same finding as in the log, with its verdict, where the statement was made before."""
    if before is None:
        return row
    return replace(
        row,
        id=before.id,
        verdict=before.verdict,
        verdict_by=before.verdict_by,
        verdict_at=before.verdict_at,
        verdict_label=before.verdict_label,
    )


def _finish(ctx: Context, recording_id: str) -> None:
    with ctx.store.begin() as unit:
        unit.jobs.done(TRIAGE_JOB, recording_id)
        unit.commit()


def _postpone(ctx: Context, recording_id: str, code: str) -> None:
    with ctx.store.begin() as unit:
        unit.jobs.retry(TRIAGE_JOB, recording_id, ctx.clock.now() + _RETRY_AFTER, code)
        unit.commit()
