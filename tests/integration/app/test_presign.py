"""What a signer and a reader are told: form against file, what is signed, who holds a case."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.county import County, content, outcome

from qiangji_app.domain.case import Finding, Verdict
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import draft_digest
from qiangji_app.domain.workflow import State
from qiangji_app.services import capture, listing, review
from qiangji_app.services.ai_use import AiUse, use_at
from qiangji_app.services.listing import Filter
from qiangji_app.services.presign import check_draft
from qiangji_app.web.api.cases import presenter, show
from qiangji_app.web.api.words import Words
from qiangji_datasets.errors import Conflict, NotPermitted
from qiangji_datasets.messages import Language


def claimed_with_hint(county: County) -> str:
    county.reader.outcomes[b"hint"] = outcome(hints={"effusion": "likely"})
    return county.claimed(content=b"hint")


def findings(county: County, case_id: str) -> list[Finding]:
    with county.store.read() as unit:
        return list(unit.cases.findings(case_id))


def judge(county: County, case_id: str, verdict: Verdict) -> None:
    actor = county.caller("specialist").actor
    with county.store.read() as unit:
        hint = unit.cases.findings(case_id)[0].id
    review.judge(county.ctx, actor, case_id, hint, verdict=verdict)


def mismatched(county: County) -> str:
    """A case whose file names somebody else, sent up with a reason."""
    other = Patient(name="钱某", sex="F")
    county.reader.outcomes[b"other"] = outcome(person=other)
    case_id = county.draft()
    county.upload(case_id, b"other")
    actor = county.caller("operator").actor
    capture.submit(county.ctx, actor, case_id, identity_reason="设备上录错名字,已核对本人")
    return case_id


def test_the_reader_is_told_what_differs_between_form_and_file_and_why(county: County) -> None:
    case_id = mismatched(county)
    reader = county.caller("specialist")

    page = listing.list_cases(county.ctx, reader.actor, Filter("worklist"))
    row = presenter(county.ctx, reader).row(page.rows[0])
    view = show(county.ctx, reader, case_id)

    assert row["has_mismatch"] is True
    assert view["identity_reason"] == "设备上录错名字,已核对本人"
    assert [(one["field"], one["in_form"], one["in_file"]) for one in view["differences"]] == [
        ("name", "赵某", "钱某")
    ]


def test_the_other_name_stays_with_those_who_may_see_the_case_of_their_own_site(
    county: County,
) -> None:
    case_id = mismatched(county)

    assert show(county.ctx, county.caller("operator"), case_id)["differences"]
    assert show(county.ctx, county.caller("manager"), case_id)["differences"] == []
    assert show(county.ctx, county.caller("manager"), case_id)["has_mismatch"] is False


def test_a_draft_that_holds_film_and_ecg_is_listed_as_both(county: County) -> None:
    county.reader.outcomes[b"ecg"] = outcome(modality="ecg")
    case_id = county.draft()
    county.upload(case_id, b"film")
    county.upload(case_id, b"ecg")
    desk = county.caller("operator")

    for modality in ("", "cxr", "ecg"):
        page = listing.list_cases(county.ctx, desk.actor, Filter("mine", modality=modality))
        assert [row.case.id for row in page.rows] == [case_id]
    assert presenter(county.ctx, desk).row(page.rows[0])["modalities"] == ["cxr", "ecg"]
    assert show(county.ctx, desk, county.draft())["modalities"] == ["cxr"]


def test_what_will_be_signed_is_told_before_with_its_contradictions(county: County) -> None:
    case_id = claimed_with_hint(county)
    caller = county.caller("specialist")
    judge(county, case_id, Verdict.ACCEPTED)
    draft = review.save_draft(county.ctx, caller.actor, case_id, content("未见明显异常。"))

    found = check_draft(county.ctx, caller, case_id, draft_digest(draft.content))
    told = presenter(county.ctx, caller).presigned(found)

    assert told["is_unlocked"] is False
    assert told["ai_use"]["accepted"] == ["胸腔积液"]
    assert [row["code"] for row in told["contradictions"]] == ["presign.normal_with_findings"]
    assert "胸腔积液" in told["contradictions"][0]["text"]
    assert listing.view_case(county.ctx, caller.actor, case_id).signed == []


def test_what_cannot_be_signed_is_refused_before_the_signer_is_asked(county: County) -> None:
    case_id = claimed_with_hint(county)
    caller, other = county.caller("specialist"), county.caller("specialist2")
    digest = draft_digest(review.save_draft(county.ctx, caller.actor, case_id, content()).content)

    with pytest.raises(Conflict, match=r"sign\.verdicts_open") as refused:
        check_draft(county.ctx, caller, case_id, digest)
    with pytest.raises(NotPermitted, match=r"workflow\.not_holder"):
        check_draft(county.ctx, other, case_id, digest)
    words = Words(county.ctx.catalogue, Language.ZH)

    assert "胸腔积液" in words.text(refused.value.code, refused.value.params)


def test_ids_of_ours_in_messages_become_words(county: County) -> None:
    words = Words(county.ctx.catalogue, Language.ZH)

    assert "姓名、性别" in words.text("identity.mismatch", {"fields": "name,sex"})
    dated = words.text("identity.mismatch", {"fields": "examined_at"})
    assert "检查" in dated and "患者信息" not in dated
    assert "已签发" in words.text("workflow.wrong_state", {"state": "signed"})
    assert "odd" in words.text("workflow.no_licence", {"modality": "odd"})
    assert "age, odd" in words.text("http.invalid", {"fields": "age, odd"})


@pytest.mark.parametrize("by", ["specialist", "specialist2"])
def test_verdicts_of_an_amendment_that_is_given_up_go_with_it(county: County, by: str) -> None:
    county.reader.outcomes[b"hint"] = outcome(
        hints={"effusion": "likely", "nodule": "none", "mass": "none"}
    )
    case_id = county.claimed(content=b"hint")
    holder, who = county.caller("specialist").actor, county.caller(by).actor
    judge(county, case_id, Verdict.ACCEPTED)
    judge(county, case_id, Verdict.REJECTED)
    review.save_draft(county.ctx, holder, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)
    signed = findings(county, case_id)
    county.clock.step(minutes=5)
    review.amend(county.ctx, holder, case_id, "再看")
    for row in signed[:2]:
        review.judge(county.ctx, holder, case_id, row.id, verdict=Verdict.ACCEPTED)

    if who == holder:
        review.release(county.ctx, holder, case_id)
    else:
        review.take_over(county.ctx, who, case_id, "同事离岗", holder.user_id)

    assert findings(county, case_id) == signed
    assert signed[0].verdict is Verdict.REJECTED
    review.amend(county.ctx, who, case_id, "笔误")
    second = county.sign(county.unlocked(by), case_id)
    with county.store.read() as unit:
        events = unit.events.of_case(case_id)
    assert use_at(signed, events, second.signed_at) == AiUse(rejected=("effusion",))


def test_a_verdict_that_was_open_at_the_signature_is_open_again(county: County) -> None:
    county.reader.outcomes[b"hint"] = outcome(hints={"nodule": "none"})
    case_id = county.claimed(content=b"hint")
    actor = county.caller("specialist").actor
    judge(county, case_id, Verdict.ACCEPTED)
    judge(county, case_id, Verdict.OPEN)
    review.save_draft(county.ctx, actor, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)
    review.amend(county.ctx, actor, case_id, "再看")
    judge(county, case_id, Verdict.REJECTED)

    review.release(county.ctx, actor, case_id)

    [found] = findings(county, case_id)
    assert (found.verdict, found.verdict_by, found.verdict_at) == (Verdict.OPEN, "", None)


def test_a_report_says_which_hints_it_took_as_of_its_own_signature(county: County) -> None:
    case_id = claimed_with_hint(county)
    actor = county.caller("specialist").actor
    judge(county, case_id, Verdict.REJECTED)
    review.save_draft(county.ctx, actor, case_id, content())
    first = county.sign(county.unlocked("specialist"), case_id)
    county.clock.step(minutes=5)
    review.amend(county.ctx, actor, case_id, "再看有积液")
    judge(county, case_id, Verdict.ACCEPTED)
    second = county.sign(county.unlocked("specialist"), case_id)

    view = show(county.ctx, county.caller("specialist"), case_id)
    uses = [report["ai_use"] for report in view["reports"]]
    assert [(use["accepted"], use["rejected"]) for use in uses] == [
        ([], ["胸腔积液"]),
        (["胸腔积液"], []),
    ]
    assert (first.ai_assisted, second.ai_assisted) == (False, True)
    hidden = show(county.ctx, county.caller("receiving"), case_id)
    assert [report["ai_use"] for report in hidden["reports"]] == [None, None]


def test_a_hint_that_nobody_judged_is_open(county: County) -> None:
    case_id = claimed_with_hint(county)
    found = listing.view_case(county.ctx, county.caller("specialist").actor, case_id)

    assert use_at(found.findings, found.events, county.clock.now()) == AiUse(open=("effusion",))


def test_everybody_can_ask_who_holds_a_case_and_it_leaves_no_trace(county: County) -> None:
    case_id = county.claimed()
    reader = county.caller("specialist").actor
    since = county.clock.now()

    held = listing.holding(county.ctx, county.caller("specialist2").actor, case_id)
    review.save_draft(county.ctx, reader, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)
    county.clock.step(minutes=1)
    free = listing.holding(county.ctx, reader, case_id)
    review.amend(county.ctx, reader, case_id, "笔误")
    amending = listing.holding(county.ctx, reader, case_id)

    assert (held.report_version, free.report_version) == (0, 1)
    assert (held.state, held.user_id, held.since) == (State.CLAIMED, reader.user_id, since)
    assert (free.state, free.user_id) == (State.SIGNED, "")
    assert amending.user_id == reader.user_id
    amended_by = show(county.ctx, county.caller("specialist2"), case_id)["amended_by"]
    assert amended_by["since"] == county.clock.now().isoformat()


def test_what_a_log_without_a_name_did_is_told_as_the_system(county: County) -> None:
    view = show(county.ctx, county.caller("specialist"), county.submitted())

    assert {"系统"} <= {entry["actor"] for entry in view["timeline"]}


def test_an_empty_section_does_not_hide_what_is_signed(county: County) -> None:
    case_id = county.claimed()
    caller = county.unlocked("specialist")
    bare = replace(content("左侧气胸。"), advice="", is_critical=True)
    digest = draft_digest(review.save_draft(county.ctx, caller.actor, case_id, bare).content)

    told = presenter(county.ctx, caller).presigned(check_draft(county.ctx, caller, case_id, digest))

    assert told["is_unlocked"] is True
    assert told["draft"]["advice"] == ""
    assert (told["contradictions"], told["needs_call"]) == ([], True)
