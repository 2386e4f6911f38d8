"""A correction of who a patient is reaches the draft or case it was typed into, nothing else."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from support import visiting
from support.county import County
from support.referrals import Referring, up_content

from qiangji_app.domain.case import ClinicalRequest
from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import Attachment, AttachmentKind, Referral
from qiangji_app.services import capture, referral_drafts, referring
from qiangji_app.services.referral_drafts import DraftForm, Prefill
from qiangji_datasets.errors import NotFound

REQUEST = ClinicalRequest()


@pytest.fixture
def people(county: County) -> Referring:
    return Referring(county)


def _typed(people: Referring, draft: Referral, name: str, by: str = "township") -> Referral:
    patient = Patient(name=name, sex="M", age_years=50)
    form = DraftForm(up_content(), "county", draft.home_site_id, (), patient)
    actor = people.county.caller(by).actor
    revision = people.stored(draft.id).revision
    return referral_drafts.edit_draft(people.ctx, actor, draft.id, revision, form)


def _patient(people: Referring, person_id: str) -> Patient:
    with people.county.store.read() as unit:
        found = unit.persons.get(person_id)
    assert found is not None
    return found


def test_a_name_typed_over_the_person_of_a_case_is_somebody_new(people: Referring) -> None:
    case_id = people.county.signed()
    draft = people.begun(attachments=(Attachment(AttachmentKind.CASE, case_id),))
    known = _patient(people, draft.person_id)
    form = DraftForm(up_content(), "county", "east", (), replace(known, patient_id="", issuer=""))
    actor = people.county.caller("township").actor
    detached = referral_drafts.edit_draft(
        people.ctx, actor, draft.id, draft.revision, replace(form, patient=None)
    )
    same = referral_drafts.edit_draft(people.ctx, actor, draft.id, detached.revision, form)

    changed = _typed(people, draft, "别人")
    again = _typed(people, draft, "别某")

    assert same.person_id == draft.person_id == people.county.case(case_id).person_id
    assert changed.person_id == again.person_id == people.stored(draft.id).person_id
    assert changed.person_id != draft.person_id
    assert _patient(people, draft.person_id) == known
    assert _patient(people, changed.person_id).name == "别某"


def test_a_name_typed_over_the_person_of_a_visit_or_of_another_referral_is_somebody_new(
    people: Referring,
) -> None:
    village = people.county.caller("village").actor
    visited = visiting.visit(people.county)
    sent = people.stored(people.sent("village"))
    for person_id in (visited.person_id, sent.person_id):
        before = _patient(people, person_id)
        draft = referral_drafts.draft_from(
            people.ctx, village, str(uuid.uuid4()), Prefill(person_id=person_id)
        )

        changed = _typed(people, draft, "别人", by="village")

        assert changed.person_id != person_id
        assert _patient(people, person_id) == before


def test_an_erased_person_is_not_typed_into_being_again(people: Referring) -> None:
    draft = people.filled()
    visited = visiting.visit(people.county)
    used = referral_drafts.draft_from(
        people.ctx,
        people.county.caller("village").actor,
        str(uuid.uuid4()),
        Prefill(person_id=visited.person_id),
    )
    with people.county.store.begin() as unit:
        unit.persons.erase(draft.person_id)
        unit.persons.erase(visited.person_id)
        unit.commit()

    with pytest.raises(NotFound, match=r"person\.not_found"):
        _typed(people, draft, "别人")
    assert _typed(people, used, "别人", by="village").person_id != visited.person_id


def test_correcting_a_case_changes_no_referral_that_was_sent_and_takes_its_drafts_along(
    people: Referring,
) -> None:
    county = people.county
    case_id, other = county.draft(), county.draft()
    carried = (Attachment(AttachmentKind.CASE, case_id),)
    operator, township = county.caller("operator").actor, county.caller("township").actor
    sent = people.begun(attachments=carried)
    form = DraftForm(up_content(), "county", "east", carried, None)
    referral_drafts.edit_draft(people.ctx, township, sent.id, sent.revision, form)
    draft = people.begun(attachments=carried)
    with_other = people.begun(attachments=(Attachment(AttachmentKind.CASE, other),))
    capture.set_request(people.ctx, operator, case_id, Patient("赵某某", sex="M"), REQUEST)
    assert county.case(case_id).person_id == sent.person_id
    referring.send(people.ctx, township, sent.id, people.act(sent.id))

    capture.set_request(people.ctx, operator, case_id, Patient("王某", sex="M"), REQUEST)
    first = county.case(case_id).person_id
    capture.set_request(people.ctx, operator, case_id, Patient("王某某", sex="M"), REQUEST)

    assert county.case(case_id).person_id == first != sent.person_id
    assert people.stored(draft.id).person_id == first
    assert people.stored(sent.id).person_id == sent.person_id
    assert people.stored(with_other.id).person_id == with_other.person_id
    assert _patient(people, sent.person_id).name == "赵某某"
    assert _patient(people, first).name == "王某某"
    referral_drafts.edit_draft(
        people.ctx, township, draft.id, people.stored(draft.id).revision, form
    )
