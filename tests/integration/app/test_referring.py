"""A referral from the township to the county and down again: who may, what is asked, what stays."""

from __future__ import annotations

import pytest
from support.county import County
from support.referrals import Referring

from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.services.referral_follow_ups import due_follow_ups


@pytest.fixture
def people(county: County) -> Referring:
    return Referring(county)


def test_a_patient_goes_up_is_treated_and_comes_down_with_a_plan(people: Referring) -> None:
    referral_id = people.referred_down()

    closed = people.do(referral_id, ReferralAction.CLOSE, "township", code="taken_over")

    assert closed.state is ReferralState.CLOSED
    assert closed.plan is not None
    assert [step.state.value for step in closed.steps if step.state] == [
        "requested",
        "accepted",
        "arrived",
        "in_care",
        "referred_down",
        "closed",
    ]
    due = due_follow_ups(people.ctx, people.county.caller("township").actor)
    assert [(one.follow_up.kind.value, one.days_left) for one in due] == [
        ("emergency", 14),
        ("plan", 14),
    ]
