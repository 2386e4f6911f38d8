"""Two-way referral: drafts, acts on both sides, letters, follow-ups, statistics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from qiangji_app.domain.referral_workflow import ReferralAction
from qiangji_app.printing.pdf import html_to_pdf
from qiangji_app.printing.referral_page import letter_html
from qiangji_app.services import (
    referral_alerts,
    referral_drafts,
    referral_follow_ups,
    referral_listing,
    referral_statistics,
    referring,
)
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.referral_letter import ReferralLetter, referral_letter
from qiangji_app.web.api.deps import Ctx, Lang, Who
from qiangji_app.web.api.present_referral import ReferralPresenter, codes_json, rows_json
from qiangji_app.web.api.referral_forms import (
    ActForm,
    Box,
    DownForm,
    FollowUpForm,
    NewReferral,
    PlainAct,
    ReferralForm,
    TargetForm,
)
from qiangji_app.web.api.unchanged import unless_known
from qiangji_app.web.api.words import Json, Words

router = APIRouter(tags=["referrals"])
_NO_STORE = {"Cache-Control": "no-store"}


def _present(ctx: Context, who: Caller) -> ReferralPresenter:
    with ctx.store.read() as unit:
        sites = {site.id: site for site in unit.accounts.sites()}
    words = Words(ctx.catalogue, who.language)
    return ReferralPresenter(words, sites, actor=who.actor, now=ctx.clock.now())


def _show(ctx: Context, who: Caller, referral_id: str) -> Json:
    found = referral_listing.view_referral(ctx, who.actor, referral_id)
    return _present(ctx, who).detail(found)


@router.get("/referral-codes")
def codes(ctx: Ctx, language: Lang) -> Json:
    """Reasons, departments, transports, answers, clocks."""
    return codes_json(Words(ctx.catalogue, language))


@router.get("/referrals")
def list_referrals(
    request: Request, ctx: Ctx, who: Who, box: Box = "sent", ended: bool = False
) -> Response:
    """A box; 304 for who knows it."""
    version = referral_listing.listing_version(ctx, who.actor)

    def body() -> Json:
        rows = referral_listing.list_referrals(ctx, who.actor, box, is_ended=ended)
        items = rows_json(_present(ctx, who), rows)
        return {"items": items, "total": len(items)}

    return unless_known(request, who, version, body)


@router.get("/referrals/waiting")
def waiting(request: Request, ctx: Ctx, who: Who) -> Response:
    """What cannot wait, and how much there is to do; 304 as with alarms."""
    version = referral_listing.listing_version(ctx, who.actor)

    def body() -> Json:
        found = referral_alerts.waiting(ctx, who.actor)
        present = _present(ctx, who)
        return {
            "items": [present.alert(one) for one in found.alerts],
            "my_turn": found.my_turn,
            "due": found.due,
            "boxes": list(referral_listing.may_list(who.actor)),
        }

    return unless_known(request, who, version, body)


@router.get("/referrals/statistics")
def statistics(ctx: Ctx, who: Who) -> Json:
    """Up and down by site and month."""
    present = _present(ctx, who)
    rows = referral_statistics.statistics(ctx, who.actor)
    return {"items": [present.month(row) for row in rows]}


@router.post("/referrals")
def open_draft(body: NewReferral, ctx: Ctx, who: Who) -> Json:
    """Begin a draft; repeating it gives the same one."""
    draft = referral_drafts.draft_from(
        ctx, who.actor, body.referral_id, body.prefill(), direction=body.direction
    )
    return _show(ctx, who, draft.id)


@router.get("/referrals/{referral_id}")
def read_referral(referral_id: str, ctx: Ctx, who: Who) -> Json:
    """Open a referral; written to the chain of reads."""
    return _present(ctx, who).detail(referral_listing.open_referral(ctx, who.actor, referral_id))


@router.put("/referrals/{referral_id}")
def edit_draft(referral_id: str, body: ReferralForm, ctx: Ctx, who: Who) -> Json:
    """Store the form of a draft."""
    referral_drafts.edit_draft(ctx, who.actor, referral_id, body.revision, body.made())
    return _show(ctx, who, referral_id)


@router.post("/referrals/{referral_id}/send")
def send(referral_id: str, body: TargetForm, ctx: Ctx, who: Who) -> Json:
    """Send it up, or once more after it was declined."""
    to = (body.site_id, body.department)
    referring.send(ctx, who.actor, referral_id, body.act(), to=to)
    return _show(ctx, who, referral_id)


@router.post("/referrals/{referral_id}/redirect")
def redirect(referral_id: str, body: TargetForm, ctx: Ctx, who: Who) -> Json:
    """Have another site or department asked."""
    target = {"site_id": body.site_id, "department": body.department}
    referring.redirect(ctx, who.actor, referral_id, body.act(), **target)
    return _show(ctx, who, referral_id)


@router.post("/referrals/{referral_id}/refer-down")
def refer_down(referral_id: str, body: DownForm, ctx: Ctx, who: Who) -> Json:
    """Send the patient home with a plan."""
    referring.refer_down(ctx, who.actor, referral_id, body.act(), plan=body.plan())
    return _show(ctx, who, referral_id)


@router.post("/referrals/{referral_id}/acts/{action}")
def answer(referral_id: str, action: PlainAct, body: ActForm, ctx: Ctx, who: Who) -> Json:
    """Any other act: a reason where one is asked for, and words."""
    act = ReferralAction(action.replace("-", "_"))
    referring.answer(ctx, who.actor, referral_id, body.act(), act)
    return _show(ctx, who, referral_id)


@router.get("/referrals/{referral_id}/letter.html")
def letter_page(referral_id: str, ctx: Ctx, who: Who, down: bool = False) -> HTMLResponse:
    """The letter to print."""
    letter = referral_letter(ctx, who.actor, referral_id, is_down=down)
    return HTMLResponse(_letter(ctx, who, letter), headers=_NO_STORE)


@router.get("/referrals/{referral_id}/letter.pdf")
def letter_pdf(referral_id: str, ctx: Ctx, who: Who, down: bool = False) -> Response:
    """The same as PDF."""
    letter = referral_letter(ctx, who.actor, referral_id, is_down=down)
    name = f"qiangji-referral-{referral_id[-8:]}.pdf"
    headers = _NO_STORE | {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(
        html_to_pdf(_letter(ctx, who, letter)), media_type="application/pdf", headers=headers
    )


def _letter(ctx: Context, who: Caller, letter: ReferralLetter) -> str:
    return letter_html(letter, ctx.catalogue, who.language)


@router.get("/referral-follow-ups")
def due(ctx: Ctx, who: Who) -> Json:
    """Follow-ups that are still due, the earliest first."""
    present = _present(ctx, who)
    rows = referral_follow_ups.due_follow_ups(ctx, who.actor)
    return {"items": [present.due(one) for one in rows], "total": len(rows)}


@router.post("/referral-follow-ups/{follow_up_id}/outcome")
def complete(follow_up_id: str, body: FollowUpForm, ctx: Ctx, who: Who) -> Json:
    """Say what came of a follow-up."""
    done = referral_follow_ups.complete_follow_up(
        ctx, who.actor, follow_up_id, body.outcome, body.note
    )
    return _present(ctx, who).follow_up(done, {who.actor.user_id: who.actor.display_name})


@router.delete("/referral-follow-ups/{follow_up_id}/outcome")
def reopen(follow_up_id: str, ctx: Ctx, who: Who) -> Json:
    """Take back one's own record; the follow-up is due again."""
    found = referral_follow_ups.reopen_follow_up(ctx, who.actor, follow_up_id)
    return _present(ctx, who).follow_up(found, {})
