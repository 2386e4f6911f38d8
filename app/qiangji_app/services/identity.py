"""Is it the right patient: form against files, people already known, one person or another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from qiangji_app.domain.case import Case, Recording
from qiangji_app.domain.examination import Dated, Examined, dated, dated_files, sent_at
from qiangji_app.domain.person import (
    IdentityKind,
    Patient,
    as_examined,
    compare,
    moved,
    normalise_name,
)
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.workflow import Action
from qiangji_app.ports import CaseQuery, Unit
from qiangji_app.services.access import require, visible_case
from qiangji_app.services.ages import age_text, local_day, zone_of
from qiangji_app.services.context import Context
from qiangji_app.services.identity_files import FileFacts, unlike
from qiangji_app.services.limits import MAX_REASON, whole
from qiangji_app.services.thread import say
from qiangji_datasets.errors import Conflict, InputRejected
from qiangji_datasets.messages import Catalogue, Language

#: The field of a difference about the date of the examination.
EXAMINED: Final = "examined_at"
#: Between the reasons about the person and about the date in one text.
_REASONS_APART: Final = ";"
#: Most characters of an event's list of what was confirmed; an event holds 400.
_MAX_MARKS: Final = 400
#: Between field and second file in the mark of a question about two files.
_BETWEEN: Final = "~"


@dataclass(frozen=True)
class Difference:
    """One field in which a file disagrees with the form; values for the eyes of the desk only."""

    recording_id: str
    file_name: str
    field: str
    in_form: str
    in_file: str
    is_answered: bool
    other_file: str = ""  # said ``in_form``, where two files are compared; empty for the form


@dataclass(frozen=True)
class Differing:
    """One field of one file that needs a person's word, with what both sides say.

    ``form`` is the person of ``other`` where two files disagree.
    """

    recording: Recording
    field: str
    form: Patient
    in_file: Patient
    examined: Examined
    day: date  # on which ages are told: that of the examination
    sent_on: date
    is_answered: bool  # by the reason that is kept with the case
    other: Recording | None = None


def mismatches(unit: Unit, case: Case, now: datetime) -> tuple[str, ...]:
    """Names of the fields in which any file disagrees with the form or with today's date."""
    return tuple(dict.fromkeys(item.field for item in differing(unit, case, now)))


def questions(unit: Unit, case: Case, now: datetime) -> tuple[str, ...]:
    """The same by file, as ids and codes."""
    found = differing(unit, case, now)
    return tuple(map(_question, found))


def answered(unit: Unit, case: Case, reason: str, now: datetime, *, date_reason: str = "") -> Case:
    """The case with reasons that answer what is asked now, and nothing that is asked later.

    Without a reason the earlier one stands for what it answered.

    Parameters
    ----------
    reason
        Why the files are this patient's; says nothing about their dates.
    date_reason
        Why files of another day, or of none, are sent; says nothing about whose they are.
    """
    given = [text for text in (reason.strip(), date_reason.strip()) if text]
    if not given:
        return case
    earlier = set(case.identity_answers) if case.identity_reason else set()
    answers: list[str] = []
    is_earlier_kept = False
    for item in differing(unit, case, now):
        question = _question(item)
        if (date_reason if item.field == EXAMINED else reason).strip():
            answers.append(question)
        elif question in earlier:
            answers.append(question)
            is_earlier_kept = True
    texts = [case.identity_reason, *given] if is_earlier_kept else given
    return replace(
        case,
        identity_reason=whole(_REASONS_APART.join(dict.fromkeys(texts)), MAX_REASON),
        identity_answers=tuple(answers),
    )


def require_answers(unit: Unit, case: Case, now: datetime) -> None:
    """Let pass a case of which a person answered every question.

    Raises
    ------
    Conflict
        ``identity.mismatch``: its ``fields`` were not answered.
    """
    found = (item.field for item in differing(unit, case, now) if not item.is_answered)
    if fields := ",".join(dict.fromkeys(found)):
        raise Conflict("identity.mismatch", fields=fields)


def questioned(unit: Unit, case: Case, now: datetime) -> str:
    """The same for the event of a confirmation."""
    return ",".join(questions(unit, case, now))[:_MAX_MARKS]


