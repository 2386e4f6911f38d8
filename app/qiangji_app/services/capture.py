"""What the township does: open a case, say who the patient is, send it up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from qiangji_app.domain.case import (
    Case,
    ClinicalRequest,
    RecordingState,
    asked_at,
    to_be_read_again,
    without_reasons,
)
from qiangji_app.domain.events import Payload
from qiangji_app.domain.ids import is_uuid
from qiangji_app.domain.modalities import MODALITIES
from qiangji_app.domain.person import (
    Patient,
    is_possible_birth,
    read_id_number,
)
from qiangji_app.domain.roles import SENDERS, Actor
from qiangji_app.domain.workflow import Action, State
from qiangji_app.ports import Unit
from qiangji_app.services.access import require, require_role, visible_case
from qiangji_app.services.ages import local_day
from qiangji_app.services.context import Context
from qiangji_app.services.held import held_back
from qiangji_app.services.identity import (
    answered,
    linked,
    questioned,
    reason_digest,
    require_answers,
)
from qiangji_app.services.limits import MAX_REASON, whole
from qiangji_app.services.person_rows import own_person
from qiangji_app.services.splitting import split
from qiangji_app.services.thread import say
from qiangji_app.services.urgency import refresh_urgency
from qiangji_datasets.errors import Conflict, InputRejected

#: A submission waits for a file of which bytes came within this time; a slow line may need it.
_STANDS_STILL_AFTER = timedelta(minutes=30)
#: How long a submission waits for its files to be read.
_READ_WITHIN = timedelta(seconds=60)
_MAX_NAME = 64


def open_case(ctx: Context, actor: Actor, case_id: str, modality: str) -> Case:
    """Begin a draft; repeating the call with the same id gives the same case.

    Raises
    ------
    NotPermitted
        The actor does not send cases.
    InputRejected
        The id is no UUID or the modality unknown.
    Conflict
        The id belongs to a case of somebody else's site.
    """
    require_role(actor, *SENDERS)
    if not is_uuid(case_id):
        raise InputRejected("case.bad_id")
    if modality not in MODALITIES:
        raise InputRejected("case.modality", modality=modality[:20])
    with ctx.store.begin() as unit:
        known = unit.cases.get(case_id)
        if known is not None:
            if known.created_by != actor.user_id:
                raise Conflict("case.id_taken")
            if known.modality or not modality or known.state is not State.DRAFT:
                return known
            case = _with_modality(ctx, unit, actor, known, modality)
        else:
            case = _opened(ctx, unit, actor, case_id, modality)
        unit.commit()
    ctx.wake()
    return case


def _opened(ctx: Context, unit: Unit, actor: Actor, case_id: str, modality: str) -> Case:
    case = Case(
        id=case_id,
        site_id=actor.site_id,
        person_id=ctx.ids.new(),
        modality=modality,
        state=State.DRAFT,
        created_at=ctx.clock.now(),
        created_by=actor.user_id,
        is_demo=ctx.is_demo,
    )
    unit.persons.add(case.person_id, Patient(name=""))
    unit.cases.add(case)
    unit.events.append(
        type="case.opened",
        actor_id=actor.user_id,
        case_id=case.id,
        payload={"modality": modality, "site": actor.site_id},
    )
    return case


def _with_modality(ctx: Context, unit: Unit, actor: Actor, case: Case, modality: str) -> Case:
    """A draft that was begun without a modality takes the one that the desk names later."""
    require(actor, case, Action.EDIT)
    _read_again(unit, case, ctx.clock.now())
    case = refresh_urgency(unit, replace(case, modality=modality))
    unit.events.append(
        type="case.modality_named",
        actor_id=actor.user_id,
        case_id=case.id,
        payload={"modality": modality},
    )
    return case


def set_request(
    ctx: Context, actor: Actor, case_id: str, patient: Patient, clinical: ClinicalRequest
) -> Case:
    """Store the request form; a changed age or sex lets the AI read again.

    Raises
    ------
    InputRejected
        A field is too long, the identity number has a wrong checksum, or contradicts birth date
        or sex; the birth date is none of anybody alive; ``params`` names the field, never its
        value.
    """
    check_lengths(patient, clinical)
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.EDIT)
        patient = completed(patient, today=local_day(unit, case.site_id, ctx.clock.now()))
        before = unit.persons.get(case.person_id)
        case = own_person(ctx, unit, case)
        unit.persons.save(case.person_id, patient)
        case = refresh_urgency(unit, replace(case, request=clinical, identity_reason=""))
        if before is None or (before.birth_date, before.age_years, before.sex) != (
            patient.birth_date,
            patient.age_years,
            patient.sex,
        ):
            _read_again(unit, case, ctx.clock.now())
            case = refresh_urgency(unit, case)
        unit.events.append(
            type="case.request_changed", actor_id=actor.user_id, case_id=case.id, payload={}
        )
        unit.commit()
    ctx.wake()
    return case


def _read_again(unit: Unit, case: Case, now: datetime) -> None:
    """Queue every recording; what the AI said on other facts of the form is gone at once."""
    for recording in unit.cases.recordings(case.id):
        unit.cases.save_recording(to_be_read_again(recording, now))
        if recording.state is RecordingState.READ:
            unit.cases.replace_findings(recording.id, [])
        unit.jobs.add("triage", recording.id)


def submit(
    ctx: Context,
    actor: Actor,
    case_id: str,
    *,
    override_reason: str = "",
    identity_reason: str = "",
    date_reason: str = "",
    person_id: str = "",
) -> Case:
    """Send the case to the county; film and ECG in one draft go up as two (``splitting``).

    Said again by who sent it, it is the same submission.

    Parameters
    ----------
    override_reason
        Why it goes up although the AI must not read a recording (仍要上传).
    identity_reason
        Why form and file belong to the same patient although they differ.
    date_reason
        Why a file that is not of today goes up; neither reason answers the other's question.
    person_id
        A known person the actor recognised as this patient.

    Raises
    ------
    InputRejected
        No name, nothing readable, or no recording.
    Conflict
        ``identity.mismatch`` or ``gate.override_needed`` until a reason is given;
        ``recording.still_reading`` for the seconds that reading takes; ``upload.in_progress``
        while a file is coming in; ``identity.link_differs``.
    """
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        if case.state is State.SUBMITTED and _sender(unit, case) == actor.user_id:
            return case
        require(actor, case, Action.SUBMIT)
        case = linked(ctx, unit, actor, case, person_id)
        after = require(actor, case, Action.SUBMIT)
        case = replace(
            after,
            override_reason=whole(override_reason, MAX_REASON) or case.override_reason,
            submitted_at=ctx.clock.now(),
            claimed_by="",
            claimed_at=None,
        )
        case = answered(unit, case, identity_reason, ctx.clock.now(), date_reason=date_reason)
        _check_uploads(ctx, unit, case)
        _check_read(unit, case, ctx.clock.now())
        _check_complete(unit, case, ctx.clock.now())
        parts = split(ctx, unit, actor, case)
        for part in parts:
            _note_submission(ctx, unit, actor, part)
        unit.commit()
    return parts[0]


def _sender(unit: Unit, case: Case) -> str:
    """Who sent the case up last."""
    events = unit.events.of_case(case.id)
    return [event.actor_id for event in events if event.type == "case.submitted"][-1]


def _note_submission(ctx: Context, unit: Unit, actor: Actor, case: Case) -> None:
    unit.events.append(
        type="case.submitted",
        actor_id=actor.user_id,
        case_id=case.id,
        payload={
            "triage": case.triage.value,
            "urgency": case.urgency_level,
            "overridden": bool(case.override_reason),
            "identity_confirmed": bool(case.identity_reason),
            **_confirmed(ctx, unit, actor, case),
        },
    )


def _confirmed(ctx: Context, unit: Unit, actor: Actor, case: Case) -> Payload:
    """What a person answered for, and the digests of the reasons, which stay in the thread."""
    held = ",".join(item.recording_id[-12:] for item in held_back(unit, case))
    said = {message.text for message in unit.cases.messages(case.id)}
    for kind, reason in (("identity", case.identity_reason), ("override", case.override_reason)):
        if reason and reason not in said:
            say(ctx, unit, actor, case.id, kind=kind, text=reason)
    return {
        "questioned": questioned(unit, case, ctx.clock.now()),
        "identity_sha256": reason_digest(case.identity_reason),
        "held_back": held,
        "override_sha256": reason_digest(case.override_reason),
    }


def withdraw(ctx: Context, actor: Actor, case_id: str, reason: str) -> Case:
    """Take a case back before it is read."""
    if not reason.strip():
        raise InputRejected("case.reason_needed")
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        case = unit.cases.save(require(actor, case, Action.WITHDRAW))
        say(ctx, unit, actor, case.id, kind="withdraw", text=reason)
        unit.events.append(type="case.withdrawn", actor_id=actor.user_id, case_id=case.id)
        unit.commit()
    return case


def remove_recording(ctx: Context, actor: Actor, case_id: str, recording_id: str) -> Case:
    """Take a recording off a draft or returned case; its file is collected after a day."""
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.EDIT)
        recording = unit.cases.recording(recording_id)
        if recording is None or recording.case_id != case.id:
            raise InputRejected("recording.not_found")
        unit.cases.remove_recording(recording.id)
        if unit.persons.get(recording.id) is not None:
            unit.persons.erase(recording.id)
        case = refresh_urgency(unit, without_reasons(case))
        unit.events.append(
            type="recording.removed",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"recording": recording.id, "sha256": recording.blob_sha256},
        )
        unit.commit()
    return case


def _check_uploads(ctx: Context, unit: Unit, case: Case) -> None:
    """A file that is still coming in belongs to the case; one that stands still does not wait."""
    limit = ctx.clock.now() - _STANDS_STILL_AFTER
    for upload in unit.uploads.of_case(case.id):
        if upload.state != "receiving":
            continue
        if (ctx.blobs.touched_at(upload.upload_id) or upload.created_at) > limit:
            raise Conflict("upload.in_progress")


def _check_read(unit: Unit, case: Case, now: datetime) -> None:
    """Patient and quality can only be compared once the files were read, which takes seconds.

    A file that no reader got to within ``_READ_WITHIN`` of being asked does not hold the patient
    up.
    """
    for row in unit.cases.recordings(case.id):
        if not row.reading and now - asked_at(row) < _READ_WITHIN:
            raise Conflict("recording.still_reading")


def _check_complete(unit: Unit, case: Case, now: datetime) -> None:
    patient = unit.persons.get(case.person_id)
    if patient is None or not patient.name.strip():
        raise InputRejected("case.name_needed")
    recordings = unit.cases.recordings(case.id)
    if not recordings:
        raise InputRejected("case.no_file")
    if all(row.state is RecordingState.REFUSED for row in recordings):
        raise InputRejected("case.nothing_readable", n=len(recordings))
    if not case.modality:
        raise InputRejected("case.modality_needed")
    require_answers(unit, case, now)
    if held_back(unit, case) and not case.override_reason:
        raise Conflict("gate.override_needed")


def completed(patient: Patient, *, today: date) -> Patient:
    """Birth date and sex filled in from the identity number; ``today`` is the site's."""
    born = patient.birth_date
    if born is not None and not is_possible_birth(born, today=today):
        raise InputRejected("form.birth_date")
    if not patient.id_number:
        return patient
    facts = read_id_number(patient.id_number, today=today)
    if facts is None:
        raise InputRejected("identity.id_number")
    if patient.birth_date not in {None, facts.birth_date}:
        raise InputRejected("identity.id_number_birth_date")
    if patient.sex not in {"", facts.sex}:
        raise InputRejected("identity.id_number_sex")
    number = patient.id_number.strip().upper()
    return replace(patient, id_number=number, birth_date=facts.birth_date, sex=facts.sex)


def check_lengths(patient: Patient, clinical: ClinicalRequest) -> None:
    """Refuse what is too long, and a sex or an age that nobody has."""
    limits = (
        ("name", patient.name, _MAX_NAME),
        ("phone", patient.phone, _MAX_NAME),
        ("patient_id", patient.patient_id, _MAX_NAME),
        ("visit_number", clinical.visit_number, _MAX_NAME),
        ("symptom", clinical.symptom, MAX_REASON),
        ("history", clinical.history, MAX_REASON),
    )
    for name, text, limit in limits:
        if len(text) > limit:
            raise InputRejected("form.too_long", field=name, limit=limit)
    if patient.sex not in {"", "M", "F", "O"}:
        raise InputRejected("form.sex")
    if patient.age_years is not None and not 0 <= patient.age_years <= 130:
        raise InputRejected("form.age")
