"""Acknowledging, closing, critical calls, messages, alarms."""

from __future__ import annotations

import pytest
from support.county import County, content, outcome

from qiangji_app.domain.workflow import State
from qiangji_app.services import followup, review
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted


def test_the_township_acknowledges_and_closes(county: County) -> None:
    case_id = county.acknowledged()
    doctor = county.caller("township").actor

    case = followup.close(county.ctx, doctor, case_id)

    assert case.state is State.CLOSED
    with county.store.read() as unit:
        assert [row.report_version for row in unit.cases.acknowledgements(case_id)] == [1]


def test_an_operator_does_not_acknowledge(county: County) -> None:
    case_id = county.signed()

    with pytest.raises(NotPermitted):
        followup.acknowledge(county.ctx, county.caller("operator").actor, case_id, 1)


def test_a_critical_call_is_signed_and_tops_the_worklist(county: County) -> None:
    case_id = county.claimed()
    caller = county.caller("specialist")

    with pytest.raises(InputRejected, match="call.text_needed"):
        followup.raise_call(county.ctx, caller, case_id, "tension_pneumothorax", " ")
    with pytest.raises(InputRejected, match="call.unknown_code"):
        followup.raise_call(county.ctx, caller, case_id, "张三", "张力性气胸")
    with pytest.raises(NotPermitted, match="sign.password_needed"):
        followup.raise_call(county.ctx, caller, case_id, "tension_pneumothorax", "张力性气胸")
    call = followup.raise_call(
        county.ctx, county.unlocked("specialist"), case_id, "tension_pneumothorax", "张力性气胸"
    )

    assert call.outcome == "open"
    case = county.case(case_id)
    assert case.urgency_level == 4
    assert case.urgency_reasons[0].code == "urgency.critical_call"
    kinds = [row.kind for row in followup.alerts(county.ctx, county.caller("township").actor)]
    assert kinds == ["critical_call"]


def test_a_call_is_closed_by_a_read_back_only_once(county: County) -> None:
    case_id = county.claimed()
    call = followup.raise_call(
        county.ctx, county.unlocked("specialist"), case_id, "tension_pneumothorax", "张力性气胸"
    )
    doctor = county.caller("township").actor

    with pytest.raises(InputRejected, match="call.outcome"):
        followup.confirm_call(county.ctx, doctor, call.id, "fine", "")
    with pytest.raises(InputRejected, match="call.read_back_needed"):
        followup.confirm_call(county.ctx, doctor, call.id, "confirmed", "好的")
    with pytest.raises(NotFound, match="call.not_found"):
        followup.confirm_call(county.ctx, doctor, "x", "confirmed", "气胸,转诊")
    tried = followup.confirm_call(county.ctx, doctor, call.id, "unable_to_reach", "")
    done = followup.confirm_call(county.ctx, doctor, call.id, "confirmed", "气胸,马上转诊")

    assert (tried.outcome, done.outcome) == ("unable_to_reach", "confirmed")
    with pytest.raises(Conflict, match="call.closed"):
        followup.confirm_call(county.ctx, doctor, call.id, "confirmed", "again, please")
    assert followup.alerts(county.ctx, doctor) == []


def test_messages_need_words_and_reach_the_thread(county: County) -> None:
    case_id = county.submitted()
    doctor = county.caller("township").actor

    with pytest.raises(InputRejected, match="message.empty"):
        followup.send_message(county.ctx, doctor, case_id, "  ")
    followup.send_message(county.ctx, doctor, case_id, "患者已吸氧")

    with county.store.read() as unit:
        assert [row.text for row in unit.cases.messages(case_id)] == ["患者已吸氧"]


def test_a_strong_alarm_reaches_site_and_specialists_at_once_even_as_a_draft(
    county: County,
) -> None:
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    case_id = county.draft()
    county.upload(case_id, b"vf")

    def alarmed(login: str) -> list[str]:
        return [row.case.id for row in followup.alerts(county.ctx, county.caller(login).actor)]

    assert alarmed("township") == [case_id]
    assert alarmed("specialist") == [case_id]
    assert alarmed("stranger") == []
    assert alarmed("receiving") == []
    assert alarmed("auditor") == []


def test_a_hint_that_is_not_critical_raises_no_alarm(county: County) -> None:
    county.reader.outcomes[b"maybe"] = outcome(reasons=(("urgency.model_likely", 3, "model"),))
    county.submitted(content=b"maybe")

    assert followup.alerts(county.ctx, county.caller("specialist").actor) == []


def test_an_alarm_ends_with_the_signature(county: County) -> None:
    county.reader.outcomes[b"film"] = outcome(reasons=(("ecg.chaotic", 4, "measurement"),))
    case_id = county.submitted()
    specialist = county.caller("specialist").actor
    assert followup.alerts(county.ctx, specialist)

    review.claim(county.ctx, specialist, case_id)

    review.save_draft(county.ctx, specialist, case_id, content())
    review.sign(county.ctx, county.unlocked("specialist"), case_id)

    assert followup.alerts(county.ctx, specialist) == []
