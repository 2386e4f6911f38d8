"""The specialist's acts: claim, judge, write, sign, amend, return."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from support.county import PASSWORD, County, content, outcome

from qiangji_app.domain.case import Verdict
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import SignedReport, draft_digest
from qiangji_app.domain.workflow import State
from qiangji_app.services import (
    alarms,
    capture,
    followup,
    identity,
    listing,
    review,
    sessions,
    uploading,
)
from qiangji_app.services.calling import CallContent
from qiangji_app.web.api.cases import presenter
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted, WrongState


def signed_reports(county: County, case_id: str) -> list[SignedReport]:
    with county.store.read() as unit:
        return list(unit.cases.signed(case_id))


def test_a_claimed_case_belongs_to_one_specialist(county: County) -> None:
    case_id = county.claimed()

    again = review.claim(county.ctx, county.caller("specialist").actor, case_id)

    assert again.claimed_by == county.caller("specialist").actor.user_id
    with pytest.raises(Conflict, match="case.claimed_by_other"):
        review.claim(county.ctx, county.caller("specialist2").actor, case_id)


def test_a_specialist_without_the_modality_cannot_claim(county: County) -> None:
    case_id = county.submitted()

    with pytest.raises(NotPermitted, match="workflow.no_licence"):
        review.claim(county.ctx, county.caller("ecg_only").actor, case_id)


def test_releasing_gives_the_case_back_and_drops_the_draft(county: County) -> None:
    case_id = county.claimed()
    actor = county.caller("specialist").actor
    review.save_draft(county.ctx, actor, case_id, content())

    case = review.release(county.ctx, actor, case_id)

    assert (case.state, case.claimed_by) == (State.SUBMITTED, "")
    with county.store.read() as unit:
        assert unit.cases.draft(case_id) is None


def test_only_the_holder_writes_releases_and_signs(county: County) -> None:
    case_id = county.claimed()
    other = county.caller("specialist2").actor

    with pytest.raises(NotPermitted, match="workflow.not_holder"):
        review.save_draft(county.ctx, other, case_id, content())
    with pytest.raises(NotPermitted, match="workflow.not_holder"):
        review.release(county.ctx, other, case_id)


def test_a_return_carries_a_coded_reason_and_can_be_sent_again(county: County) -> None:
    case_id = county.claimed()
    actor = county.caller("specialist").actor

    with pytest.raises(InputRejected, match="return.unknown_reason"):
        review.return_case(county.ctx, actor, case_id, "because", "")
    with pytest.raises(InputRejected, match="return.text_needed"):
        review.return_case(county.ctx, actor, case_id, "other", " ")
    case = review.return_case(county.ctx, actor, case_id, "image_quality", "请重拍")

    assert (case.state, case.claimed_by) == (State.RETURNED, "")
    again = capture.submit(county.ctx, county.caller("operator").actor, case_id)
    assert again.state is State.SUBMITTED


def test_a_draft_report_is_seen_by_its_author_only(county: County) -> None:
    case_id = county.claimed()
    author = county.caller("specialist").actor
    review.save_draft(county.ctx, author, case_id, content("还没写完"))

    assert listing.view_case(county.ctx, author, case_id).draft is not None
    for login in ("specialist2", "operator", "township", "manager"):
        detail = listing.view_case(county.ctx, county.caller(login).actor, case_id)
        assert detail.draft is None
        assert detail.signed == []


def test_a_draft_that_is_too_long_or_names_an_unknown_label_is_refused(county: County) -> None:
    case_id = county.claimed()
    actor = county.caller("specialist").actor

    with pytest.raises(InputRejected, match="text.too_long"):
        review.save_draft(county.ctx, actor, case_id, content("长" * 8001))
    with pytest.raises(InputRejected, match="label.unknown"):
        review.save_draft(county.ctx, actor, case_id, replace(content(), findings=("x",)))


def test_a_reason_that_is_too_long_is_refused_not_cut(county: County) -> None:
    case_id = county.signed()
    actor = county.caller("specialist").actor

    with pytest.raises(InputRejected, match=r"text\.too_long"):
        review.amend(county.ctx, actor, case_id, "长" * 8001)
    draft = review.amend(county.ctx, actor, case_id, "长" * 8000)

    assert len(draft.amend_reason) == 8000


def test_a_draft_can_be_saved_again(county: County) -> None:
    case_id = county.claimed()
    actor = county.caller("specialist").actor
    review.save_draft(county.ctx, actor, case_id, content("一"))

    draft = review.save_draft(
        county.ctx, actor, case_id, replace(content("二"), findings=("effusion",))
    )

    assert draft.content.impression == "二"


def test_signing_needs_the_password_again_within_fifteen_minutes(county: County) -> None:
    case_id = county.claimed()
    caller = county.caller("specialist")
    review.save_draft(county.ctx, caller.actor, case_id, content())

    with pytest.raises(NotPermitted, match="sign.password_needed"):
        county.sign(caller, case_id)
    unlocked = county.unlocked("specialist")
    county.clock.step(minutes=15)
    with pytest.raises(NotPermitted, match="sign.password_needed"):
        county.sign(unlocked, case_id)
    report = county.sign(county.unlocked("specialist"), case_id)

    assert report.version == 1
    assert county.case(case_id).state is State.SIGNED


def test_nothing_is_signed_without_an_impression(county: County) -> None:
    case_id = county.claimed()
    caller = county.unlocked("specialist")

    with pytest.raises(InputRejected, match="sign.no_impression"):
        county.sign(caller, case_id)
    review.save_draft(county.ctx, caller.actor, case_id, content(" "))
    with pytest.raises(InputRejected, match="sign.no_impression"):
        county.sign(caller, case_id)


def test_only_what_the_signer_has_before_him_is_signed(county: County) -> None:
    case_id = county.claimed()
    caller = county.unlocked("specialist")
    on_screen = review.save_draft(county.ctx, caller.actor, case_id, content("未见异常。"))
    stored = review.save_draft(county.ctx, caller.actor, case_id, content("右侧气胸。"))

    with pytest.raises(Conflict, match=r"sign\.draft_changed"):
        review.sign(county.ctx, caller, case_id, draft_digest(on_screen.content))
    report = review.sign(county.ctx, caller, case_id, draft_digest(stored.content))

    assert report.content.impression == "右侧气胸。"


def test_flagged_hints_need_a_verdict_before_signing(county: County) -> None:
    county.reader.outcomes[b"flagged"] = outcome(
        hints={"effusion": "likely", "mass": "none", "no_finding": "likely"}
    )
    case_id = county.claimed(content=b"flagged")
    caller = county.unlocked("specialist")
    review.save_draft(county.ctx, caller.actor, case_id, content())

    with pytest.raises(Conflict) as refused:
        county.sign(caller, case_id)
    assert refused.value.params["labels"] == "effusion"
    hint = hint_of(county, case_id, "effusion")
    review.judge(county.ctx, caller.actor, case_id, hint, verdict=Verdict.ACCEPTED)
    report = county.sign(caller, case_id)

    assert report.ai_assisted


def hint_of(county: County, case_id: str, label: str) -> str:
    with county.store.read() as unit:
        return next(row.id for row in unit.cases.findings(case_id) if row.label == label)


def test_a_verdict_is_edited_with_a_label_and_can_be_taken_back(county: County) -> None:
    county.reader.outcomes[b"flagged"] = outcome(hints={"effusion": "possible"})
    case_id = county.claimed(content=b"flagged")
    actor = county.caller("specialist").actor
    hint = hint_of(county, case_id, "effusion")

    with pytest.raises(InputRejected, match="label.unknown"):
        review.judge(county.ctx, actor, case_id, hint, verdict=Verdict.EDITED)
    edited = review.judge(
        county.ctx, actor, case_id, hint, verdict=Verdict.EDITED, edited_label="pneumonia"
    )
    taken_back = review.judge(county.ctx, actor, case_id, hint, verdict=Verdict.OPEN)

    assert (edited.verdict_label, edited.verdict_by) == ("pneumonia", actor.user_id)
    assert (taken_back.verdict_label, taken_back.verdict_by) == ("", "")


def test_a_hint_of_another_case_cannot_be_judged(county: County) -> None:
    county.reader.outcomes[b"flagged"] = outcome(hints={"effusion": "possible"})
    other = hint_of(county, county.submitted(content=b"flagged"), "effusion")
    case_id = county.claimed()

    with pytest.raises(NotFound, match="finding.not_found"):
        review.judge(
            county.ctx,
            county.caller("specialist").actor,
            case_id,
            other,
            verdict=Verdict.ACCEPTED,
        )


def test_a_mismatch_found_after_submission_blocks_the_signature(county: County) -> None:
    case_id = county.claimed()
    recording = listing.view_case(
        county.ctx, county.caller("specialist").actor, case_id
    ).row.recordings[0]
    with county.store.begin() as unit:
        unit.persons.add(recording.id, Patient("钱某"))
        unit.commit()
    caller = county.unlocked("specialist")
    review.save_draft(county.ctx, caller.actor, case_id, content())

    with pytest.raises(Conflict, match="identity.mismatch"):
        county.sign(caller, case_id)
    identity.confirm_identity(county.ctx, caller.actor, case_id, "电话核对")

    assert county.sign(caller, case_id).version == 1


def test_a_report_cannot_be_signed_by_who_sent_the_case(county: County) -> None:
    case_id = county.claimed()
    specialist = county.caller("specialist").actor
    with county.store.begin() as unit:
        case = unit.cases.get(case_id)
        assert case is not None
        unit.cases.save(replace(case, created_by=specialist.user_id))
        unit.commit()
    review.save_draft(county.ctx, specialist, case_id, content())

    with pytest.raises(NotPermitted, match="workflow.own_case"):
        county.sign(county.unlocked("specialist"), case_id)


def test_a_case_of_an_absent_specialist_is_taken_over_with_a_reason(county: County) -> None:
    case_id = county.claimed()
    away, here = county.caller("specialist").actor, county.caller("specialist2").actor
    review.save_draft(county.ctx, away, case_id, content("半截"))

    with pytest.raises(InputRejected, match="take_over.reason_needed"):
        review.take_over(county.ctx, here, case_id, " ", away.user_id)
    with pytest.raises(Conflict, match="take_over.holder_changed"):
        review.take_over(county.ctx, here, case_id, "r", here.user_id)
    case = review.take_over(county.ctx, here, case_id, "下班交接", away.user_id)

    assert case.claimed_by == here.user_id
    assert listing.view_case(county.ctx, here, case_id).draft is None
    with pytest.raises(NotPermitted, match="workflow.not_holder"):
        review.save_draft(county.ctx, away, case_id, content())
    with pytest.raises(Conflict, match="take_over.nobody_holds"):
        review.take_over(county.ctx, here, case_id, "again", here.user_id)


def test_an_open_amendment_of_an_absent_specialist_can_be_taken_over(county: County) -> None:
    case_id = county.signed()
    away, here = county.caller("specialist").actor, county.caller("specialist2").actor
    with pytest.raises(Conflict, match="take_over.nobody_holds"):
        review.take_over(county.ctx, here, case_id, "r", away.user_id)
    review.amend(county.ctx, away, case_id, "笔误")

    case = review.take_over(county.ctx, here, case_id, "当事医师休假", away.user_id)

    assert case.state is State.SIGNED
    assert review.amend(county.ctx, here, case_id, "更正").author_id == here.user_id


def test_nothing_is_signed_before_every_file_was_read(county: County) -> None:
    county.reader.outcomes[b"slow"] = outcome()
    case_id = county.draft()
    actor = county.caller("operator").actor
    upload_id = county.ctx.ids.new()
    uploading.start(
        county.ctx,
        actor,
        upload_id=upload_id,
        case_id=case_id,
        file_name="x",
        size=4,
        sha256=hashlib.sha256(b"slow").hexdigest(),
    )
    uploading.append(county.ctx, actor, upload_id, 0, b"slow")
    county.clock.step(minutes=2)
    capture.submit(county.ctx, actor, case_id)
    specialist = county.unlocked("specialist")
    review.claim(county.ctx, specialist.actor, case_id)
    review.save_draft(county.ctx, specialist.actor, case_id, content())

    with pytest.raises(Conflict, match="sign.still_reading"):
        county.sign(specialist, case_id)


def test_an_amendment_leaves_the_signed_report_valid_until_it_is_signed(county: County) -> None:
    case_id = county.acknowledged()
    caller = county.unlocked("specialist")
    review.amend(county.ctx, caller.actor, case_id, "补充诊断")
    review.save_draft(county.ctx, caller.actor, case_id, content("右侧少量胸腔积液。"))

    assert [row.superseded_by for row in signed_reports(county, case_id)] == [0]
    county.sign(caller, case_id)

    first, second = signed_reports(county, case_id)
    assert (first.superseded_by, second.superseded_by) == (2, 0)
    assert second.amend_reason == "补充诊断"
    assert county.case(case_id).state is State.SIGNED
    with pytest.raises(Conflict, match="report.amended"):
        followup.acknowledge(county.ctx, county.caller("township").actor, case_id, 1)


def test_an_amendment_needs_a_reason_and_one_author(county: County) -> None:
    case_id = county.signed()
    actor = county.caller("specialist").actor

    with pytest.raises(InputRejected, match="amend.reason_needed"):
        review.amend(county.ctx, actor, case_id, " ")
    opened = review.amend(county.ctx, actor, case_id, "笔误")
    assert review.amend(county.ctx, actor, case_id, "again") == opened
    with pytest.raises(Conflict, match="amend.open_elsewhere"):
        review.amend(county.ctx, county.caller("specialist2").actor, case_id, "x")
    with pytest.raises(NotPermitted, match="workflow.not_holder"):
        review.save_draft(county.ctx, county.caller("specialist2").actor, case_id, content())


def test_an_amendment_can_be_discarded(county: County) -> None:
    case_id = county.acknowledged()
    actor = county.caller("specialist").actor
    review.amend(county.ctx, actor, case_id, "笔误")

    case = review.release(county.ctx, actor, case_id)

    assert case.state is State.ACKNOWLEDGED
    assert len(signed_reports(county, case_id)) == 1


def test_a_case_that_is_not_claimed_cannot_be_written(county: County) -> None:
    case_id = county.submitted()

    with pytest.raises(WrongState):
        review.save_draft(county.ctx, county.caller("specialist").actor, case_id, content())


def test_the_digest_covers_the_recordings(county: County) -> None:
    case_id = county.signed()

    report = signed_reports(county, case_id)[0]

    assert len(report.recording_sha256) == 1
    assert len(report.content_sha256) == 64
    assert sessions.unlock(county.ctx, county.caller("specialist"), PASSWORD)


def test_a_critical_report_is_signed_only_with_a_call_or_after_one(county: County) -> None:
    case_id = county.claimed()
    caller = county.unlocked("specialist")
    review.save_draft(county.ctx, caller.actor, case_id, replace(content(), is_critical=True))

    with pytest.raises(Conflict, match=r"sign\.call_needed"):
        county.sign(caller, case_id)
    county.sign(caller, case_id, CallContent("tension_pneumothorax", "左侧大量气胸"))
    (alert,) = alarms.alerts(county.ctx, county.caller("township").actor)
    review.amend(county.ctx, caller.actor, case_id, "补充")
    county.sign(caller, case_id)

    township = county.caller("township")
    row = presenter(county.ctx, township).row(
        listing.view_case(county.ctx, township.actor, case_id).row
    )
    assert row["impression"] == content().impression
    assert alert.call is not None
    assert (alert.kind, alert.call.code, alert.call.text) == (
        "critical_call",
        "tension_pneumothorax",
        "左侧大量气胸",
    )
    with county.store.read() as unit:
        events = [event.type for event in unit.events.of_case(case_id)]
        assert len(unit.cases.calls(case_id)) == 1
    assert (events.count("call.raised"), events.count("report.signed")) == (1, 2)


def test_a_call_that_cannot_go_out_leaves_the_report_unsigned(county: County) -> None:
    case_id = county.claimed()
    caller = county.unlocked("specialist")
    review.save_draft(county.ctx, caller.actor, case_id, replace(content(), is_critical=True))

    with pytest.raises(InputRejected, match=r"call\.unknown_code"):
        county.sign(caller, case_id, CallContent("张三", "气胸"))

    assert county.case(case_id).report_version == 0
