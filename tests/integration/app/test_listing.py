"""Lists: who sees what, in which order; reads leave their trace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.county import County, content, outcome

from qiangji_app.domain.case import ClinicalRequest, RequestedUrgency
from qiangji_app.domain.person import Patient
from qiangji_app.services import capture, followup, listing, review
from qiangji_app.services.calling import CallContent
from qiangji_app.services.listing import Filter
from qiangji_app.web.api.cases import show
from qiangji_datasets.errors import InputRejected, NotPermitted


def ids(county: County, login: str, view: str, **changed: object) -> list[str]:
    wanted = Filter(view, **changed)  # type: ignore[arg-type]  # keywords of Filter
    page = listing.list_cases(county.ctx, county.caller(login).actor, wanted)
    return [row.case.id for row in page.rows]


def test_the_worklist_goes_by_urgency_then_waiting_and_unread_before_unremarkable(
    county: County,
) -> None:
    county.reader.outcomes[b"refused"] = outcome(status="refused")
    county.reader.outcomes[b"alarm"] = outcome(reasons=(("ecg.chaotic", 4, "measurement"),))
    quiet_early = county.submitted()
    county.clock.step(minutes=1)
    quiet_late = county.submitted()
    county.clock.step(minutes=1)
    refused = county.draft()
    county.upload(refused, b"refused")
    actor = county.caller("operator").actor
    capture.submit(county.ctx, actor, refused, override_reason="x")
    county.clock.step(minutes=1)
    alarm = county.submitted(content=b"alarm")
    county.clock.step(minutes=1)
    asked = county.draft()
    county.set_request(asked, RequestedUrgency.EMERGENCY)
    county.upload(asked)
    capture.submit(county.ctx, actor, asked)

    assert ids(county, "specialist", "worklist") == [
        alarm,
        asked,
        refused,
        quiet_early,
        quiet_late,
    ]


def test_a_list_is_filtered_by_modality_state_site_and_text(county: County) -> None:
    first = county.submitted()
    village = county.draft(by="village", name="周某")
    county.upload(village, by="village")
    capture.submit(county.ctx, county.caller("village").actor, village)

    assert ids(county, "specialist", "worklist", modality="ecg") == []
    assert ids(county, "specialist", "worklist", state="claimed") == []
    assert ids(county, "specialist", "worklist", site_id="hill") == [village]
    assert ids(county, "specialist", "worklist", text="周 某") == [village]
    assert ids(county, "specialist", "worklist", text=first[-8:]) == [first]
    assert ids(county, "specialist", "worklist", text="nobody") == []


def test_each_list_has_its_readers(county: County) -> None:
    county.signed()

    assert len(ids(county, "receiving", "results")) == 1
    assert len(ids(county, "manager", "worklist")) == 0
    assert ids(county, "stranger", "mine") == []
    with pytest.raises(NotPermitted):
        ids(county, "auditor", "results")
    with pytest.raises(NotPermitted):
        ids(county, "operator", "worklist")
    with pytest.raises(InputRejected, match="list.unknown_view"):
        ids(county, "operator", "everything")
    with pytest.raises(InputRejected, match="list.unknown_state"):
        ids(county, "operator", "mine", state="lost")


def test_a_row_tells_of_a_return_and_of_an_open_call(county: County) -> None:
    case_id = county.claimed()
    review.return_case(county.ctx, county.caller("specialist").actor, case_id, "wrong_view", "")

    page = listing.list_cases(county.ctx, county.caller("operator").actor, Filter("mine"))
    rows = page.rows

    assert page.total == 1
    assert rows[0].return_message is not None
    assert rows[0].return_message.reason_code == "wrong_view"
    assert not rows[0].has_open_call


def test_opening_a_case_is_written_to_the_chain_of_reads(county: County) -> None:
    case_id = county.submitted()

    listing.open_case(county.ctx, county.caller("specialist").actor, case_id)

    with county.store.read() as unit:
        reads = unit.reads.of_case(case_id)
        changes = unit.events.of_case(case_id)
    assert [row.type for row in reads] == ["case.read"]
    assert "case.read" not in [row.type for row in changes]


def test_earlier_cases_of_the_same_person_are_offered_as_prior(county: County) -> None:
    first = county.signed()
    person_id = county.case(first).person_id
    second = county.draft()
    county.upload(second)
    capture.submit(county.ctx, county.caller("operator").actor, second, person_id=person_id)

    found = listing.view_case(county.ctx, county.caller("specialist").actor, second)

    assert [row.case.id for row in found.prior] == [first]


def test_a_search_survives_a_person_that_was_erased(county: County) -> None:
    case_id = county.submitted()
    with county.store.begin() as unit:
        unit.persons.erase(county.case(case_id).person_id)
        unit.commit()

    assert ids(county, "specialist", "worklist", text=case_id[-6:]) == [case_id]


def test_a_search_that_did_not_see_every_case_says_so_and_still_finds_full_names(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = county.draft(name="周某")
    county.clock.step(minutes=1)
    new = county.draft(name="赵某")
    actor = county.caller("operator").actor

    def search(text: str) -> listing.Page:
        return listing.list_cases(county.ctx, actor, Filter("mine", text=text))

    assert not search("某").is_truncated
    monkeypatch.setattr(listing, "SEARCHED_ROWS", 1)
    part, full = search("某"), search("周 某")

    assert ([row.case.id for row in part.rows], part.is_truncated) == ([new], True)
    assert [row.case.id for row in full.rows] == [old]


def test_a_visit_number_finds_its_case(county: County) -> None:
    case_id = county.draft()
    capture.set_request(
        county.ctx,
        county.caller("operator").actor,
        case_id,
        Patient("吴某"),
        ClinicalRequest(visit_number="ZY-77"),
    )

    assert ids(county, "operator", "mine", text="zy-77") == [case_id]


def test_results_list_open_calls_then_unread_by_urgency_then_the_newest(county: County) -> None:
    read_first = county.acknowledged()
    county.clock.step(minutes=1)
    read_later = county.acknowledged()
    county.clock.step(minutes=1)
    unread = county.signed()
    county.clock.step(minutes=1)
    critical = county.claimed()
    specialist = county.caller("specialist").actor
    marked = replace(content(), is_critical=True)
    review.save_draft(county.ctx, specialist, critical, marked)
    call = CallContent("other", "左侧气胸")
    county.sign(county.unlocked("specialist"), critical, call)
    doctor = county.caller("township").actor
    (made,) = show(county.ctx, county.caller("township"), critical)["calls"]
    followup.confirm_call(county.ctx, doctor, made["id"], "confirmed", read_back="左侧气胸")
    county.clock.step(minutes=1)
    unread_later = county.signed()
    code = "tension_pneumothorax"
    followup.raise_call(county.ctx, county.unlocked("specialist"), read_first, code, "张力性气胸")

    page = listing.list_cases(county.ctx, doctor, Filter("results"))
    found = listing.list_cases(county.ctx, doctor, Filter("results", text="赵"))

    wanted = [read_first, critical, unread_later, unread, read_later]
    assert [row.case.id for row in page.rows] == wanted
    assert [row.case.id for row in found.rows] == wanted
    assert (page.unread, found.unread, page.total) == (3, 3, 5)
    reasons = {row.code for row in county.case(critical).urgency_reasons}
    assert reasons >= {"urgency.critical_report", "urgency.critical_call"}
    assert listing.unread_results(county.ctx, doctor) == 3
    assert listing.unread_results(county.ctx, county.caller("operator").actor) == 0


def test_an_amendment_that_is_not_critical_any_more_takes_the_urgency_back(county: County) -> None:
    case_id = county.claimed()
    specialist = county.caller("specialist").actor
    review.save_draft(county.ctx, specialist, case_id, replace(content(), is_critical=True))
    county.sign(county.unlocked("specialist"), case_id, CallContent("other", "左侧气胸"))
    reasons_before = {row.code for row in county.case(case_id).urgency_reasons}
    followup.acknowledge(county.ctx, county.caller("township").actor, case_id, 1)

    review.amend(county.ctx, specialist, case_id, "复核后排除")
    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)

    reasons = {row.code for row in county.case(case_id).urgency_reasons}
    assert reasons_before - reasons == {"urgency.critical_report"}
    doctor = county.caller("township").actor
    assert listing.unread_results(county.ctx, doctor) == 1  # to be acknowledged anew


def test_a_list_is_told_again_after_an_act_or_a_minute_and_not_before(county: County) -> None:
    actor = county.caller("operator").actor
    known = [listing.version(county.ctx, actor)]

    def has_changed() -> bool:
        known.append(listing.version(county.ctx, actor))
        return known[-1] != known[-2]

    assert not has_changed()
    county.draft()
    assert has_changed()
    county.clock.step(minutes=1)  # somebody waits a minute longer
    assert has_changed()
    assert listing.version(county.ctx, county.caller("township").actor) != known[-1]
