"""Referrals of the test county, step by step through the services."""

from __future__ import annotations

import uuid
from datetime import date

from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import (
    Attachment,
    Direction,
    DownPlan,
    Medicine,
    PlannedFollowUp,
    Referral,
    ReferralUrgency,
    UpContent,
)
from qiangji_app.domain.referral_workflow import ReferralAction
from qiangji_app.services import referral_drafts, referring
from qiangji_app.services.referral_drafts import DraftForm, Prefill
from qiangji_app.services.referring import Act
from support.county import County

PLAN = DownPlan(
    diagnosis="高血压 3 级",
    next_steps="低盐饮食,每周测血压",
    medicines=(Medicine("氨氯地平", "5 mg", "每日一次", "长期"),),
    follow_ups=(PlannedFollowUp(date(2026, 3, 16), "测血压"),),
)


def up_content(**changes: object) -> UpContent:
    """What a receiving doctor needs to know."""
    fields: dict[str, object] = {
        "reasons": ("hypertension.acute",),
        "urgency": ReferralUrgency.EMERGENCY,
        "department": "emergency",
        "transport": "ambulance",
        "has_consent": True,
        "present_history": "血压 186/112,视物模糊 1 小时",
    }
    return UpContent(**(fields | changes))  # type: ignore[arg-type]  # fields are given by name


class Referring:
    """People of the test county who refer a patient; every act has a key of its own."""

    def __init__(self, county: County) -> None:
        self.county = county
        self.ctx = county.ctx

    def stored(self, referral_id: str) -> Referral:
        """The referral as stored."""
        with self.county.store.read() as unit:
            found = unit.referrals.get(referral_id)
        assert found is not None
        return found

    def act(self, referral_id: str, code: str = "", text: str = "") -> Act:
        """An act on the newest version."""
        return Act(str(uuid.uuid4()), self.stored(referral_id).revision, code, text)

    def begun(
        self,
        by: str = "township",
        *,
        direction: Direction = Direction.UP,
        attachments: tuple[Attachment, ...] = (),
    ) -> Referral:
        """A draft as it opens."""
        actor = self.county.caller(by).actor
        prefill = Prefill(attachments=attachments)
        return referral_drafts.draft_from(
            self.ctx, actor, str(uuid.uuid4()), prefill, direction=direction
        )

    def filled(
        self, by: str = "township", *, target: str = "county", **changes: object
    ) -> Referral:
        """A draft that may be sent."""
        draft = self.begun(by)
        form = DraftForm(
            content=up_content(**changes),
            target_site_id=target,
            home_site_id=draft.home_site_id,
            attachments=(),
            patient=Patient(name="钱某", sex="F", age_years=62, phone="0000-5"),
        )
        actor = self.county.caller(by).actor
        return referral_drafts.edit_draft(self.ctx, actor, draft.id, draft.revision, form)

    def sent(self, by: str = "township", *, target: str = "county", **changes: object) -> str:
        """A referral that waits for an answer; returns its id."""
        draft = self.filled(by, target=target, **changes)
        actor = self.county.caller(by).actor
        referring.send(self.ctx, actor, draft.id, self.act(draft.id))
        return draft.id

    def do(
        self,
        referral_id: str,
        action: ReferralAction,
        by: str = "receiving",
        *,
        code: str = "",
        text: str = "",
    ) -> Referral:
        """A plain act."""
        actor = self.county.caller(by).actor
        act = self.act(referral_id, code, text)
        return referring.answer(self.ctx, actor, referral_id, act, action)

    def down(self, referral_id: str, by: str = "receiving", *, plan: DownPlan = PLAN) -> Referral:
        """Refer the patient down."""
        actor = self.county.caller(by).actor
        return referring.refer_down(self.ctx, actor, referral_id, self.act(referral_id), plan=plan)

    def referred_down(self) -> str:
        """A referral all the way up and down; returns its id."""
        referral_id = self.sent()
        for action in (ReferralAction.ACCEPT, ReferralAction.ARRIVE, ReferralAction.ADMIT):
            self.do(referral_id, action)
        self.down(referral_id)
        return referral_id
