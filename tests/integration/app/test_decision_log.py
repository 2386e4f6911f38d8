"""What was advised to another system is written down without anything about the patient."""

from __future__ import annotations

from support.county import County

from qiangji_app.ports import EventQuery
from qiangji_app.services.accounts import hospital_name
from qiangji_app.services.decision_log import Advised, Feedback, note_advice, note_feedback


def test_each_card_and_its_feedback_is_an_event_and_no_card_is_none(county: County) -> None:
    note_advice(county.ctx, "emr", "view", [])
    note_advice(county.ctx, "emr", "view", [Advised("card-1", "rule-1", "ab" * 32, "cd" * 32)])
    told = Feedback("card-1", "overridden", "disagree", True, 0, county.clock.now())
    note_feedback(county.ctx, "emr", "view", [told])

    with county.store.read() as unit:
        events = unit.events.find(EventQuery(type="decision"))

    assert [event.type for event in events] == ["decision.feedback", "decision.advised"]
    assert {event.actor_id for event in events} == {"emr"}
    assert events[1].payload["rule"] == "rule-1"
    assert events[0].payload["has_comment"] is True


def test_the_hospital_is_the_root_of_the_countys_tree(county: County) -> None:
    assert hospital_name(county.ctx) == "县医院"
