"""A film from another day does not go up as today's without a person's word."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime

import pytest
from support.county import START, County, content, outcome, small_film

from qiangji_app.domain.case import ClinicalRequest
from qiangji_app.domain.examination import STUDY_DATE
from qiangji_app.domain.person import IdentityKind, Patient
from qiangji_app.domain.workflow import State
from qiangji_app.printing.result_page import result_html
from qiangji_app.services import capture, identity, listing, results, review
from qiangji_app.services.triage import Outcome
from qiangji_app.web.api.cases import presenter
from qiangji_app.web.api.words import Json
from qiangji_datasets.errors import Conflict
from qiangji_datasets.messages import Language

OLD = datetime(1995, 6, 1, 9, 30)  # noqa: DTZ001 - as devices write it


def dated(at: datetime | None = None, study: str = "", person: Patient | None = None) -> Outcome:
    made = outcome(acquired_at=at, person=person)
    return replace(made, facts=made.facts | ({STUDY_DATE: study} if study else {}))


def drafted(county: County, made: Outcome) -> str:
    county.reader.outcomes[b"dated"] = made
    case_id = county.draft()
    county.upload(case_id, b"dated")
    return case_id


def view(county: County, case_id: str, login: str = "operator") -> Json:
    who = county.caller(login)
    return presenter(county.ctx, who).detail(listing.view_case(county.ctx, who.actor, case_id))


@pytest.mark.parametrize(
    ("made", "in_file"),
    [
        (dated(OLD), "1995-06-01 09:30"),
        (dated(START, "1995-06-01"), "1995-06-01"),
        (dated(), "文件里没有检查日期"),
        (dated(study="2031-01-01"), "2031-01-01"),
    ],
)
def test_a_file_of_another_day_blocks_until_a_person_says_why(
    county: County, made: Outcome, in_file: str
) -> None:
    case_id = drafted(county, made)
    actor = county.caller("operator").actor

    found = identity.differences(county.ctx, actor, case_id, Language.ZH)
    assert [(item.field, item.in_form, item.in_file) for item in found] == [
        ("examined_at", "送检 2026-03-02", in_file)
    ]
    with pytest.raises(Conflict, match="identity.mismatch"):
        capture.submit(county.ctx, actor, case_id)
    case = capture.submit(county.ctx, actor, case_id, date_reason="旧片,请与新片比较")

    assert case.state is State.SUBMITTED


def test_an_unknown_patients_old_film_is_questioned_too(county: County) -> None:
    case_id = drafted(county, dated(OLD))
    actor = county.caller("operator").actor
    unknown = Patient("无名氏", kind=IdentityKind.EMERGENCY)
    capture.set_request(county.ctx, actor, case_id, unknown, ClinicalRequest())
    county.read_all()

    with pytest.raises(Conflict, match="identity.mismatch"):
        capture.submit(county.ctx, actor, case_id)


def test_the_event_names_what_was_answered_for_and_the_thread_keeps_why(county: County) -> None:
    reason = "旧片,请与新片比较"
    case_id = drafted(county, dated(OLD))
    actor = county.caller("operator").actor

    identity.confirm_identity(county.ctx, actor, case_id, "", date_reason=reason)
    capture.submit(county.ctx, actor, case_id)

    with county.store.read() as unit:
        events = {row.type: row.payload for row in unit.events.of_case(case_id)}
        said = [(row.kind, row.text) for row in unit.cases.messages(case_id)]
    digest = hashlib.sha256(reason.encode()).hexdigest()
    assert said == [("identity", reason)]
    assert events["case.identity_confirmed"]["reason_sha256"] == digest
    assert events["case.submitted"]["identity_sha256"] == digest
    assert str(events["case.submitted"]["questioned"]).endswith(":examined_at=1995-06-01")


def test_the_date_travels_with_the_case_to_list_case_and_result(county: County) -> None:
    case_id = drafted(county, dated(OLD))
    actor = county.caller("operator").actor
    assert view(county, case_id)["is_old_examination"] is True
    capture.submit(county.ctx, actor, case_id, date_reason="旧片")
    county.clock.step(days=3)

    seen = view(county, case_id, "specialist")

    assert (seen["examined_on"], seen["examination"]) == ("1995-06-01", "old")
    assert seen["recordings"][0]["examined_at"] == "1995-06-01T09:30:00+08:00"
    assert seen["recordings"][0]["examination"] == "old"


def test_a_case_of_today_stays_one_of_today_however_long_it_waits(county: County) -> None:
    case_id = county.submitted()
    county.clock.step(days=5)

    seen = view(county, case_id, "specialist")

    assert (seen["examined_on"], seen["is_old_examination"]) == ("2026-03-02", False)


def test_a_signed_result_carries_the_date_of_an_old_film(county: County) -> None:
    signed = county.signed()

    document = results.result_document(county.ctx, county.caller("operator").actor, signed)

    assert (document.examined_on, document.is_old_examination) == (date(2026, 3, 2), False)


@pytest.mark.parametrize(
    ("made", "printed"),
    [
        (dated(OLD), "1995-06-01(不是送检当日)"),
        (dated(START), "<td>2026-03-02</td>"),
        (dated(), "<td>文件里没有</td>"),
    ],
)
def test_the_printed_result_says_of_which_day_it_is(
    county: County, made: Outcome, printed: str
) -> None:
    county.reader.records[b"dated"] = small_film()
    case_id = drafted(county, made)
    operator, specialist = county.caller("operator").actor, county.caller("specialist").actor
    capture.submit(county.ctx, operator, case_id, date_reason="旧片")
    review.claim(county.ctx, specialist, case_id)
    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)

    document = results.result_document(county.ctx, operator, case_id)

    assert printed in result_html(document, county.ctx.catalogue, Language.ZH)


def test_an_age_is_that_of_the_examination(county: County) -> None:
    person = Patient("赵某", sex="F", age_years=8 / 12)
    case_id = drafted(county, dated(OLD, person=person))
    actor = county.caller("operator").actor
    born = Patient("赵某", sex="F", birth_date=date(1960, 6, 1))
    capture.set_request(county.ctx, actor, case_id, born, ClinicalRequest())
    county.read_all()

    seen = view(county, case_id)
    found = identity.differences(county.ctx, actor, case_id, Language.ZH)

    assert seen["patient"]["age_text"] == "检查时 35 岁"
    assert seen["recordings"][0]["in_file"] == {"name": "赵某", "sex": "F", "age_text": "8 月龄"}
    assert [(item.in_form, item.in_file) for item in found if item.field == "age_years"] == [
        ("检查时 35 岁", "8 月龄")
    ]


def test_a_reason_answers_what_was_asked_and_no_later_question(county: County) -> None:
    case_id = drafted(county, dated(START, person=Patient("钱某", sex="F")))
    actor = county.caller("operator").actor
    identity.confirm_identity(county.ctx, actor, case_id, "设备上录错名字")
    county.clock.step(days=4)

    with pytest.raises(Conflict, match=r"identity\.mismatch") as asked:
        capture.submit(county.ctx, actor, case_id)
    assert asked.value.params == {"fields": "examined_at"}
    open_ones = {
        row["field"]: not row["is_answered"] for row in view(county, case_id)["differences"]
    }
    assert open_ones == {"examined_at": True, "name": False}
    case = capture.submit(county.ctx, actor, case_id, date_reason="上周的片,请会诊")

    assert len(case.identity_answers) == 2
    assert not any(not row["is_answered"] for row in view(county, case_id)["differences"])


def test_an_answer_given_before_a_file_was_read_does_not_cover_what_it_says(
    county: County,
) -> None:
    case_id = county.draft()
    county.upload(case_id)
    actor = county.caller("operator").actor
    identity.confirm_identity(county.ctx, actor, case_id, "同一人")
    county.reader.outcomes[b"film"] = dated(OLD)
    patient = Patient("赵某", sex="F", age_years=61)
    capture.set_request(county.ctx, actor, case_id, patient, ClinicalRequest())
    identity.confirm_identity(county.ctx, actor, case_id, "同一人")

    county.read_all()

    assert county.case(case_id).identity_reason == ""
    with pytest.raises(Conflict, match="identity.mismatch"):
        capture.submit(county.ctx, actor, case_id)


def test_a_reason_about_the_date_does_not_let_another_persons_file_through(
    county: County,
) -> None:
    stranger = Patient("钱某", sex="F", birth_date=date(1950, 1, 1))
    case_id = drafted(county, dated(OLD, person=stranger))
    actor = county.caller("operator").actor

    with pytest.raises(Conflict, match=r"identity\.mismatch") as asked:
        capture.submit(county.ctx, actor, case_id, date_reason="以前的检查,请会诊或对照")
    assert "name" in str(asked.value.params["fields"])
    assert "examined_at" not in str(asked.value.params["fields"])
    with pytest.raises(Conflict, match=r"identity\.mismatch") as asked:
        capture.submit(county.ctx, actor, case_id, identity_reason="设备上登记有误,已核对本人")
    assert asked.value.params == {"fields": "examined_at"}

    identity.confirm_identity(county.ctx, actor, case_id, "已核对本人")
    case = capture.submit(county.ctx, actor, case_id, date_reason="旧片")

    assert case.identity_reason == "已核对本人;旧片"
    assert all(row["is_answered"] for row in view(county, case_id)["differences"])
