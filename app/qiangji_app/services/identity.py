"""Is it the right patient: form against files, people already known, one person or another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from qiangji_app.domain.case import Case, Recording
from qiangji_app.domain.person import IdentityKind, Patient, compare, normalise_name
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.workflow import Action
from qiangji_app.ports import CaseQuery, Unit
from qiangji_app.services.access import require, visible_case
from qiangji_app.services.ages import age_text, local_day
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_REASON, whole
from qiangji_datasets.errors import Conflict, InputRejected
from qiangji_datasets.messages import Catalogue, Language


@dataclass(frozen=True)
class Difference:
    """One field in which a file disagrees with the form; values for the eyes of the desk only."""

    recording_id: str
    file_name: str
    field: str
    in_form: str
    in_file: str


@dataclass(frozen=True)
class Differing:
    """One field in which the identity in a file disagrees with the form."""

    recording: Recording
    form: Patient
    in_file: Patient
    field: str


def mismatches(unit: Unit, case: Case) -> tuple[str, ...]:
    """Names of the fields in which any file disagrees with the form."""
    return tuple(dict.fromkeys(item.field for item in differing(unit, case)))


def differences(
    ctx: Context, actor: Actor, case_id: str, language: Language
) -> tuple[Difference, ...]:
    """Where form and files differ, with both values."""
    with ctx.store.read() as unit:
        case = visible_case(unit, actor, case_id)
        today = _day_of(unit, case)
        found = list(differing(unit, case))
    return tuple(described(item, today, ctx.catalogue, language) for item in found)


def described(item: Differing, today: date, catalogue: Catalogue, language: Language) -> Difference:
    """The two values in words; ages as of ``today``."""

    def shown(patient: Patient) -> str:
        if item.field == "age_years":
            return age_text(patient, today, catalogue, language)
        return _shown(patient, item.field)

    return Difference(
        recording_id=item.recording.id,
        file_name=item.recording.file_name,
        field=item.field,
        in_form=shown(item.form),
        in_file=shown(item.in_file),
    )


def differing(unit: Unit, case: Case) -> Iterator[Differing]:
    """Every field of every file that disagrees with the form."""
    form = unit.persons.get(case.person_id)
    if form is None:
        return
    today = _day_of(unit, case)
    for recording in unit.cases.recordings(case.id):
        in_file = unit.persons.get(recording.id)
        for item in compare(form, in_file, today=today) if in_file is not None else ():
            yield Differing(recording, form, in_file or form, item.field)


def _day_of(unit: Unit, case: Case) -> date:
    return local_day(unit, case.site_id, case.submitted_at or case.created_at)


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
            site_id = _site_of(unit, actor, person_id)
            if person_id not in known and other is not None and site_id:
                found.append(Duplicate(person_id, other, site_id, reason))
        return found


def confirm_identity(ctx: Context, actor: Actor, case_id: str, reason: str) -> Case:
    """Say why form and file belong to the same patient; needed before signing when they differ."""
    if not reason.strip():
        raise InputRejected("identity.reason_needed")
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.CONFIRM_IDENTITY)
        case = unit.cases.save(replace(case, identity_reason=whole(reason, MAX_REASON)))
        unit.events.append(
            type="case.identity_confirmed",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"fields": ",".join(mismatches(unit, case))},
        )
        unit.commit()
    return case


def own_person(ctx: Context, unit: Unit, case: Case) -> Case:
    """The case with a person row that no other case uses, so that editing it changes no other.

    A signed result prints its own case's person; a later correction elsewhere must not reach it.
    """
    query = CaseQuery(person_id=case.person_id, limit=2)
    if all(other.id == case.id for other in unit.cases.find(query)):
        return case
    unlinked = replace(case, person_id=ctx.ids.new())
    unit.persons.add(unlinked.person_id, Patient(name=""))
    return unlinked


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
    if known is None or not _site_of(unit, actor, person_id):
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


def _site_of(unit: Unit, actor: Actor, person_id: str) -> str:
    query = CaseQuery(site_ids=actor.visible_sites, person_id=person_id, limit=1)
    found = unit.cases.find(query)
    return found[0].site_id if found else ""
