"""The township's acts: draft, request form, identity, submission, withdrawal."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.county import START, County, outcome
from support.id_numbers import id_number

from qiangji_app.domain.case import ClinicalRequest, RecordingState, RequestedUrgency, TriageStatus
from qiangji_app.domain.person import IdentityKind, Patient
from qiangji_app.domain.workflow import State
from qiangji_app.services import capture, identity, recordings, review, uploading
from qiangji_app.web.api.cases import show
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted
from qiangji_datasets.messages import Language

PATIENT = Patient(name="赵某", sex="F", age_years=60)


def test_opening_a_case_twice_gives_the_same_draft(county: County) -> None:
    actor = county.caller("operator").actor
    case_id = str(uuid.uuid4())

    first = capture.open_case(county.ctx, actor, case_id, "cxr")
    again = capture.open_case(county.ctx, actor, case_id, "cxr")

    assert first.state is State.DRAFT
    assert again.id == first.id
    assert again.created_at == first.created_at


def test_a_draft_without_a_modality_takes_the_one_named_later(county: County) -> None:
    actor = county.caller("operator").actor
    case_id = county.draft(modality="")
    county.reader.outcomes[b"x"] = replace(outcome(), modality="")
    county.upload(case_id, b"x")

    named = capture.open_case(county.ctx, actor, case_id, "cxr")
    kept = capture.open_case(county.ctx, actor, case_id, "ecg")

    assert (named.modality, kept.modality) == ("cxr", "cxr")
    assert recordings.run_next(county.ctx)


def test_naming_the_modality_later_takes_the_old_reading_away_and_wakes_the_worker(
    county: County,
) -> None:
    actor = county.caller("operator").actor
    case_id = county.draft(modality="")
    county.reader.outcomes[b"x"] = replace(outcome(hints={"effusion": "likely"}), modality="")
    county.upload(case_id, b"x")
    woken = county.woken

    capture.open_case(county.ctx, actor, case_id, "cxr")

    assert county.woken == woken + 1
    assert county.case(case_id).triage is TriageStatus.PENDING
    with county.store.read() as unit:
        assert unit.cases.findings(case_id) == []
        assert [row.reading for row in unit.cases.recordings(case_id)] == [{}]
        assert unit.events.of_case(case_id)[-1].type == "case.modality_named"
    capture.open_case(county.ctx, actor, case_id, "cxr")
    assert county.woken == woken + 1


def test_a_case_id_of_somebody_else_is_refused(county: County) -> None:
    case_id = county.draft()

    with pytest.raises(Conflict, match="case.id_taken"):
        capture.open_case(county.ctx, county.caller("stranger").actor, case_id, "cxr")


@pytest.mark.parametrize(("case_id", "modality"), [("no", "cxr"), (str(uuid.uuid4()), "mri")])
def test_a_malformed_case_is_refused(county: County, case_id: str, modality: str) -> None:
    with pytest.raises(InputRejected):
        capture.open_case(county.ctx, county.caller("operator").actor, case_id, modality)


def test_a_specialist_sends_no_cases(county: County) -> None:
    with pytest.raises(NotPermitted):
        capture.open_case(county.ctx, county.caller("specialist").actor, str(uuid.uuid4()), "cxr")


def test_the_identity_number_fills_in_birth_date_and_sex(county: County) -> None:
    case_id = county.draft()
    patient = Patient(name="赵某", id_number=id_number("00000019600101002").lower())

    case = capture.set_request(
        county.ctx, county.caller("operator").actor, case_id, patient, ClinicalRequest()
    )

    with county.store.read() as unit:
        stored = unit.persons.get(case.person_id)
    assert stored is not None
    assert (stored.birth_date, stored.sex) == (date(1960, 1, 1), "F")


@pytest.mark.parametrize(
    ("patient", "code"),
    [
        (replace(PATIENT, id_number="123"), "identity.id_number"),
        (
            Patient("a", id_number=id_number("00000019600101002"), birth_date=date(1961, 1, 1)),
            "identity.id_number_birth_date",
        ),
        (
            Patient("a", id_number=id_number("00000019600101002"), sex="M"),
            "identity.id_number_sex",
        ),
        (replace(PATIENT, name="x" * 65), "form.too_long"),
        (replace(PATIENT, sex="X"), "form.sex"),
        (replace(PATIENT, age_years=131), "form.age"),
        (replace(PATIENT, age_years=-1), "form.age"),
        (replace(PATIENT, birth_date=date(1879, 12, 31)), "form.birth_date"),
        (replace(PATIENT, birth_date=date(2026, 3, 3)), "form.birth_date"),
    ],
)
def test_an_impossible_form_is_refused_with_its_field(
    county: County, patient: Patient, code: str
) -> None:
    case_id = county.draft()

    with pytest.raises(InputRejected, match=code):
        capture.set_request(
            county.ctx, county.caller("operator").actor, case_id, patient, ClinicalRequest()
        )


def test_a_newborn_has_a_birth_date_before_eight_in_the_morning(county: County) -> None:
    case_id = county.draft()
    county.clock.at = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)  # half past one on the 3rd, here
    number = id_number("00000020260303002")

    case = capture.set_request(
        county.ctx,
        county.caller("operator").actor,
        case_id,
        Patient("王某之子", id_number=number),
        ClinicalRequest(),
    )

    with county.store.read() as unit:
        stored = unit.persons.get(case.person_id)
    assert stored is not None
    assert stored.birth_date == date(2026, 3, 3)
    county.upload(case_id)
    assert county.reader.stated[-1]["age_years"] == 0


def test_a_changed_age_lets_the_ai_read_again(county: County) -> None:
    case_id = county.draft()
    recording_id = county.upload(case_id)
    actor = county.caller("operator").actor

    capture.set_request(county.ctx, actor, case_id, PATIENT, ClinicalRequest())
    assert not recordings.run_next(county.ctx)
    capture.set_request(
        county.ctx, actor, case_id, replace(PATIENT, age_years=30), ClinicalRequest()
    )

    case = county.case(case_id)
    assert case.triage is TriageStatus.PENDING
    assert recordings.run_next(county.ctx)
    assert county.reader.stated[-1]["age_years"] == 30
    assert recording_id


def test_a_file_that_could_not_be_read_is_tried_again_with_the_new_facts(county: County) -> None:
    case_id = county.draft()
    county.reader.outcomes[b"png"] = outcome(status="refused", state=RecordingState.REFUSED)
    county.upload(case_id, b"png")
    county.reader.outcomes[b"png"] = outcome()
    actor = county.caller("operator").actor

    capture.set_request(
        county.ctx, actor, case_id, replace(PATIENT, age_years=30), ClinicalRequest()
    )

    assert recordings.run_next(county.ctx)
    assert county.case(case_id).triage is TriageStatus.DONE


def test_submission_sends_the_case_up(county: County) -> None:
    case_id = county.submitted()

    case = county.case(case_id)
    assert case.state is State.SUBMITTED
    assert case.submitted_at == county.clock.now()
    assert case.triage is TriageStatus.DONE


def test_a_case_without_name_modality_or_file_is_not_sent(county: County) -> None:
    actor = county.caller("operator").actor
    nameless = county.draft(name="")
    county.upload(nameless)
    empty = county.draft()
    shapeless = county.draft(modality="")
    county.reader.outcomes[b"x"] = replace(outcome(), modality="")
    county.upload(shapeless, b"x")

    for case_id, code in (
        (nameless, "case.name_needed"),
        (empty, "case.no_file"),
        (shapeless, "case.modality_needed"),
    ):
        with pytest.raises(InputRejected, match=code):
            capture.submit(county.ctx, actor, case_id)


def test_the_first_recording_decides_the_modality(county: County) -> None:
    case_id = county.draft(modality="")
    county.reader.outcomes[b"ecg"] = outcome(modality="ecg")

    county.upload(case_id, b"ecg")

    assert county.case(case_id).modality == "ecg"


def test_submission_waits_for_files_that_are_being_read_but_not_for_ever(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    actor = county.caller("operator").actor
    uploading.start(
        county.ctx,
        actor,
        upload_id=upload_id,
        case_id=case_id,
        file_name="x",
        size=1,
        sha256=hashlib.sha256(b"x").hexdigest(),
    )
    uploading.append(county.ctx, actor, upload_id, 0, b"x")

    with pytest.raises(Conflict, match="recording.still_reading"):
        capture.submit(county.ctx, actor, case_id)
    county.clock.step(seconds=60)
    case = capture.submit(county.ctx, actor, case_id)

    assert (case.state, case.triage) == (State.SUBMITTED, TriageStatus.PENDING)


def test_a_refused_recording_needs_a_reason_to_go_up_and_then_does(county: County) -> None:
    case_id = county.draft()
    county.reader.outcomes[b"bad"] = outcome(status="refused", gate_codes=("film.rotated",))
    county.upload(case_id, b"bad")
    actor = county.caller("operator").actor

    with pytest.raises(Conflict, match="gate.override_needed"):
        capture.submit(county.ctx, actor, case_id)
    case = capture.submit(county.ctx, actor, case_id, override_reason="设备故障")

    assert case.state is State.SUBMITTED
    assert case.triage is TriageStatus.REFUSED


def _change_age(county: County, case_id: str, age_years: float) -> None:
    patient = replace(PATIENT, age_years=age_years)
    capture.set_request(
        county.ctx, county.caller("operator").actor, case_id, patient, ClinicalRequest()
    )


def test_another_age_does_not_send_a_refused_film_up_without_a_reason(county: County) -> None:
    case_id = county.draft()
    county.reader.outcomes[b"bad"] = outcome(status="refused", gate_codes=("film.rotated",))
    county.upload(case_id, b"bad")
    county.clock.step(minutes=5)
    actor = county.caller("operator").actor

    for age in (30, 31):
        _change_age(county, case_id, age)
        with pytest.raises(Conflict, match="recording.still_reading"):
            capture.submit(county.ctx, actor, case_id)
        county.clock.step(seconds=60)
        with pytest.raises(Conflict, match="gate.override_needed"):
            capture.submit(county.ctx, actor, case_id)
    county.reader.outcomes[b"bad"] = outcome(status="failed")
    assert recordings.run_next(county.ctx)
    with pytest.raises(Conflict, match="gate.override_needed"):
        capture.submit(county.ctx, actor, case_id)

    case = capture.submit(county.ctx, actor, case_id, override_reason="仅有此片")
    assert (case.state, case.triage) == (State.SUBMITTED, TriageStatus.FAILED)


def test_a_film_that_the_gate_passed_goes_up_unread_once_patience_is_over(county: County) -> None:
    case_id = county.draft()
    county.upload(case_id)
    county.reader.outcomes[b"film"] = outcome(status="refused", gate_codes=("film.rotated",))
    _change_age(county, case_id, 30)
    county.clock.step(seconds=60)

    case = capture.submit(county.ctx, county.caller("operator").actor, case_id)

    assert case.triage is TriageStatus.PENDING


def test_an_undecodable_file_alone_is_not_sent(county: County) -> None:
    case_id = county.draft()
    county.reader.outcomes[b"junk"] = outcome(status="refused", state=RecordingState.REFUSED)
    county.upload(case_id, b"junk")

    with pytest.raises(InputRejected, match="case.nothing_readable"):
        capture.submit(county.ctx, county.caller("operator").actor, case_id, override_reason="x")


def test_a_different_name_in_the_file_blocks_until_a_person_confirms(county: County) -> None:
    case_id = county.draft()
    county.reader.outcomes[b"other"] = outcome(person=Patient("钱某", sex="M"))
    county.upload(case_id, b"other")
    actor = county.caller("operator").actor

    found = identity.differences(county.ctx, actor, case_id, Language.ZH)
    assert [(item.field, item.in_form, item.in_file) for item in found] == [
        ("name", "赵某", "钱某"),
        ("sex", "F", "M"),
    ]
    with pytest.raises(Conflict, match="identity.mismatch"):
        capture.submit(county.ctx, actor, case_id)
    case = capture.submit(county.ctx, actor, case_id, identity_reason="核对身份证")

    assert case.identity_reason == "核对身份证"


def test_a_childs_form_on_an_adults_film_shows_both_ages(county: County) -> None:
    case_id = county.draft()
    in_file = Patient("赵某", sex="F", birth_date=date(1940, 1, 1))
    county.reader.outcomes[b"old"] = outcome(person=in_file)
    county.upload(case_id, b"old")
    actor = county.caller("operator").actor
    child = replace(PATIENT, age_years=6)
    capture.set_request(county.ctx, actor, case_id, child, ClinicalRequest())

    found = identity.differences(county.ctx, actor, case_id, Language.ZH)

    assert [(item.field, item.in_form, item.in_file) for item in found] == [
        ("age_years", "6 岁", "86 岁")
    ]
    later = replace(PATIENT, birth_date=date(1960, 5, 1), age_years=None)
    capture.set_request(county.ctx, actor, case_id, later, ClinicalRequest())
    found = identity.differences(county.ctx, actor, case_id, Language.ZH)
    assert [(item.field, item.in_form) for item in found] == [("birth_date", "1960-05-01")]


def of_nobody(county: County) -> str:
    """A draft of somebody without a name, who cannot be compared with any file."""
    case_id = county.draft()
    nobody = Patient("无名氏", IdentityKind.EMERGENCY)
    actor = county.caller("operator").actor
    capture.set_request(county.ctx, actor, case_id, nobody, ClinicalRequest())
    return case_id


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (Patient("钱某", sex="M"), Patient("孙某", sex="M"), [("name", "钱某", "孙某")]),
        (Patient("钱某", sex="M"), Patient("钱 某", sex="F"), [("sex", "M", "F")]),
        (Patient("", patient_id="1"), Patient("", patient_id="2"), [("patient_id", "1", "2")]),
        (Patient("", age_years=30), Patient("", age_years=31), []),
        (Patient("钱某"), Patient(""), []),
        (
            Patient("", birth_date=date(1960, 1, 1)),
            Patient("", birth_date=date(1990, 1, 1)),
            [("birth_date", "1960-01-01", "1990-01-01")],
        ),
    ],
)
def test_files_of_different_persons_in_one_request_are_a_question(
    county: County, first: Patient, second: Patient, told: list[tuple[str, str, str]]
) -> None:
    case_id = of_nobody(county)
    for name, person in ((b"first", first), (b"second", second)):
        county.reader.outcomes[name] = outcome(person=person)
        county.upload(case_id, name)
    actor = county.caller("operator").actor

    found = identity.differences(county.ctx, actor, case_id, Language.ZH)

    assert [(item.field, item.in_form, item.in_file) for item in found] == told
    assert all(item.other_file for item in found)
    if told:
        with pytest.raises(Conflict, match="identity.mismatch"):
            capture.submit(county.ctx, actor, case_id)
        identity.confirm_identity(county.ctx, actor, case_id, "同一人,设备录错")
    assert capture.submit(county.ctx, actor, case_id).state is State.SUBMITTED


def test_what_is_asked_against_the_form_is_not_asked_again_between_files(county: County) -> None:
    case_id = county.draft()
    adult = replace(PATIENT, birth_date=date(1960, 5, 1), age_years=None)
    actor = county.caller("operator").actor
    capture.set_request(county.ctx, actor, case_id, adult, ClinicalRequest())
    people = (Patient("赵某", age_years=66), Patient("钱某", birth_date=date(1990, 1, 1)))
    for name, person in zip((b"first", b"second"), people, strict=True):
        county.reader.outcomes[name] = outcome(person=person)
        county.upload(case_id, name)

    found = identity.differences(county.ctx, actor, case_id, Language.ZH)

    assert [(item.field, item.other_file) for item in found] == [("name", ""), ("birth_date", "")]


def test_ages_of_two_files_are_compared_as_of_one_day(county: County) -> None:
    case_id = of_nobody(county)
    for name, age, at in ((b"old", 30, START - timedelta(days=3653)), (b"new", 40, START)):
        county.reader.outcomes[name] = outcome(person=Patient("", age_years=age), acquired_at=at)
        county.upload(case_id, name)

    actor = county.caller("operator").actor
    found = identity.differences(county.ctx, actor, case_id, Language.ZH)

    assert [item.field for item in found] == ["examined_at"]


def test_identity_is_confirmed_with_a_reason_only(county: County) -> None:
    case_id = county.draft()
    actor = county.caller("operator").actor

    with pytest.raises(InputRejected, match="identity.reason_needed"):
        identity.confirm_identity(county.ctx, actor, case_id, " ")
    case = identity.confirm_identity(county.ctx, actor, case_id, "同一人")

    assert case.identity_reason == "同一人"


def test_an_erased_person_mismatches_nothing(county: County) -> None:
    case_id = county.draft()
    case = county.case(case_id)
    with county.store.begin() as unit:
        unit.persons.erase(case.person_id)
        unit.commit()

    actor = county.caller("operator").actor
    assert identity.differences(county.ctx, actor, case_id, Language.ZH) == ()
    assert identity.duplicates(county.ctx, actor, case_id) == []


def test_duplicates_are_found_by_number_identifier_and_name(county: County) -> None:
    actor = county.caller("operator").actor
    number = id_number("00000019600101002")
    for patient in (
        Patient("赵某", id_number=number),
        Patient("钱某", issuer="H", patient_id="17"),
        Patient("孙某", birth_date=date(1970, 1, 1)),
        Patient("孙某", birth_date=date(1990, 1, 1)),
    ):
        known = county.draft()
        capture.set_request(county.ctx, actor, known, patient, ClinicalRequest())

    def reasons(patient: Patient) -> list[str]:
        case_id = county.draft()
        capture.set_request(county.ctx, actor, case_id, patient, ClinicalRequest())
        return [item.reason for item in identity.duplicates(county.ctx, actor, case_id)]

    assert "id_number" in reasons(Patient("另名", id_number=number))
    assert reasons(Patient("李某", issuer="H", patient_id="17")) == ["identifier"]
    assert reasons(Patient("李某二", issuer="G", patient_id="17")) == []
    assert reasons(Patient("孙某", birth_date=date(1970, 1, 1))) == ["name"]
    assert reasons(Patient("无名氏", kind=IdentityKind.EMERGENCY)) == []
    assert reasons(Patient("")) == []


def test_a_duplicate_of_another_site_is_not_shown(county: County) -> None:
    theirs = county.draft(by="stranger", name="周某")
    ours = county.draft(name="周某")

    assert identity.duplicates(county.ctx, county.caller("operator").actor, ours) == []
    assert theirs != ours


def test_submitting_can_link_a_known_person(county: County) -> None:
    known = county.case(county.submitted()).person_id
    case_id = county.draft()
    county.upload(case_id)
    typed = county.case(case_id).person_id
    actor = county.caller("operator").actor

    case = capture.submit(county.ctx, actor, case_id, person_id=known)

    assert case.person_id == known
    with county.store.read() as unit:
        assert unit.persons.get(typed) is None


@pytest.mark.parametrize(
    ("patient", "fields"),
    [
        (Patient("赵某", sex="M", age_years=60), "sex"),
        (Patient("赵某", sex="F", age_years=8), "age_years"),
        (Patient("赵某", sex="F"), "age_years"),
    ],
)
def test_a_person_who_differs_from_the_form_is_not_linked(
    county: County, patient: Patient, fields: str
) -> None:
    actor = county.caller("operator").actor
    other = county.draft()
    capture.set_request(county.ctx, actor, other, patient, ClinicalRequest())
    case_id = county.draft()
    county.upload(case_id)

    with pytest.raises(Conflict) as refused:
        capture.submit(county.ctx, actor, case_id, person_id=county.case(other).person_id)

    assert (refused.value.code, refused.value.params["fields"]) == (
        "identity.link_differs",
        fields,
    )


def test_correcting_a_linked_case_leaves_the_other_cases_person_alone(county: County) -> None:
    signed = county.signed()
    person_id = county.case(signed).person_id
    actor = county.caller("operator").actor
    case_id = county.draft()
    county.upload(case_id)
    capture.submit(county.ctx, actor, case_id, person_id=person_id)
    specialist = county.caller("specialist").actor
    review.claim(county.ctx, specialist, case_id)
    review.return_case(county.ctx, specialist, case_id, "wrong_patient", "")

    capture.set_request(county.ctx, actor, case_id, Patient("王某", sex="M"), ClinicalRequest())

    with county.store.read() as unit:
        kept = unit.persons.get(person_id)
    assert kept is not None
    assert kept.name == "赵某"
    assert county.case(case_id).person_id != person_id


def test_linking_a_returned_case_anew_leaves_the_first_persons_name_on_their_report(
    county: County,
) -> None:
    first, second = county.signed(), county.signed()
    actor = county.caller("operator").actor
    case_id = county.draft()
    county.upload(case_id)
    capture.submit(county.ctx, actor, case_id, person_id=county.case(first).person_id)
    specialist = county.caller("specialist").actor
    review.claim(county.ctx, specialist, case_id)
    review.return_case(county.ctx, specialist, case_id, "wrong_patient", "")

    linked = capture.submit(county.ctx, actor, case_id, person_id=county.case(second).person_id)

    assert linked.person_id == county.case(second).person_id
    with county.store.read() as unit:
        kept = unit.persons.get(county.case(first).person_id)
    assert kept is not None
    assert kept.name == "赵某"


def test_reasons_given_for_other_files_do_not_hold_for_new_ones(county: County) -> None:
    county.reader.outcomes[b"other"] = outcome(person=Patient("钱某", sex="M"))
    county.reader.outcomes[b"third"] = outcome(person=Patient("孙某", sex="M"))
    case_id = county.draft()
    first = county.upload(case_id, b"other")
    actor = county.caller("operator").actor
    capture.submit(county.ctx, actor, case_id, identity_reason="曾用名")
    specialist = county.caller("specialist").actor
    review.claim(county.ctx, specialist, case_id)
    returned = review.return_case(county.ctx, specialist, case_id, "wrong_patient", "")
    assert (returned.identity_reason, returned.override_reason) == ("", "")
    capture.remove_recording(county.ctx, actor, case_id, first)

    county.upload(case_id, b"third")

    with pytest.raises(Conflict, match="identity.mismatch"):
        capture.submit(county.ctx, actor, case_id)


def _announced(county: County, case_id: str) -> str:
    upload_id = str(uuid.uuid4())
    uploading.start(
        county.ctx,
        county.caller("operator").actor,
        upload_id=upload_id,
        case_id=case_id,
        file_name="x",
        size=2,
        sha256=hashlib.sha256(b"xy").hexdigest(),
    )
    return upload_id


def test_submission_waits_for_a_file_while_bytes_of_it_come(county: County) -> None:
    case_id = county.draft()
    county.upload(case_id)
    actor, upload_id = county.caller("operator").actor, _announced(county, case_id)
    county.clock.step(minutes=31)  # since it was announced

    county.bytes_came_last(upload_id, county.clock.now() - timedelta(minutes=29))
    with pytest.raises(Conflict, match="upload.in_progress"):
        capture.submit(county.ctx, actor, case_id)
    county.bytes_came_last(upload_id, county.clock.now() - timedelta(minutes=30))

    assert capture.submit(county.ctx, actor, case_id).state is State.SUBMITTED


def test_submission_waits_for_a_file_just_announced_of_which_nothing_is_there(
    county: County,
) -> None:
    case_id = county.draft()
    county.upload(case_id)
    actor = county.caller("operator").actor
    county.ctx.blobs.abandon(_announced(county, case_id))

    with pytest.raises(Conflict, match="upload.in_progress"):
        capture.submit(county.ctx, actor, case_id)
    county.clock.step(minutes=30)

    assert capture.submit(county.ctx, actor, case_id).state is State.SUBMITTED


def test_an_unknown_person_cannot_be_linked(county: County) -> None:
    case_id = county.draft()
    county.upload(case_id)

    with pytest.raises(InputRejected, match="identity.unknown_person"):
        capture.submit(
            county.ctx, county.caller("operator").actor, case_id, person_id=str(uuid.uuid4())
        )


def test_a_withdrawal_needs_a_reason_and_keeps_it(county: County) -> None:
    case_id = county.submitted()
    actor = county.caller("operator").actor

    with pytest.raises(InputRejected, match="case.reason_needed"):
        capture.withdraw(county.ctx, actor, case_id, "")
    case = capture.withdraw(county.ctx, actor, case_id, "传错患者")

    assert case.state is State.WITHDRAWN
    with county.store.read() as unit:
        assert [row.text for row in unit.cases.messages(case_id)] == ["传错患者"]


def test_a_recording_is_removed_from_a_draft_only(county: County) -> None:
    case_id = county.draft()
    county.reader.outcomes[b"named"] = outcome(person=PATIENT)
    recording_id = county.upload(case_id)
    named_id = county.upload(case_id, b"named")
    actor = county.caller("operator").actor

    capture.remove_recording(county.ctx, actor, case_id, recording_id)
    capture.remove_recording(county.ctx, actor, case_id, named_id)

    with county.store.read() as unit:
        assert unit.cases.recordings(case_id) == []
        assert unit.persons.get(named_id) is None
    with pytest.raises(InputRejected, match="recording.not_found"):
        capture.remove_recording(county.ctx, actor, case_id, recording_id)


def test_a_strange_site_does_not_see_the_case(county: County) -> None:
    case_id = county.draft()

    with pytest.raises(NotFound):
        capture.submit(county.ctx, county.caller("stranger").actor, case_id)


def test_chest_pain_makes_a_case_urgent_whatever_the_ai_says(county: County) -> None:
    case_id = county.submitted()
    assert county.case(case_id).urgency_level == 0
    other = county.draft()
    county.set_request(other, RequestedUrgency.CHEST_PAIN)
    county.upload(other)

    assert county.case(other).urgency_level == 3


def test_a_file_put_in_twice_names_the_first(county: County) -> None:
    case_id = county.draft()
    county.upload(case_id, b"other")
    county.upload(case_id, b"other")

    seen = show(county.ctx, county.caller("operator"), case_id)["recordings"]

    twins = [row for row in seen if row["same_as"]]
    assert [row["same_as"] for row in twins] == [seen[-2]["file_name"]]
