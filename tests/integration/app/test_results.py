"""The signed result as a document: a picture that cannot be shown is named, never left out."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from support.county import County, content, outcome, small_film

from qiangji_app.domain.case import ClinicalRequest, RecordingState
from qiangji_app.domain.person import Patient
from qiangji_app.printing.result_page import result_html
from qiangji_app.services import capture, review
from qiangji_app.services.results import NotShown, result_document
from qiangji_app.services.triage import failed_outcome, refused_outcome
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.messages import Language


def _signed_with(county: County, *files: bytes) -> str:
    case_id = county.draft()
    for data in files:
        county.upload(case_id, data)
    operator, specialist = county.caller("operator").actor, county.caller("specialist").actor
    capture.submit(county.ctx, operator, case_id, override_reason="仅有此片")
    review.claim(county.ctx, specialist, case_id)
    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)
    return case_id


def _page(county: County, case_id: str, language: Language) -> str:
    document = result_document(county.ctx, county.caller("operator").actor, case_id)
    return result_html(document, county.ctx.catalogue, language)


def test_a_picture_that_no_reader_opens_is_named_beside_those_that_are_shown(
    county: County,
) -> None:
    county.reader.records[b"good"] = small_film()
    case_id = _signed_with(county, b"good", b"broken")

    actor = county.caller("operator").actor
    document = result_document(county.ctx, actor, case_id)

    assert len(document.pictures) == 1
    assert document.not_shown == [NotShown(2, "file.unknown")]
    assert "第 2 份检查未显示" in _page(county, case_id, Language.ZH)
    english = _page(county, case_id, Language.EN)
    assert "Recording 2 not shown" in english
    assert "data:image/png;base64" in english


@pytest.mark.parametrize(
    ("patient", "zh", "en"),
    [
        (Patient("李某", sex="F", age_years=17.6), "<td>17 岁</td>", "<td>17 years</td>"),
        (Patient("李某", sex="F", age_years=0.42), "<td>5 月龄</td>", "<td>5 months</td>"),
        (Patient("李某", birth_date=date(2026, 2, 27)), "<td>3 日龄</td>", "<td>3 days</td>"),
        (Patient("李某"), "<td>—</td>", "<td>—</td>"),
    ],
)
def test_a_result_tells_an_age_in_completed_years_months_or_days_of_its_site(
    county: County, patient: Patient, zh: str, en: str
) -> None:
    county.clock.at = datetime(2026, 3, 2, 17, tzinfo=UTC)  # the 3rd, here
    county.reader.records[b"film"] = small_film()
    case_id = county.draft()
    actor = county.caller("operator").actor
    capture.set_request(county.ctx, actor, case_id, patient, ClinicalRequest())
    county.upload(case_id)
    capture.submit(county.ctx, actor, case_id)
    specialist = county.caller("specialist").actor
    review.claim(county.ctx, specialist, case_id)
    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)

    assert zh in _page(county, case_id, Language.ZH)
    assert en in _page(county, case_id, Language.EN)


def test_a_file_that_is_gone_from_the_disk_does_not_take_the_report_with_it(
    county: County,
) -> None:
    case_id = _signed_with(county, b"film")
    digest = hashlib.sha256(b"film").hexdigest()
    county.ctx.blobs._target(digest).unlink()  # type: ignore[attr-defined]

    document = result_document(county.ctx, county.caller("operator").actor, case_id)

    assert [(row.number, row.code) for row in document.not_shown] == [(1, "storage.blob_missing")]
    assert "未见明显异常" in _page(county, case_id, Language.ZH)


def test_recordings_that_were_refused_or_never_read_are_named_with_their_reason(
    county: County,
) -> None:
    county.reader.outcomes[b"bad"] = refused_outcome(InputRejected("picture.damaged"))
    county.reader.outcomes[b"lost"] = failed_outcome(None, "file.reader_killed")
    county.reader.records[b"good"] = small_film()
    case_id = _signed_with(county, b"good", b"bad", b"lost")
    with county.store.read() as unit:
        report = unit.cases.signed(case_id)[0]
        kept = {row.blob_sha256 for row in unit.cases.recordings(case_id)}

    document = result_document(county.ctx, county.caller("operator").actor, case_id)

    assert len(document.pictures) + len(document.not_shown) == len(report.recording_sha256)
    assert kept >= set(report.recording_sha256)
    codes = {row.code for row in document.not_shown}
    assert codes <= {"picture.damaged", "file.unknown"}
    assert "file.unknown" in codes


def test_a_signed_recording_that_is_no_longer_in_the_case_is_named(county: County) -> None:
    county.reader.records[b"film"] = small_film()
    case_id = _signed_with(county, b"film")
    with county.store.begin() as unit:
        [row] = unit.cases.recordings(case_id)
        unit.cases.save_recording(replace(row, blob_sha256="f" * 64))
        unit.commit()

    assert "该检查已不在病例中" in _page(county, case_id, Language.ZH)


@pytest.mark.parametrize("facts", [{}, {"refusal": "damaged"}])
def test_a_refusal_without_its_reason_is_looked_up_in_the_file(
    county: County, facts: dict[str, object]
) -> None:
    county.reader.outcomes[b"bad"] = replace(outcome(), state=RecordingState.REFUSED, facts=facts)
    county.reader.records[b"good"] = small_film()
    case_id = _signed_with(county, b"good", b"bad")

    document = result_document(county.ctx, county.caller("operator").actor, case_id)

    with county.store.read() as unit:
        report = unit.cases.signed(case_id)[0]
    assert len(document.pictures) + len(document.not_shown) == len(report.recording_sha256)


def test_a_report_that_names_no_site_shows_where_its_signer_works_now(county: County) -> None:
    county.reader.records[b"film"] = small_film()
    case_id = county.signed()
    with county.store.begin() as unit:
        signed = unit.cases.signed(case_id)[0]
        early = replace(signed, signer_site="", signer_site_id="", digest_version=1)
        unit.cases.add_signed(replace(early, version=2))
        unit.cases.add_signed(replace(early, version=3, signer_id="gone"))
        unit.commit()
    actor = county.caller("operator").actor

    assert result_document(county.ctx, actor, case_id, 2).reading_site == "县医院"
    assert result_document(county.ctx, actor, case_id, 3).reading_site == ""


def test_every_picture_names_its_patient_and_an_older_version_is_stamped_on_each(
    county: County,
) -> None:
    county.reader.records[b"film"] = small_film()
    case_id = county.signed()
    specialist = county.caller("specialist")
    review.amend(county.ctx, specialist.actor, case_id, "左右写反")
    review.save_draft(county.ctx, specialist.actor, case_id, content("左侧气胸。"))
    county.sign(county.unlocked("specialist"), case_id)
    actor = county.caller("township").actor

    pages = {
        version: result_html(
            result_document(county.ctx, actor, case_id, version), county.ctx.catalogue, Language.ZH
        )
        for version in (1, 2)
    }

    picture = {version: page.split('<section class="film">')[1] for version, page in pages.items()}
    for shown in picture.values():
        assert "<b>赵某</b>" in shown
        assert case_id[-8:] in shown
    assert pages[1].count("已被修订:请看第 2 版") == 2
    assert "已被修订" in picture[1]
    assert "已被修订" not in pages[2]
    assert "修改原因:左右写反" in pages[2]


def test_a_result_says_where_the_advice_was_left_blank(county: County) -> None:
    case_id = county.claimed()
    caller = county.unlocked("specialist")
    review.save_draft(county.ctx, caller.actor, case_id, replace(content(), advice=""))
    county.sign(caller, case_id)

    assert "报告医师未填写" in _page(county, case_id, Language.ZH)
