"""A few referrals of the demonstration, in different states, made through the same services."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, Final

from qiangji_app.demo.county import PASSWORD, county
from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import (
    DownPlan,
    Medicine,
    PlannedFollowUp,
    Referral,
    ReferralUrgency,
    UpContent,
)
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.domain.roles import Actor
from qiangji_app.services import referral_drafts, referring, sessions
from qiangji_app.services.context import Context
from qiangji_app.services.referral_drafts import DraftForm, Prefill
from qiangji_app.services.referring import Act

_NAMES: Final = uuid.UUID("0d9d4c1e-7f55-4a6c-9a5e-3f0b6c7d2e11")
_RECEIVING: Final = "jiezhen"
#: Acts by which a referral gets as far as ``until`` says; the first is sending it.
_PATHS: Final[dict[str, tuple[ReferralAction, ...]]] = {
    "requested": (),
    "accepted": (ReferralAction.ACCEPT,),
    "declined": (ReferralAction.DECLINE,),
    "in_care": (ReferralAction.ACCEPT, ReferralAction.ARRIVE, ReferralAction.ADMIT),
    "referred_down": (ReferralAction.ACCEPT, ReferralAction.ARRIVE, ReferralAction.ADMIT),
}


def seed_referrals(ctx: Context) -> None:
    """Make the referrals of the county table that are not there yet; those of people stay."""
    actors: dict[str, Actor] = {}
    for index, row in enumerate(county().get("referrals", ())):
        referral_id = str(uuid.uuid5(_NAMES, str(index)))
        with ctx.store.read() as unit:
            known = unit.referrals.get(referral_id)
        if known is None or known.state is ReferralState.DRAFT:
            _seed(ctx, actors, row, referral_id)


def _seed(ctx: Context, actors: dict[str, Actor], row: dict[str, Any], referral_id: str) -> None:
    sender, receiver = (_actor(ctx, actors, login) for login in (row["by"], _RECEIVING))
    draft = referral_drafts.draft_from(
        ctx, sender, referral_id, Prefill(reasons=tuple(row["reasons"]))
    )
    draft = referral_drafts.edit_draft(ctx, sender, draft.id, draft.revision, _form(row, draft))
    made = referring.send(ctx, sender, referral_id, _act(draft, "send"))
    for action in _PATHS[row["until"]]:
        text = row.get("answer", "") if action is not ReferralAction.ARRIVE else ""
        code = row.get("decline_code", "") if action is ReferralAction.DECLINE else ""
        act = _act(made, action.value, code=code, text=text)
        made = referring.answer(ctx, receiver, referral_id, act, action)
    if row["until"] == "referred_down":
        referring.refer_down(ctx, receiver, referral_id, _act(made, "down"), plan=_plan(ctx, row))


def _act(referral: Referral, name: str, *, code: str = "", text: str = "") -> Act:
    return Act(str(uuid.uuid5(_NAMES, f"{referral.id}/{name}")), referral.revision, code, text)


def _form(row: dict[str, Any], draft: Referral) -> DraftForm:
    content = UpContent(
        reasons=tuple(row["reasons"]),
        urgency=ReferralUrgency(row["urgency"]),
        department=row["department"],
        transport=row["transport"],
        is_green_channel=row.get("is_green_channel", False),
        has_consent=True,
        impression=row["impression"],
        present_history=row["present_history"],
        treatment=row.get("treatment", ""),
        doctor_phone=draft.content.doctor_phone,
    )
    return DraftForm(
        content=content,
        target_site_id=draft.target_site_id,
        home_site_id=draft.home_site_id,
        attachments=(),
        patient=Patient(name=row["name"], sex=row["sex"], age_years=row["age"]),
    )


def _plan(ctx: Context, row: dict[str, Any]) -> DownPlan:
    plan, today = row["plan"], ctx.clock.now().date()
    return DownPlan(
        diagnosis=plan["diagnosis"],
        next_steps=plan["next_steps"],
        refer_again_if=plan["refer_again_if"],
        medicines=tuple(Medicine(*line) for line in plan["medicines"]),
        follow_ups=tuple(
            PlannedFollowUp(today + timedelta(days=days), what) for days, what in plan["follow_ups"]
        ),
    )


def _actor(ctx: Context, actors: dict[str, Actor], login: str) -> Actor:
    if login not in actors:
        caller = sessions.sign_in(ctx, login, PASSWORD)[1]
        actors[login] = caller.actor
        sessions.sign_out(ctx, caller)
    return actors[login]
