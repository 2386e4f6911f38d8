"""Acknowledging, closing, critical calls, messages."""

from __future__ import annotations

import pytest
from support.county import County

from qiangji_app.domain.case import CriticalCall
from qiangji_app.domain.workflow import State
from qiangji_app.services import alarms, followup
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted


def test_the_township_acknowledges_and_closes(county: County) -> None:
    case_id = county.acknowledged()
    doctor = county.caller("township").actor

    case = followup.close(county.ctx, doctor, case_id)

    assert case.state is State.CLOSED
    with county.store.read() as unit:
        assert [row.report_version for row in unit.cases.acknowledgements(case_id)] == [1]


def test_a_text_that_is_too_long_is_refused_not_cut(county: County) -> None:
    case_id = county.signed()
    doctor, specialist = county.caller("township").actor, county.unlocked("specialist")
    code, long = "tension_pneumothorax", "张" * 2001

    with pytest.raises(InputRejected, match=r"text\.too_long"):
        followup.raise_call(county.ctx, specialist, case_id, code, long)
    with pytest.raises(InputRejected, match=r"text\.too_long"):
        followup.acknowledge(county.ctx, doctor, case_id, 1, long)
    with pytest.raises(InputRejected, match=r"text\.too_long"):
        followup.send_message(county.ctx, doctor, case_id, "张" * 8001)
    call = followup.raise_call(county.ctx, specialist, case_id, code, long[1:])
    with pytest.raises(InputRejected, match=r"text\.too_long"):
        followup.confirm_call(county.ctx, doctor, call.id, "confirmed", read_back=long)

    assert call.text == long[1:]


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
    kinds = [row.kind for row in alarms.alerts(county.ctx, county.caller("township").actor)]
    assert kinds == ["critical_call"]


def called(county: County) -> str:
    """A call about a case of the eastern township; returns its id."""
    case_id = county.claimed()
    return followup.raise_call(
        county.ctx, county.unlocked("specialist"), case_id, "tension_pneumothorax", "张力性气胸"
    ).id


def answer(
    county: County, login: str, call_id: str, outcome: str, words: str = "", *, by: str = ""
) -> CriticalCall:
    actor = county.caller(login).actor
    return followup.confirm_call(
        county.ctx, actor, call_id, outcome, read_back=words, read_back_by=by
    )


def test_a_call_is_closed_by_a_read_back_only_once(county: County) -> None:
    call_id = called(county)

    with pytest.raises(InputRejected, match="call.outcome"):
        answer(county, "township", call_id, "fine")
    with pytest.raises(InputRejected, match="call.read_back_needed"):
        answer(county, "township", call_id, "confirmed", "好的")
    with pytest.raises(NotFound, match="call.not_found"):
        answer(county, "township", "x", "confirmed", "气胸,转诊")
    tried = answer(county, "township", call_id, "unable_to_reach")
    done = answer(county, "township", call_id, "confirmed", "气胸,马上转诊", by="谁")

    assert (tried.outcome, done.outcome, done.read_back_by) == ("unable_to_reach", "confirmed", "")
    with pytest.raises(Conflict, match="call.closed"):
        answer(county, "township", call_id, "confirmed", "again, please")
    assert alarms.alerts(county.ctx, county.caller("township").actor) == []


@pytest.mark.parametrize("name", ["", " 王 ", "Specialist", "x" * 101])
def test_who_raised_a_call_confirms_it_only_with_the_name_of_somebody_else(
    county: County, name: str
) -> None:
    call_id = called(county)

    with pytest.raises(InputRejected, match="call.read_back_by_needed"):
        answer(county, "specialist", call_id, "confirmed", "气胸,马上转诊", by=name)


def test_a_read_back_by_telephone_is_kept_with_the_name_of_who_read_it_back(
    county: County,
) -> None:
    call_id = called(county)

    tried = answer(county, "specialist", call_id, "unable_to_reach")
    answer(county, "specialist", call_id, "confirmed", "气胸,马上转诊", by=" 王护士 ")

    with county.store.read() as unit:
        kept = unit.cases.call(call_id)
        assert kept is not None
        events = [row.payload for row in unit.events.of_case(kept.case_id)]
    assert tried.outcome == "unable_to_reach"
    assert (kept.read_back, kept.read_back_by) == ("气胸,马上转诊", "王护士")
    assert {"call": call_id, "outcome": "confirmed", "part": "caller"} in events


def test_nobody_of_neither_side_confirms_a_call(county: County) -> None:
    call_id = called(county)

    with pytest.raises(NotPermitted, match="call.not_receiver"):
        answer(county, "specialist2", call_id, "confirmed", "气胸,马上转诊", by="王护士")
    tried = answer(county, "specialist2", call_id, "unable_to_reach")

    assert tried.outcome == "unable_to_reach"


def test_messages_need_words_and_reach_the_thread(county: County) -> None:
    case_id = county.submitted()
    doctor = county.caller("township").actor

    with pytest.raises(InputRejected, match="message.empty"):
        followup.send_message(county.ctx, doctor, case_id, "  ")
    followup.send_message(county.ctx, doctor, case_id, "患者已吸氧")

    with county.store.read() as unit:
        assert [row.text for row in unit.cases.messages(case_id)] == ["患者已吸氧"]
