"""Alarms and critical calls: who is told, who has looked, how a call ended."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from qiangji_app.services import alarms, followup, listing
from qiangji_app.services.ages import age_text, sent_day
from qiangji_app.services.context import Caller, Context
from qiangji_app.web.api.case_forms import CallContentForm, SignForm, Text
from qiangji_app.web.api.cases import presenter, show, unlocked
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.present import Presenter
from qiangji_app.web.api.unchanged import unless_known
from qiangji_app.web.api.words import Json

router = APIRouter(tags=["alarms"])


class CallForm(CallContentForm, SignForm):
    """A critical value to call."""


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
def alerts(request: Request, ctx: Ctx, who: Who) -> Response:
    """Open AI alarms and critical calls, and how many results wait to be taken note of.

    Every open page asks this again and again: a page that knows the answer already says so with
    ``If-None-Match`` and is told 304, which costs no look at any case.
    """
    version = alarms.version(ctx, who.actor)
    return unless_known(request, who, version, lambda: _alerts(ctx, who))


def _alerts(ctx: Context, who: Caller) -> Json:
    present = presenter(ctx, who)
    items = [_alert(ctx, who, present, row) for row in alarms.alerts(ctx, who.actor)]
    return {"items": items, "unread_results": listing.unread_results(ctx, who.actor)}


def _alert(ctx: Context, who: Caller, present: Presenter, alert: alarms.Alert) -> Json:
    words = [row["text"] for row in present.reasons(alert.reasons)]
    actor = who.actor
    return {
        "key": alert.key,
        "case_id": alert.case.id,
        "call_id": alert.call.id if alert.call else None,
        "kind": alert.kind,
        "code": alert.call.code if alert.call else "",
        "state": alert.case.state.value,
        "text": alert.call.text if alert.call else present.text("list.semicolon").join(words),
        "since": alert.since.isoformat(),
        "site": present.site(alert.case.site_id),
        "short_id": alert.case.id[-8:],
        "patient": _patient(ctx, who, alert),
        "is_own_site": alert.case.site_id == actor.site_id,
        "may_mark_seen": alarms.may_mark_seen(actor, alert.case),
        "seen": present.seen(alert.seen),
        "contact": present.contact(alert.contact) if alert.contact else None,
    }


def _patient(ctx: Context, who: Caller, alert: alarms.Alert) -> Json | None:
    """Who it is about, as one would say it on the telephone; None for who may not open the case."""
    patient, day = alert.patient, alert.age_day
    if patient is None or day is None:
        return None
    sent_on = sent_day(alert.case, alert.contact.site if alert.contact else None)
    return {
        "name": patient.name,
        "sex": patient.sex,
        "age_text": age_text(patient, day, ctx.catalogue, who.language, sent_on=sent_on),
        "visit_number": alert.case.request.visit_number,
        "patient_id": patient.patient_id,
    }