def answers_about(case: Case, recordings: Sequence[Recording]) -> bool:
    """True where a kept reason says that one of these files and another are of one person."""
    own = {_mark(row) for row in recordings}
    pairs = [answer.split(":") for answer in case.identity_answers if _BETWEEN in answer]
    return any(one in own or rest.split(_BETWEEN)[1] in own for one, rest in pairs)


def _mark(recording: Recording) -> str:
    return recording.id[-12:]


def _question(item: Differing) -> str:
    mark = item.field
    if item.field == EXAMINED:
        mark = f"{item.field}={item.examined.day or 'absent'}"
    elif item.other is not None:
        mark = f"{item.field}{_BETWEEN}{_mark(item.other)}"
    return f"{_mark(item.recording)}:{mark}"


def differences(
    ctx: Context, actor: Actor, case_id: str, language: Language
) -> tuple[Difference, ...]:
    """Where form and files differ, with both values."""
    with ctx.store.read() as unit:
        case = visible_case(unit, actor, case_id)
        found = list(differing(unit, case, ctx.clock.now()))
    return tuple(described(item, ctx.catalogue, language) for item in found)


def described(item: Differing, catalogue: Catalogue, language: Language) -> Difference:
    """The two values in words; ages as of the examination."""

    def sides() -> tuple[str, str]:
        if item.field == EXAMINED:
            day = item.sent_on.isoformat()
            stated = _moment(item.examined) or catalogue.text("identity.undated", language)
            return catalogue.text("identity.sent_on", language, day=day), stated
        if item.field == "age_years":
            told = as_examined(item.in_file, item.day)
            both = (
                age_text(who, item.day, catalogue, language, sent_on=item.sent_on)
                for who in (item.form, told)
            )
            return next(both), next(both)
        return _shown(item.form, item.field), _shown(item.in_file, item.field)

    in_form, in_file = sides()
    return Difference(
        recording_id=item.recording.id,
        file_name=item.recording.file_name,
        field=item.field,
        in_form=in_form,
        in_file=in_file,
        is_answered=item.is_answered,
        other_file="" if item.other is None else item.other.file_name,
    )


def differing(unit: Unit, case: Case, now: datetime) -> Iterator[Differing]:
    """Fields of files that disagree with the form or an earlier file, and files not of today."""
    form = unit.persons.get(case.person_id)
    if form is None:
        return
    known = set(case.identity_answers) if case.identity_reason else set()
    moment = sent_at(case, now).astimezone(zone_of(unit, case.site_id))
    earlier: list[FileFacts] = []
    for file, fields in _read(unit, case, form, moment):
        asked: list[tuple[str, FileFacts | None]] = [(field, None) for field in fields]
        asked += unlike(file, earlier).items()
        for field, other in asked:
            item = Differing(
                recording=file.recording,
                field=field,
                form=moved(other.patient, other.day, file.day) if other else form,
                in_file=file.patient,
                examined=file.examined,
                day=file.day,
                sent_on=moment.date(),
                is_answered=False,
                other=other.recording if other else None,
            )
            yield replace(item, is_answered=_question(item) in known)
        earlier.append(file)


def _read(
    unit: Unit, case: Case, form: Patient, moment: datetime
) -> Iterator[tuple[FileFacts, list[str]]]:
    """Each file and the fields, date included, in which it does not fit the form."""
    recordings = unit.cases.recordings(case.id)
    zone = zone_of(unit, case.site_id)
    dates = {row.id: found for row, found in dated_files(recordings, zone)}
    for recording in recordings:
        found = dates.get(recording.id, Examined())
        in_file = unit.persons.get(recording.id) or Patient(name="")
        day = found.day or moment.date()
        fields = [item.field for item in compare(form, in_file, today=day)]
        file = FileFacts(recording, in_file, found, day, frozenset(fields))
        if recording.id in dates and dated(found, moment) is not Dated.CURRENT:
            fields.insert(0, EXAMINED)
        yield file, fields


def _moment(found: Examined) -> str:
    if found.moment is not None:
        return f"{found.moment:%Y-%m-%d %H:%M}"
    return "" if found.day is None else found.day.isoformat()


def _shown(patient: Patient, field: str) -> str:
    value = getattr(patient, field)
    return value.isoformat() if isinstance(value, date) else str(value)


@dataclass(frozen=True)
class Duplicate:
    """Somebody already known who may be this patient."""

    person_id: str
    patient: Patient
    site_id: str
    reason: str  # id_number | identifier | name


