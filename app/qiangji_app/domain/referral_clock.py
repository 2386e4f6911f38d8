"""How long an open referral has waited, whose turn it is, and how far that has gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from qiangji_app.domain.referral import Referral, ReferralUrgency
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState, Side


class Stage(StrEnum):
    """What is waited for."""

    SEND = "send"  # a draft that nobody sent
    ANSWER = "answer"
    REACTION = "reaction"  # of the sender, to a refusal
    ARRIVAL = "arrival"
    CARE = "care"  # to end, and the patient to come home
    TAKE_OVER = "take_over"  # of the patient who was referred down


class Escalation(IntEnum):
    """How far waiting has gone."""

    ON_TIME = 0
    LATE = 1  # both sides are told
    ESCALATED = 2  # and telephone
    TO_MANAGER = 3  # and the county's manager is told


@dataclass(frozen=True)
class Limits:
    """Minutes after which a wait is late, escalated, told to the manager; growing.

    Raises
    ------
    ValueError
        Not three growing positive numbers.
    """

    late: int
    escalated: int
    to_manager: int

    def __post_init__(self) -> None:
        if not 0 < self.late < self.escalated < self.to_manager:
            raise ValueError(f"limits must grow: {self}")

    def level(self, waited: timedelta) -> Escalation:
        """How far a wait has gone; at a limit it is passed."""
        minutes = waited.total_seconds() / 60
        passed = [minutes >= limit for limit in (self.late, self.escalated, self.to_manager)]
        return Escalation(sum(passed))


Clocks = Mapping[tuple[Stage, ReferralUrgency], Limits]

_STAGES: Final = {
    ReferralState.DRAFT: (Stage.SEND, Side.SENDER),
    ReferralState.REQUESTED: (Stage.ANSWER, Side.TARGET),
    ReferralState.REDIRECTED: (Stage.ANSWER, Side.TARGET),
    ReferralState.DECLINED: (Stage.REACTION, Side.SENDER),
    ReferralState.ACCEPTED: (Stage.ARRIVAL, Side.TARGET),
    ReferralState.ARRIVED: (Stage.CARE, Side.TARGET),
    ReferralState.IN_CARE: (Stage.CARE, Side.TARGET),
    ReferralState.REFERRED_DOWN: (Stage.TAKE_OVER, Side.HOME),
}


@dataclass(frozen=True)
class Standing:
    """Where an open referral stands in time."""

    stage: Stage
    turn: Side
    since: datetime
    level: Escalation
    limits: Limits

    def minutes(self, now: datetime) -> int:
        """Whole minutes waited."""
        return int((now - self.since).total_seconds() // 60)


def standing(referral: Referral, clocks: Clocks, now: datetime) -> Standing | None:
    """How long the referral waits for its next step; None when it has ended.

    An answer is waited for since the referral was first sent: neither a redirection nor sending
    it again elsewhere makes the patient's wait younger.
    """
    found = _STAGES.get(referral.state)
    if found is None:
        return None
    stage, turn = found
    since = _since(referral, stage)
    limits = clocks[stage, referral.content.urgency]
    return Standing(stage, turn, since, limits.level(now - since), limits)


def _since(referral: Referral, stage: Stage) -> datetime:
    if stage is Stage.ANSWER:
        return referral.requested_at or referral.created_at
    step = referral.last(*_BEGINS[stage]) if stage in _BEGINS else None
    return step.at if step is not None else referral.created_at


#: Acts with which a stage begins.
_BEGINS: Final = {
    Stage.REACTION: (ReferralAction.DECLINE,),
    Stage.ARRIVAL: (ReferralAction.ACCEPT,),
    Stage.CARE: (ReferralAction.ARRIVE,),
    Stage.TAKE_OVER: (ReferralAction.REFER_DOWN,),
}
