"""Recognition: a result of another site is opened with a reason, judged, and the owner sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from support.county import County, content, small_film
from support.id_numbers import id_number
from support.referrals import Referring, up_content

from qiangji_app.domain.case import ClinicalRequest
from qiangji_app.domain.person import Patient
from qiangji_app.domain.recognition import (
    Basis,
    RecognitionAct,
    RecognitionKind,
    Window,
    window_of,
)
from qiangji_app.domain.referral import Attachment, AttachmentKind, Direction
from qiangji_app.domain.roles import Role
from qiangji_app.ports import EventQuery
from qiangji_app.recognition_rules import RecognitionRules, recognition_rules, shipped_rules
from qiangji_app.services import capture, recognition, referral_drafts, referring, review
from qiangji_app.services.recognition import Grounds
from qiangji_app.services.recognition_evidence import evidence_of
from qiangji_app.services.referral_drafts import DraftForm
from qiangji_app.services.triage import failed_outcome, refused_outcome
from qiangji_datasets.errors import InputRejected, NotFound, NotPermitted, WrongState

NUMBER = id_number("00000019660304522")
PRESENT = Grounds(Basis.PRESENT, "visit", name="钱某", id_number=NUMBER, document="id_card")
RULES = replace(
    shipped_rules(), scope="东县", modalities=frozenset({"cxr"}), windows={"cxr": 30, "ecg": 0}
)


def signed_for(county: County, patient: Patient, *, data: bytes = b"film") -> str:
    """A film of a person, signed; ``good`` is sent against the gate."""
    county.reader.records.setdefault(data, small_film())
    operator, specialist = county.caller("operator").actor, county.caller("specialist").actor
    case_id = county.draft(name="")
    capture.set_request(county.ctx, operator, case_id, patient, ClinicalRequest())
    county.upload(case_id, data)
    capture.submit(
        county.ctx, operator, case_id, override_reason="仅有此片" if data != b"film" else ""
    )
    review.claim(county.ctx, specialist, case_id)
    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)
    return case_id


def referred(county: County, case_id: str) -> str:
    """The patient of a case, referred to the county."""
    people = Referring(county)
    carried = (Attachment(AttachmentKind.CASE, case_id),)
    draft = people.begun(attachments=carried)
    form = DraftForm(up_content(), "county", draft.home_site_id, carried, None)
    actor = county.caller("township").actor
    referral_drafts.edit_draft(county.ctx, actor, draft.id, draft.revision, form)
    referring.send(county.ctx, actor, draft.id, people.act(draft.id))
    return draft.id


@pytest.fixture
def case_id(county: County) -> str:
    patient = Patient(name="钱某", sex="F", id_number=NUMBER)
    return signed_for(county, patient)


def _find(county: County, grounds: Grounds, by: str = "stranger") -> list[recognition.FoundResult]:
    return recognition.find_results(county.ctx, county.caller(by).actor, RULES, grounds)


def _open(county: County, case_id: str, grounds: Grounds = PRESENT) -> RecognitionAct:
    actor = county.caller("stranger").actor
    return recognition.open_result(county.ctx, actor, RULES, grounds, case_id)


def test_a_person_who_is_present_and_identified_lets_another_site_find_their_result(
    county: County, case_id: str
) -> None:
    (found,) = _find(county, PRESENT)

    assert found.case.id == case_id
    assert not found.is_own
    assert found.evidence.mark == "东县HR"
    assert found.evidence.is_passed is True
    assert found.evidence.window is Window.WITHIN
    with county.store.read() as unit:
        (read,) = unit.reads.find(EventQuery(type="recognition.searched"))
    assert dict(read.payload) == {"basis": "present", "reason": "visit", "found": 1}


def test_nothing_is_marked_and_no_window_told_where_the_county_set_none(
    county: County, case_id: str
) -> None:
    actor = county.caller("stranger").actor

    (found,) = recognition.find_results(county.ctx, actor, shipped_rules(), PRESENT)

    assert found.case.id == case_id
    assert found.evidence.mark == ""
    assert found.evidence.window is Window.UNSET


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "孙某"}, "recognition.nobody"),
        ({"id_number": id_number("00000019660304524")}, "recognition.nobody"),
        ({"id_number": "123"}, "recognition.id_number"),
        ({"name": " "}, "recognition.name"),
        ({"document": "hearsay"}, "recognition.unknown_reason"),
        ({"reason": "curiosity"}, "recognition.unknown_reason"),
    ],
)
def test_a_person_who_is_not_identified_is_not_found(
    county: County, case_id: str, change: dict[str, str], code: str
) -> None:
    assert case_id
    with pytest.raises((NotFound, InputRejected), match=code):
        _find(county, replace(PRESENT, **change))  # type: ignore[arg-type]


def test_only_doctors_open_results_of_other_sites(county: County, case_id: str) -> None:
    for login in ("operator", "manager", "auditor"):
        with pytest.raises(NotPermitted):
            _find(county, PRESENT, by=login)
        with pytest.raises(NotPermitted):
            recognition.decide(county.ctx, county.caller(login).actor, RULES, case_id, "")


def test_an_opening_shows_the_signed_result_for_a_day_and_the_owner_sees_who_opened_it(
    county: County, case_id: str
) -> None:
    act = _open(county, case_id)
    stranger = county.caller("stranger").actor

    document, case = recognition.opened_document(county.ctx, stranger, act.id)

    assert case.id == case_id
    assert document.report.content.impression == "未见明显异常。"
    (seen,) = recognition.acts_on_own_results(county.ctx, county.caller("operator").actor)
    assert (seen.act, seen.actor_name, seen.patient_name) == (act, "Stranger", "钱某")
    assert recognition.acts_on_own_results(county.ctx, stranger) == []
    with county.store.read() as unit:
        (event,) = unit.events.find(EventQuery(type="recognition.opened"))
        (read,) = unit.reads.find(EventQuery(type="result.read"))
    assert dict(event.payload) == {
        "version": 1,
        "site": "west",
        "reason": "visit",
        "basis": "present",
        "document": "id_card",
    }
    assert read.payload["opening"] == act.id

    county.clock.step(hours=24)
    with pytest.raises(NotFound, match="recognition.not_open"):
        recognition.opened_document(county.ctx, stranger, act.id)
    (mine,) = recognition.own_acts(county.ctx, stranger)
    assert mine.patient_name == ""


def test_an_opening_is_its_doctors_alone(county: County, case_id: str) -> None:
    act = _open(county, case_id)

    with pytest.raises(NotFound, match="recognition.not_open"):
        recognition.opened_document(county.ctx, county.caller("receiving").actor, act.id)
    with pytest.raises(NotFound, match="recognition.not_open"):
        recognition.opened_document(county.ctx, county.caller("stranger").actor, "none")


def test_a_result_that_is_not_the_persons_or_not_signed_is_not_opened(county: County) -> None:
    signed = signed_for(county, Patient(name="钱某", sex="F", id_number=NUMBER))
    other = county.signed()
    draft = county.draft(name="")
    patient = Patient(name="钱某", sex="F", id_number=NUMBER)
    operator = county.caller("operator").actor
    capture.set_request(county.ctx, operator, draft, patient, ClinicalRequest())

    assert [row.case.id for row in _find(county, PRESENT)] == [signed]
    for case_id in (other, draft):
        with pytest.raises(NotFound, match="case.not_found"):
            _open(county, case_id)


def test_ones_own_result_needs_no_opening_and_no_recognition(county: County, case_id: str) -> None:
    actor = county.caller("township").actor

    with pytest.raises(WrongState, match="recognition.own_result"):
        recognition.open_result(county.ctx, actor, RULES, PRESENT, case_id)
    with pytest.raises(WrongState, match="recognition.own_result"):
        recognition.decide(county.ctx, actor, RULES, case_id, "")


def test_an_opened_result_is_recognised_or_refused_with_a_listed_reason(
    county: County, case_id: str
) -> None:
    stranger = county.caller("stranger").actor
    with pytest.raises(NotFound, match="case.not_found"):
        recognition.decide(county.ctx, stranger, RULES, case_id, "")
    _open(county, case_id)

    recognised = recognition.decide(county.ctx, stranger, RULES, case_id, "")
    refused = recognition.decide(county.ctx, stranger, RULES, case_id, "changed")
    with pytest.raises(InputRejected, match="recognition.unknown_reason"):
        recognition.decide(county.ctx, stranger, RULES, case_id, "mood")
    with pytest.raises(NotFound, match="case.not_found"):
        recognition.decide(county.ctx, stranger, RULES, "no such case", "")

    assert recognised.kind is RecognitionKind.RECOGNISED
    assert (refused.kind, refused.code) == (RecognitionKind.REFUSED, "changed")
    (found,) = _find(county, PRESENT)
    assert [act.kind.value for act in found.acts] == ["refused", "recognised", "opened"]
    with county.store.read() as unit:
        types = {event.type for event in unit.events.find(EventQuery(type="recognition"))}
    assert types == {"recognition.opened", "recognition.recognised", "recognition.refused"}


def test_the_county_judges_what_it_sees_anyhow(county: County, case_id: str) -> None:
    receiving = county.caller("receiving").actor

    act = recognition.decide(county.ctx, receiving, RULES, case_id, "decisive")

    assert act.site_id == "county"
    assert act.case_site_id == "east"


def test_a_referral_lets_the_asked_site_open_the_patients_results(
    county: County, case_id: str
) -> None:
    referral_id = referred(county, case_id)
    grounds = Grounds(Basis.REFERRAL, "referred", referral_id=referral_id)

    found = _find(county, grounds, by="receiving")

    assert case_id in [row.case.id for row in found]
    assert found[0].is_own
    waiting = recognition.referrals_here(county.ctx, county.caller("receiving").actor)
    assert [(row.id, row.patient_name) for row in waiting] == [(referral_id, "钱某")]
    for wrong in (grounds, replace(grounds, referral_id="none")):
        with pytest.raises(NotFound, match="recognition.no_referral"):
            _find(county, wrong, by="stranger")


def test_a_referral_made_for_oneself_opens_no_result(county: County, case_id: str) -> None:
    people, township = Referring(county), county.caller("township").actor
    patient = Patient(name="钱某", sex="F", id_number=NUMBER)
    draft = people.begun(direction=Direction.DOWN)
    form = DraftForm(up_content(), draft.target_site_id, "hill", (), patient)
    referral_drafts.edit_draft(county.ctx, township, draft.id, draft.revision, form)
    people.down(draft.id, "township")
    grounds = Grounds(Basis.REFERRAL, "referred", referral_id=draft.id)

    with pytest.raises(NotFound, match="recognition.no_referral"):
        _find(county, grounds, by="township")
    with pytest.raises(NotFound, match="recognition.no_referral"):
        recognition.open_result(county.ctx, township, RULES, grounds, case_id)
    assert recognition.referrals_here(county.ctx, township) == []


def test_a_villages_draft_that_the_asked_township_sent_itself_opens_no_result(
    county: County, case_id: str
) -> None:
    people, village = Referring(county), county.caller("village").actor
    draft = people.begun("village")
    form = DraftForm(
        up_content(), "east", "hill", (), Patient(name="钱某", sex="F", id_number=NUMBER)
    )
    referral_drafts.edit_draft(county.ctx, village, draft.id, draft.revision, form)
    grounds = Grounds(Basis.REFERRAL, "referred", referral_id=draft.id)
    township = county.caller("township").actor
    with pytest.raises(NotFound, match="recognition.no_referral"):
        _find(county, grounds, by="township")

    referring.send(county.ctx, township, draft.id, people.act(draft.id))

    with pytest.raises(NotFound, match="recognition.no_referral"):
        _find(county, grounds, by="township")
    assert recognition.referrals_here(county.ctx, township) == []
    by_village = people.sent("village", target="east")
    assert [row.id for row in recognition.referrals_here(county.ctx, township)] == [by_village]


@pytest.mark.parametrize(
    ("patient", "is_found"),
    [
        (Patient(name="钱某", sex="F", id_number=NUMBER), True),
        (Patient(name="孙某", sex="F", id_number=NUMBER), False),
        (Patient(name="钱某", sex="F", id_number="无"), False),
    ],
)
def test_a_referral_reaches_results_under_a_valid_number_and_the_same_name_only(
    county: County, case_id: str, patient: Patient, is_found: bool
) -> None:
    people, stranger = Referring(county), county.caller("stranger").actor
    draft = people.begun("stranger")
    form = DraftForm(up_content(), "county", "west", (), patient)
    referral_drafts.edit_draft(county.ctx, stranger, draft.id, draft.revision, form)
    referring.send(county.ctx, stranger, draft.id, people.act(draft.id))
    grounds = Grounds(Basis.REFERRAL, "referred", referral_id=draft.id)

    found = _find(county, grounds, by="receiving")

    assert [row.case.id for row in found] == ([case_id] if is_found else [])


def test_an_erased_patient_has_no_name_and_is_found_by_referral_alone(
    county: County, case_id: str
) -> None:
    referral_id = referred(county, case_id)
    _open(county, case_id)
    with county.store.begin() as unit:
        unit.persons.erase(county.case(case_id).person_id)
        unit.commit()

    grounds = Grounds(Basis.REFERRAL, "referred", referral_id=referral_id)

    assert [row.case.id for row in _find(county, grounds, by="receiving")] == [case_id]
    (row,) = recognition.acts_on_own_results(county.ctx, county.caller("manager").actor)
    assert row.patient_name == ""


def test_a_film_that_was_sent_against_the_gate_or_never_read_carries_no_mark(
    county: County,
) -> None:
    patient = Patient(name="钱某", sex="F", id_number=NUMBER)
    county.reader.outcomes[b"bad"] = refused_outcome(InputRejected("picture.damaged"))
    county.reader.outcomes[b"lost"] = failed_outcome(None, "file.reader_killed")
    refused = signed_for(county, patient, data=b"good")
    county.reader.outcomes[b"good"] = county.reader.outcomes[b"lost"]
    unread = signed_for(county, patient, data=b"lost")

    evidence = {row.case.id: row.evidence for row in _find(county, PRESENT)}

    assert evidence[refused].was_overridden
    assert evidence[refused].is_passed is False
    assert [row.is_passed for row in evidence[unread].recordings] == [None]
    assert {row.mark for row in evidence.values()} == {""}


def test_a_recording_that_the_gate_refused_is_named_with_its_codes(
    county: County, case_id: str
) -> None:
    (found,) = _find(county, PRESENT)
    quality = [{"code": "film.blank", "severity": "refuse"}, "no row"]
    with county.store.read() as unit:
        (row,) = unit.cases.recordings(case_id)
        with pytest.raises(NotFound, match="case.not_found"):
            recognition._case(unit, "none")

    evidence = evidence_of(
        found.case,
        found.report,
        [replace(row, reading={"status": "done", "quality": quality})],
        rules=RULES,
        zone=ZoneInfo("Asia/Shanghai"),
        now=county.clock.now(),
    )

    assert evidence.is_passed is False
    assert evidence.recordings[0].codes == ("film.blank",)
    assert evidence.mark == ""


def test_an_act_that_is_stored_states_its_reason(county: County) -> None:
    now = county.clock.now()
    facts = ("a1", "c1", 1)

    with pytest.raises(ValueError, match="a refusal has a reason"):
        RecognitionAct(*facts, RecognitionKind.REFUSED, "u1", "s1", "s2", now)
    with pytest.raises(ValueError, match="an opening has a basis"):
        RecognitionAct(*facts, RecognitionKind.OPENED, "u1", "s1", "s2", now, code="visit")
    with pytest.raises(ValueError, match="an opening has a basis"):
        RecognitionAct(*facts, RecognitionKind.OPENED, "u1", "s1", "s2", now, basis=Basis.PRESENT)


@pytest.mark.parametrize(
    ("day", "window"),
    [(29, Window.WITHIN), (30, Window.WITHIN), (31, Window.PAST)],
)
def test_the_last_day_of_a_window_is_within(day: int, window: Window) -> None:
    examined = date(2026, 3, 2)

    assert window_of(examined, 30, examined + timedelta(days=day)) is window
    assert window_of(None, 30, examined) is Window.UNSET
    assert window_of(examined, 0, examined) is Window.UNSET


COUNTY = '[mark]\nscope = "东县"\nmodalities = ["ecg"]\n[windows]\ncxr = 14\n'


def test_a_countys_file_sets_mark_and_windows(tmp_path: Path) -> None:
    file = tmp_path / "county.toml"
    file.write_text(COUNTY, "utf-8")

    rules: RecognitionRules = recognition_rules(file)

    assert recognition_rules(None) is shipped_rules()
    assert rules.mark == "东县HR"
    assert rules.windows == {"cxr": 14}
    assert rules.refusals == shipped_rules().refusals


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[mark",
        COUNTY.replace("14", "-1"),
        COUNTY.replace("cxr", "mri"),
        COUNTY.replace("东县", "东" * 21),
        COUNTY.replace('["ecg"]', "7"),
    ],
)
def test_a_countys_file_that_says_something_else_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "county.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(InputRejected, match="recognition.file"):
        recognition_rules(file)
    with pytest.raises(InputRejected, match="recognition.file"):
        recognition_rules(tmp_path / "none.toml")


def test_every_refusal_has_a_sentence_for_the_patient_and_a_source() -> None:
    for choice in shipped_rules().refusals:
        assert choice.patient_zh
        assert choice.patient_en
        assert choice.source
    assert Role.RECEIVING_DOCTOR in recognition.DOCTORS
