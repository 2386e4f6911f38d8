"""Which row of identity a case or a draft writes to, so that a correction changes nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qiangji_app.domain.case import Case
from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import Referral
from qiangji_app.domain.referral_workflow import ReferralState
from qiangji_app.ports import ReferralQuery, Unit
from qiangji_app.services.context import Context


def own_person(ctx: Context, unit: Unit, case: Case) -> Case:
    """The case with a person row that nothing else uses, so that editing it changes no other.

    A signed result prints its own case's person, a referral that was sent its own; a later
    correction elsewhere must not reach them. Drafts that carry this case alone go along.
    """
    drafts = _drafts_of(unit, case)
    if not unit.persons.is_used(case.person_id, besides=(case.id, *(one.id for one in drafts))):
        return case
    unlinked = replace(case, person_id=_new(ctx, unit))
    for draft in drafts:
        unit.referrals.save(replace(draft, person_id=unlinked.person_id))
    return unlinked


def person_as_typed(ctx: Context, unit: Unit, draft: Referral, patient: Patient) -> str:
    """Store what was typed into the form of a draft; the id of the row that holds it.

    A row that anything else uses stays as it is: somebody typed over it is somebody new.

    Raises
    ------
    NotFound
        ``person.not_found``: erased.
    """
    person_id = draft.person_id
    if unit.persons.is_used(person_id, besides=(draft.id,)):
        known = unit.persons.get(person_id)
        if known is not None and _is_untouched(patient, known):
            return person_id
        person_id = _new(ctx, unit)
    unit.persons.save(person_id, patient)
    return person_id


def _drafts_of(unit: Unit, case: Case) -> Sequence[Referral]:
    """Referrals not yet sent that carry this case and nothing else."""
    query = ReferralQuery(person_id=case.person_id, states=frozenset({ReferralState.DRAFT}))
    return [
        one
        for one in unit.referrals.find(query)
        if {item.id for item in one.attachments} == {case.id}
    ]


def _is_untouched(typed: Patient, known: Patient) -> bool:
    """True where the form says of the person what is known; it does not ask for the PatientID."""
    return replace(typed, patient_id=known.patient_id, issuer=known.issuer) == known


def _new(ctx: Context, unit: Unit) -> str:
    person_id = ctx.ids.new()
    unit.persons.add(person_id, Patient(name=""))
    return person_id
