"""What the home site still has to do after a referral: see the patient, on or before a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

#: Days after an emergency referral within which the home site asks what became of the patient,
#: accepted or not: 国家基本公共卫生服务规范(第三版), 国卫基层发〔2017〕13号, 高血压患者健康管理服务
#: 规范, 服务内容(二)随访评估 (紧急转诊者 2 周内主动随访转诊情况). Held to for every emergency.
EMERGENCY_FOLLOW_UP_DAYS: Final = 14


class FollowUpKind(StrEnum):
    """Why a follow-up is due."""

    EMERGENCY = "emergency"  # two weeks after an emergency referral
    PLAN = "plan"  # asked for by the plan of a down-referral


class FollowUpOutcome(StrEnum):
    """What came of it."""

    SEEN = "seen"
    PHONED = "phoned"
    IN_HOSPITAL = "in_hospital"
    MOVED = "moved"
    DIED = "died"
    NOT_REACHED = "not_reached"  # an attempt: the follow-up stays due


@dataclass(frozen=True)
class ReferralFollowUp:
    """One follow-up, due until it is done or void.

    ``void_reason`` is a code: the referral was an error, or its plan was taken back.
    ``attempts`` counts how often nobody was reached.
    """

    id: str
    referral_id: str
    person_id: str
    site_id: str
    kind: FollowUpKind
    due_on: date
    what: str = ""
    attempts: int = 0
    outcome: FollowUpOutcome | None = None
    done_at: datetime | None = None
    done_by: str = ""
    note: str = ""
    void_reason: str = ""

    @property
    def is_due(self) -> bool:
        """True while somebody still has to do it."""
        return self.done_at is None and not self.void_reason

    def days_left(self, today: date) -> int:
        """Days until it is due; negative when overdue."""
        return (self.due_on - today).days


def emergency_due_on(sent_on: date) -> date:
    """Last day of the follow-up of an emergency referral, from the day it was sent."""
    return sent_on + timedelta(days=EMERGENCY_FOLLOW_UP_DAYS)
