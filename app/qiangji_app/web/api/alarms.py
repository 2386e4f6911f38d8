"""Alarms and critical calls: who is told, who has looked, how a call ended."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from qiangji_app.domain.roles import Actor
from qiangji_app.services import alarms, followup
from qiangji_app.web.api.cases import SignForm, Text, presenter, show, unlocked
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.present import Presenter
from qiangji_app.web.api.words import Json

router = APIRouter(tags=["alarms"])


class CallForm(SignForm):
    """A critical value to call."""

    code: str = Field(default="", max_length=64)
    text: Text


class AnswerForm(BaseModel):
    """How a call ended."""

    outcome: str = Field(max_length=40)
    read_back: Text = ""
    read_back_by: str = Field(default="", max_length=100)


@router.post("/cases/{case_id}/calls")
def raise_call(case_id: str, body: CallForm, ctx: Ctx, who: Who) -> Json:
    """Call a critical value to the site."""
    call = followup.raise_call(ctx, unlocked(ctx, who, body), case_id, body.code, body.text)
    return presenter(ctx, who).call(call, {who.actor.user_id: who.actor.display_name})


@router.post("/calls/{call_id}/confirm")
def confirm_call(call_id: str, body: AnswerForm, ctx: Ctx, who: Who) -> Json:
    """Record how a call ended."""
    call = followup.confirm_call(ctx, who.actor, call_id, **body.model_dump())
    return presenter(ctx, who).call(call, {who.actor.user_id: who.actor.display_name})


@router.post("/cases/{case_id}/alarm-seen")
def mark_seen(case_id: str, ctx: Ctx, who: Who) -> Json:
    """Say that the patient behind an AI alarm was looked at."""
    alarms.mark_seen(ctx, who.actor, case_id)
    return show(ctx, who, case_id)


@router.get("/alerts")
def alerts(ctx: Ctx, who: Who) -> Json:
    """Open AI alarms and critical calls."""
    present = presenter(ctx, who)
    return {"items": [_alert(present, row, who.actor) for row in alarms.alerts(ctx, who.actor)]}


def _alert(present: Presenter, alert: alarms.Alert, actor: Actor) -> Json:
    words = [row["text"] for row in present.reasons(alert.reasons)]
    return {
        "case_id": alert.case.id,
        "call_id": alert.call.id if alert.call else None,
        "kind": alert.kind,
        "state": alert.case.state.value,
        "text": alert.call.text if alert.call else "；".join(words),
        "since": alert.since.isoformat(),
        "site": present.site(alert.case.site_id),
        "patient_name": alert.patient_name,
        "is_own_site": alert.case.site_id == actor.site_id,
        "may_mark_seen": alarms.may_mark_seen(actor, alert.case),
        "seen": present.seen(alert.seen),
        "contact": present.contact(alert.contact) if alert.contact else None,
    }
