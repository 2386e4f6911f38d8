"""A referral: one patient sent up from a site to another, and down again with a plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState


class Direction(StrEnum):
    """Which way a referral begins."""

    UP = "up"  # 上转; may come down again
    DOWN = "down"  # 下转 of a patient whom nobody had referred up


class ReferralUrgency(StrEnum):
    """How soon the patient must be seen, the most urgent first."""

    EMERGENCY = "emergency"
    URGENT = "urgent"  # the same day
    SOON = "soon"  # within days
    ROUTINE = "routine"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(ReferralUrgency).index(self)


class AttachmentKind(StrEnum):
    """What a referral may carry; the thing itself stays where it is."""

    CASE = "case"  # with its signed report
    VISIT = "visit"


@dataclass(frozen=True)
class Attachment:
    """A case or visit; ``version`` is that of the signed report, 0 while nothing is signed."""

    kind: AttachmentKind
    id: str
    version: int = 0


@dataclass(frozen=True)
class UpContent:
    """What the sending doctor states, under the headings of the national 转出单.

    Codes are those of ``referral_codes``; texts are free and never copied into events or logs.
    ``has_consent``: patient or family agreed; an emergency is sent without waiting for it.

    References
    ----------
    国家基本公共卫生服务规范(第三版), 国卫基层发〔2017〕13号, 双向转诊单.
    """

    reasons: tuple[str, ...] = ()
    urgency: ReferralUrgency = ReferralUrgency.ROUTINE
    department: str = ""
    transport: str = ""
    is_green_channel: bool = False
    has_consent: bool = False
    impression: str = ""  # 初步印象
    present_history: str = ""  # 主要现病史(转出原因)
    past_history: str = ""  # 主要既往史
    treatment: str = ""  # 治疗经过
    doctor_phone: str = ""
    address: str = ""
    record_number: str = ""  # 档案编号


@dataclass(frozen=True)
class Medicine:
    """One medicine of the plan, as prescribed."""

    name: str
    dose: str = ""
    frequency: str = ""
    until: str = ""


@dataclass(frozen=True)
class PlannedFollowUp:
    """A day on which the home site sees the patient, and what for."""

    on: date
    what: str = ""


@dataclass(frozen=True)
class DownPlan:
    """What the receiving site sends home, under the headings of the national 回转单.

    Raises
    ------
    ValueError
        No diagnosis or no plan: a down-referral without them says nothing.
    """

    diagnosis: str  # 诊断结果
    next_steps: str  # 治疗经过、下一步治疗方案及康复建议
    results: str = ""  # 主要检查结果
    record_number: str = ""  # 住院病案号
    refer_again_if: str = ""  # when the patient must come up again
    doctor_phone: str = ""
    medicines: tuple[Medicine, ...] = ()
    follow_ups: tuple[PlannedFollowUp, ...] = ()

    def __post_init__(self) -> None:
        if not self.diagnosis.strip() or not self.next_steps.strip():
            raise ValueError("a down-referral names diagnosis and plan")


@dataclass(frozen=True)
class Step:
    """One act on a referral. ``key`` is made by the client: the same key is the same act."""

    action: ReferralAction
    at: datetime
    user_id: str
    site_id: str
    key: str
    code: str = ""
    text: str = ""
    state: ReferralState | None = None  # after the act


@dataclass(frozen=True)
class Referral:
    """A referral as stored.

    ``from_site_id`` opened it, ``target_site_id`` is asked now (of a patient whom nobody referred
    up: has the patient now), ``home_site_id`` goes on caring afterwards. ``past_targets`` were
    asked before and still see what became of it. ``revision`` grows by one with every change.
    ``requested_at`` is the first time it was sent, and stays.

    Raises
    ------
    ValueError
        Instants or plan do not fit the state.
    """

    id: str
    direction: Direction
    state: ReferralState
    from_site_id: str
    target_site_id: str
    home_site_id: str
    person_id: str
    created_at: datetime
    created_by: str
    revision: int = 0
    content: UpContent = field(default_factory=UpContent)
    plan: DownPlan | None = None
    attachments: tuple[Attachment, ...] = ()
    steps: tuple[Step, ...] = ()
    past_targets: tuple[str, ...] = ()
    requested_at: datetime | None = None
    answered_at: datetime | None = None
    arrived_at: datetime | None = None
    down_at: datetime | None = None
    ended_at: datetime | None = None
    is_demo: bool = False

    def __post_init__(self) -> None:
        is_sent = self.state not in (ReferralState.DRAFT, ReferralState.CANCELLED)
        if is_sent and self.direction is Direction.UP and self.requested_at is None:
            raise ValueError("a referral that was sent knows when")
        if self.state is ReferralState.REFERRED_DOWN and (self.plan is None or not self.down_at):
            raise ValueError("a down-referral has a plan and a time")

    @property
    def is_emergency(self) -> bool:
        """True for an emergency."""
        return self.content.urgency is ReferralUrgency.EMERGENCY

    def step(self, key: str) -> Step | None:
        """The act with this key; None when it has not happened."""
        return next((one for one in self.steps if one.key == key), None)

    def last(self, *actions: ReferralAction) -> Step | None:
        """The newest of these acts; None when there was none."""
        return next((one for one in reversed(self.steps) if one.action in actions), None)


#: Which instant an act sets.
_STAMPS: Final = {
    ReferralAction.ACCEPT: "answered_at",
    ReferralAction.DECLINE: "answered_at",
    ReferralAction.REDIRECT: "answered_at",
    ReferralAction.ARRIVE: "arrived_at",
    ReferralAction.REFER_DOWN: "down_at",
    ReferralAction.CLOSE: "ended_at",
    ReferralAction.CANCEL: "ended_at",
}


def applied(
    referral: Referral, step: Step, state: ReferralState, *, plan: DownPlan | None = None
) -> Referral:
    """The referral after an act that the workflow allows.

    The first request and the first answer keep their times; an answer taken back is none.
    """
    changes: dict[str, object] = {}
    stamp = _STAMPS.get(step.action)
    if step.action is ReferralAction.SEND and referral.requested_at is None:
        changes["requested_at"] = step.at
    if stamp is not None and (stamp != "answered_at" or referral.answered_at is None):
        changes[stamp] = step.at
    if step.action is ReferralAction.ARRIVE and referral.answered_at is None:
        changes["answered_at"] = step.at
    if step.action is ReferralAction.TAKE_BACK:
        changes = _taken_back(referral)
    if plan is not None:
        changes["plan"] = plan
    steps = (*referral.steps, replace(step, state=state))
    return replace(referral, state=state, steps=steps, **changes)  # type: ignore[arg-type]  # named above


def _taken_back(referral: Referral) -> dict[str, object]:
    if referral.state is ReferralState.REFERRED_DOWN:
        return {"down_at": None, "plan": None}
    return {"answered_at": None}