def duplicates(ctx: Context, actor: Actor, case_id: str) -> Sequence[Duplicate]:
    """People of visible sites who may be the same: identity number, identifier, or name and birth.

    The actor decides; nothing is merged by itself.
    """
    with ctx.store.read() as unit:
        case = visible_case(unit, actor, case_id)
        patient = unit.persons.get(case.person_id)
        if patient is None or patient.kind is IdentityKind.EMERGENCY:
            return []
        candidates = _candidates(unit, patient)
        known = {case.person_id: "", **{row.id: "" for row in unit.cases.recordings(case.id)}}
        found = []
        for person_id, reason in candidates.items():
            other = unit.persons.get(person_id)
            site_id = site_of(unit, actor, person_id)
            if person_id not in known and other is not None and site_id:
                found.append(Duplicate(person_id, other, site_id, reason))
        return found


def confirm_identity(
    ctx: Context, actor: Actor, case_id: str, reason: str, *, date_reason: str = ""
) -> Case:
    """Say why form and file belong to the same patient; needed before signing when they differ.

    Who the patient is and when the examination was made are asked apart; ``date_reason`` answers
    the second alone.

    The reason is kept in the thread of the case; the event names what was confirmed and holds
    the digest of the reason.
    """
    if not (reason.strip() or date_reason.strip()):
        raise InputRejected("identity.reason_needed")
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.CONFIRM_IDENTITY)
        case = unit.cases.save(
            answered(unit, case, reason, ctx.clock.now(), date_reason=date_reason)
        )
        said = say(ctx, unit, actor, case.id, kind="identity", text=case.identity_reason)
        unit.events.append(
            type="case.identity_confirmed",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={
                "fields": ",".join(mismatches(unit, case, ctx.clock.now())),
                "questioned": questioned(unit, case, ctx.clock.now()),
                "message": said.id,
                "reason_sha256": reason_digest(said.text),
            },
        )
        unit.commit()
    return case


def reason_digest(text: str) -> str:
    """What ties an event to the reason that a person wrote; hex, empty for no reason."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


def linked(ctx: Context, unit: Unit, actor: Actor, case: Case, person_id: str) -> Case:
    """The case as one of a person already known.

    Raises
    ------
    InputRejected
        The person is unknown or not visible.
    Conflict
        ``identity.link_differs``: form and known person disagree, so they are not linked.
    """
    if not person_id or person_id == case.person_id:
        return case
    known = unit.persons.get(person_id)
    if known is None or not site_of(unit, actor, person_id):
        raise InputRejected("identity.unknown_person")
    form = unit.persons.get(case.person_id) or Patient(name="")
    today = local_day(unit, case.site_id, ctx.clock.now())
    differing = [item.field for item in compare(form, known, today=today)]
    if (form.age_on(today) is None) != (known.age_on(today) is None):
        differing.append("age_years")
    if differing:
        raise Conflict("identity.link_differs", fields=",".join(differing))
    before = case.person_id
    case = unit.cases.save(replace(case, person_id=person_id))
    unit.persons.forget_unused(before)  # an earlier link may have made it another case's too
    return case


def _candidates(unit: Unit, patient: Patient) -> dict[str, str]:
    found: dict[str, str] = {}
    for person_id in unit.persons.find_by_name(patient.name) if patient.name else ():
        other = unit.persons.get(person_id)
        if other is not None and _is_alike(patient, other):
            found[person_id] = "name"
    if patient.patient_id:
        for person_id in unit.persons.find_by_identifier(patient.issuer, patient.patient_id):
            found[person_id] = "identifier"
    if patient.id_number:
        for person_id in unit.persons.find_by_id_number(patient.id_number):
            found[person_id] = "id_number"
    return found


def _is_alike(left: Patient, right: Patient) -> bool:
    same_birth = left.birth_date is None or right.birth_date in {None, left.birth_date}
    same_name = normalise_name(left.name) == normalise_name(right.name)
    return same_name and same_birth and left.sex in {"", right.sex}


def site_of(unit: Unit, actor: Actor, person_id: str) -> str:
    """A visible site that knows a person by a case, a visit or a register; empty for none."""
    query = CaseQuery(site_ids=actor.visible_sites, person_id=person_id, limit=1)
    found = [case.site_id for case in unit.cases.find(query)]
    return next(iter(found or sorted(unit.visits.sites_of(person_id) & actor.visible_sites)), "")
