"""Referrals as a table: what each side and role may do in each state; all else is forbidden."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from qiangji_app.domain.referral import (
    Direction,
    DownPlan,
    Referral,
    ReferralUrgency,
    Step,
    UpContent,
    applied,
)
from qiangji_app.domain.referral_clock import Escalation, Limits, Stage, standing
from qiangji_app.domain.referral_follow_up import FollowUpKind, ReferralFollowUp, emergency_due_on
from qiangji_app.domain.referral_workflow import (
    OPEN,
    ReferralAction,
    ReferralState,
    Side,
    is_referral_action_possible,
    referral_after,
)
from qiangji_app.domain.roles import Role
from qiangji_app.referral_codes import clock_origins, referral_clocks, referral_codes
from qiangji_app.services.referring import EVENTS

#: state | action | side:roles (V village, T township doctor, R receiving doctor) | next state
TABLE = """
draft         | edit       | sender:VTR                      | draft
draft         | send       | sender:VT                       | requested
draft         | cancel     | sender:VTR                      | cancelled
draft         | refer_down | sender:TR                       | referred_down
requested     | cancel     | sender:VT                       | cancelled
redirected    | cancel     | sender:VT                       | cancelled
accepted      | cancel     | sender:VT                       | cancelled
declined      | cancel     | sender:VT                       | cancelled
declined      | send       | sender:VT                       | requested
declined      | close      | sender:VT                       | closed
requested     | accept     | target:TR                       | accepted
redirected    | accept     | target:TR                       | accepted
requested     | decline    | target:TR                       | declined
redirected    | decline    | target:TR                       | declined
accepted      | decline    | target:TR                       | declined
requested     | redirect   | target:TR                       | redirected
redirected    | redirect   | target:TR                       | redirected
accepted      | redirect   | target:TR                       | redirected
accepted      | take_back  | target:TR                       | requested
declined      | take_back  | target:TR                       | requested
requested     | arrive     | target:TR                       | arrived
redirected    | arrive     | target:TR                       | arrived
accepted      | arrive     | target:TR                       | arrived
declined      | arrive     | target:TR                       | arrived
arrived       | admit      | target:TR                       | in_care
arrived       | refer_down | target:TR                       | referred_down
in_care       | refer_down | target:TR                       | referred_down
referred_down | take_back  | target:TR                       | in_care
arrived       | close      | target:TR                       | closed
in_care       | close      | target:TR                       | closed
referred_down | close      | home:VT                         | closed
requested     | note       | sender:VTR target:TR home:VT    | requested
redirected    | note       | sender:VTR target:TR home:VT    | redirected
accepted      | note       | sender:VTR target:TR home:VT    | accepted
declined      | note       | sender:VTR target:TR home:VT    | declined
arrived       | note       | sender:VTR target:TR home:VT    | arrived
in_care       | note       | sender:VTR target:TR home:VT    | in_care
referred_down | note       | sender:VTR target:TR home:VT    | referred_down
closed        | note       | sender:VTR target:TR home:VT    | closed
cancelled     | note       | sender:VTR target:TR home:VT    | cancelled
"""

_LETTERS = {"V": Role.VILLAGE_DOCTOR, "T": Role.TOWNSHIP_DOCTOR, "R": Role.RECEIVING_DOCTOR}
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def _allowed() -> dict[tuple[ReferralState, ReferralAction, Side, Role], ReferralState]:
    found = {}
    for line in TABLE.strip().splitlines():
        state, action, sides, after = (part.strip() for part in line.split("|"))
        for side, letters in (one.split(":") for one in sides.split()):
            for letter in letters:
                key = (ReferralState(state), ReferralAction(action), Side(side), _LETTERS[letter])
                found[key] = ReferralState(after)
    return found


ALLOWED = _allowed()


@pytest.mark.parametrize(
    ("state", "action"), list(itertools.product(ReferralState, ReferralAction))
)
def test_every_state_action_side_and_role_leads_where_the_table_says_or_nowhere(
    state: ReferralState, action: ReferralAction
) -> None:
    for side, role in itertools.product(Side, Role):
        expected = ALLOWED.get((state, action, side, role))

        assert referral_after(state, action, frozenset({side}), frozenset({role})) == expected
    known = any((row[0], row[1]) == (state, action) for row in ALLOWED)
    assert is_referral_action_possible(state, action) is known


def test_who_stands_on_no_side_may_nothing() -> None:
    for state, action in itertools.product(ReferralState, ReferralAction):
        assert referral_after(state, action, frozenset(), frozenset(Role)) is None


def test_every_open_state_can_be_left_and_every_state_is_reached() -> None:
    left = {state for (state, *_), after in ALLOWED.items() if after is not state}
    reached = set(ALLOWED.values()) | {ReferralState.DRAFT}

    assert left == OPEN
    assert reached == set(ReferralState)


def referral(state: ReferralState = ReferralState.DRAFT, **changes: object) -> Referral:
    fields: dict[str, object] = {
        "id": "r1",
        "direction": Direction.UP,
        "state": state,
        "from_site_id": "east",
        "target_site_id": "county",
        "home_site_id": "east",
        "person_id": "p1",
        "created_at": NOW,
        "created_by": "u1",
    }
    if state not in (ReferralState.DRAFT, ReferralState.CANCELLED):
        fields["requested_at"] = NOW
    return Referral(**(fields | changes))


def step(action: ReferralAction, minutes: int, key: str = "k") -> Step:
    return Step(action, NOW + timedelta(minutes=minutes), "u2", "county", f"{key}{minutes}")


def test_a_referral_that_was_sent_knows_when_and_a_down_referral_has_a_plan() -> None:
    with pytest.raises(ValueError, match="knows when"):
        referral(ReferralState.ACCEPTED, requested_at=None)
    with pytest.raises(ValueError, match="plan"):
        referral(ReferralState.REFERRED_DOWN)
    with pytest.raises(ValueError, match="diagnosis"):
        DownPlan(diagnosis=" ", next_steps="随访")
    assert referral(ReferralState.CANCELLED).state is ReferralState.CANCELLED
    direct = {"direction": Direction.DOWN, "requested_at": None, "down_at": NOW}
    plan = DownPlan(diagnosis="高血压", next_steps="随访")
    assert referral(ReferralState.REFERRED_DOWN, plan=plan, **direct).plan == plan


def test_times_are_those_of_the_first_request_and_answer() -> None:
    one = applied(referral(), step(ReferralAction.SEND, 0), ReferralState.REQUESTED)
    one = applied(one, step(ReferralAction.DECLINE, 3), ReferralState.DECLINED)
    one = applied(one, step(ReferralAction.SEND, 9), ReferralState.REQUESTED)
    one = applied(one, step(ReferralAction.ACCEPT, 12), ReferralState.ACCEPTED)

    assert one.requested_at == NOW
    assert one.answered_at == NOW + timedelta(minutes=3)
    assert one.step("k9") == one.steps[2]
    assert one.step("none") is None
    assert one.last(ReferralAction.ARRIVE) is None


def test_an_answer_taken_back_is_none_and_arrival_is_an_answer() -> None:
    asked = referral(ReferralState.REQUESTED)
    accepted = applied(asked, step(ReferralAction.ACCEPT, 3), ReferralState.ACCEPTED)
    back = applied(accepted, step(ReferralAction.TAKE_BACK, 4), ReferralState.REQUESTED)
    arrived = applied(back, step(ReferralAction.ARRIVE, 30), ReferralState.ARRIVED)

    assert back.answered_at is None
    assert arrived.arrived_at == arrived.answered_at == NOW + timedelta(minutes=30)


def test_a_down_referral_taken_back_has_no_plan() -> None:
    plan = DownPlan(diagnosis="高血压", next_steps="随访")
    care = referral(ReferralState.IN_CARE)
    down = applied(care, step(ReferralAction.REFER_DOWN, 5), ReferralState.REFERRED_DOWN, plan=plan)
    back = applied(down, step(ReferralAction.TAKE_BACK, 6), ReferralState.IN_CARE)

    assert (down.plan, down.down_at) == (plan, NOW + timedelta(minutes=5))
    assert (back.plan, back.down_at) == (None, None)


#: An emergency's answer: minutes waited, and how far that has gone; the limits are 5, 10, 30.
LEVELS = [(0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (29, 2), (30, 3), (9999, 3)]


@pytest.mark.parametrize(("minutes", "level"), LEVELS)
def test_an_emergency_without_answer_escalates_at_each_limit(minutes: int, level: int) -> None:
    content = UpContent(urgency=ReferralUrgency.EMERGENCY)
    asked = referral(ReferralState.REQUESTED, content=content)
    now = NOW + timedelta(minutes=minutes)

    found = standing(asked, referral_clocks(), now)

    assert found is not None
    assert (found.level, found.minutes(now)) == (Escalation(level), minutes)


#: state | what is waited for | whose turn | since which act (empty: since it was opened or sent)
STANDINGS = """
draft         | send      | sender |
requested     | answer    | target |
redirected    | answer    | target |
declined      | reaction  | sender | decline
accepted      | arrival   | target | accept
arrived       | care      | target | arrive
in_care       | care      | target | arrive
referred_down | take_over | home   | refer_down
"""


@pytest.mark.parametrize("line", STANDINGS.strip().splitlines())
def test_every_open_state_waits_for_somebody_since_its_own_act(line: str) -> None:
    state, stage, turn, act = (part.strip() for part in line.split("|"))
    steps = (step(ReferralAction(act), 7),) if act else ()
    plan = DownPlan(diagnosis="高血压", next_steps="随访")
    one = referral(ReferralState(state), steps=steps, plan=plan, down_at=NOW)

    found = standing(one, referral_clocks(), NOW + timedelta(days=1))

    assert found is not None
    assert (found.stage, found.turn) == (Stage(stage), Side(turn))
    assert found.since == NOW + timedelta(minutes=7 if act else 0)


def test_a_state_without_its_act_waits_since_the_referral_was_opened() -> None:
    found = standing(referral(ReferralState.IN_CARE), referral_clocks(), NOW)

    assert found is not None
    assert found.since == NOW


def test_an_ended_referral_waits_for_nobody_and_every_open_state_is_in_the_table() -> None:
    listed = {ReferralState(line.split("|")[0].strip()) for line in STANDINGS.strip().splitlines()}

    assert listed == OPEN
    for state in set(ReferralState) - OPEN:
        assert standing(referral(state), referral_clocks(), NOW) is None


def test_limits_grow() -> None:
    with pytest.raises(ValueError, match="grow"):
        Limits(5, 5, 10)


def test_the_more_urgent_a_referral_the_sooner_it_escalates_and_every_time_has_an_origin() -> None:
    clocks = referral_clocks()
    for stage in Stage:
        rows = [clocks[stage, urgency] for urgency in ReferralUrgency]
        for sooner, later in itertools.pairwise(rows):
            assert (sooner.late, sooner.to_manager) <= (later.late, later.to_manager)
    assert set(clock_origins()) == {stage.value for stage in Stage}
    assert set(clock_origins().values()) == {"county"}


def test_the_follow_up_of_an_emergency_is_due_14_days_after_it_was_sent() -> None:
    sent_on = NOW.date()
    due = ReferralFollowUp(
        "f1", "r1", "p1", "east", FollowUpKind.EMERGENCY, emergency_due_on(sent_on)
    )

    assert (due.due_on - sent_on).days == 14
    assert [due.days_left(sent_on + timedelta(days=days)) for days in (13, 14, 15)] == [1, 0, -1]
    assert due.is_due


def test_reasons_have_both_languages_a_known_source_and_cover_the_guidelines_groups() -> None:
    codes = referral_codes()
    by_group: dict[str, int] = {}
    for one in codes.reasons.values():
        assert one.words.zh
        assert one.words.en
        by_group[one.group] = by_group.get(one.group, 0) + 1

    assert by_group["hypertension"] == 5
    assert by_group["diabetes"] == 4
    assert set(by_group) == set(codes.groups)
    topics = [topic for one in codes.reasons.values() for topic in one.topics]
    assert len(topics) == len(set(topics))
    found = codes.reason_for("hypertension.emergency")
    assert found is not None
    assert (found.id, found.urgency) == ("hypertension.acute", ReferralUrgency.EMERGENCY)
    assert codes.reason_for("no.such_topic") is None


def test_every_act_that_is_stored_has_an_event() -> None:
    assert set(EVENTS) == set(ReferralAction) - {ReferralAction.EDIT}


def test_reasons_for_ending_are_known_and_every_state_that_can_end_has_some() -> None:
    codes = referral_codes()
    ends = {state for state, action, _, _ in ALLOWED if action is ReferralAction.CLOSE}

    assert set(codes.close_from) == {state.value for state in ends}
    for listed in codes.close_from.values():
        assert set(listed) <= set(codes.answers["close"])
