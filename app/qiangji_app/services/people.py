"""Who a village or township doctor may look up: the people of the own site and those below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from qiangji_app.domain.case import ClinicalRequest
from qiangji_app.domain.person import IdentityKind, Patient, normalise_name, read_id_number
from qiangji_app.domain.roles import Actor, Role
from qiangji_app.ports import CaseQuery, Unit
from qiangji_app.services.access import require_role
from qiangji_app.services.ages import local_day
from qiangji_app.services.capture import check_lengths, completed
from qiangji_app.services.context import Context
from qiangji_app.services.identity import site_of
from qiangji_datasets.errors import InputRejected, NotFound

#: Who sees patients: they keep visits and registers.
DOCTORS: Final = (Role.VILLAGE_DOCTOR, Role.TOWNSHIP_DOCTOR)
#: A part of a name is looked for among so many people, the newest first; a full name among all.
SEARCHED_PEOPLE: Final = 300
_SHOWN: Final = 30


@dataclass(frozen=True)
class Known:
    """Somebody who is known at a visible site."""

    person_id: str
    patient: Patient
    site_id: str


def require_doctor(actor: Actor) -> None:
    """Refuse who does not see patients.

    Raises
    ------
    NotPermitted
        Neither village nor township doctor.
    """
    require_role(actor, *DOCTORS)


def visible_person(unit: Unit, actor: Actor, person_id: str) -> Known:
    """Somebody the actor may look up.

    Raises
    ------
    NotPermitted
        The actor is no doctor of a village or township.
    NotFound
        Unknown, erased, or of a site that is not the actor's; these look the same from outside.
    """
    require_doctor(actor)
    patient = unit.persons.get(person_id)
    site_id = site_of(unit, actor, person_id)
    if patient is None or not site_id:
        raise NotFound("patient.not_found")
    return Known(person_id, patient, site_id)


def same_person(unit: Unit, actor: Actor, person_id: str) -> frozenset[str]:
    """Ids under which this person is known at visible sites: itself, and who has the same
    identity number.

    Cases that were never linked have person rows of their own; a valid number is one person's.
    """
    patient = unit.persons.get(person_id)
    number = patient.id_number if patient else ""
    if not number or read_id_number(number, today=date.max) is None:
        return frozenset({person_id})
    others = unit.persons.find_by_id_number(number)
    return frozenset({person_id, *(one for one in others if site_of(unit, actor, one))})


def find_people(ctx: Context, actor: Actor, text: str) -> Sequence[Known]:
    """People by name, identity number or telephone; without a text those seen last."""
    require_doctor(actor)
    wanted = normalise_name(text)
    found: dict[str, Known] = {}
    with ctx.store.read() as unit:
        for person_id, site_id in _candidates(unit, actor, text):
            patient = unit.persons.get(person_id)
            if patient is None or person_id in found or not _is_named(patient, wanted):
                continue
            found[person_id] = Known(person_id, patient, site_id)
            if len(found) == _SHOWN:
                break
    return list(found.values())


def _candidates(unit: Unit, actor: Actor, text: str) -> Iterator[tuple[str, str]]:
    """Person and site: exact matches first, then the people of the newest visits and cases."""
    if text.strip():
        exact = (*unit.persons.find_by_id_number(text), *unit.persons.find_by_name(text))
        for person_id in exact:
            site_id = site_of(unit, actor, person_id)
            if site_id:
                yield person_id, site_id
    yield from unit.visits.people(actor.visible_sites, SEARCHED_PEOPLE)
    query = CaseQuery(site_ids=actor.visible_sites, limit=SEARCHED_PEOPLE)
    for case in unit.cases.find(query):
        yield case.person_id, case.site_id


def _is_named(patient: Patient, wanted: str) -> bool:
    if not normalise_name(patient.name):
        return False
    parts = (normalise_name(patient.name), patient.id_number, patient.phone)
    return not wanted or any(wanted in part for part in parts)


def add_person(ctx: Context, unit: Unit, actor: Actor, patient: Patient) -> str:
    """A new person; returns the id.

    Raises
    ------
    InputRejected
        ``patient.name_needed``, ``patient.age_needed``, or as a request form is refused.
    """
    check_lengths(patient, ClinicalRequest())
    today = local_day(unit, actor.site_id, ctx.clock.now())
    whole = completed(patient, today=today)
    if whole.kind is IdentityKind.KNOWN and not whole.name.strip():
        raise InputRejected("patient.name_needed")
    if whole.age_on(today) is None or not whole.sex:
        raise InputRejected("patient.age_needed")
    person_id = ctx.ids.new()
    unit.persons.add(person_id, whole)
    return person_id
