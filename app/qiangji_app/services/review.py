"""What the county specialist does: claim, correct the model, write, sign, amend, return."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from qiangji_app.domain.case import (
    Case,
    Finding,
    Verdict,
    without_reasons,
)
from qiangji_app.domain.report import (
    DIGEST_VERSION,
    DraftReport,
    ReportContent,
    SignedReport,
    signed_digest,
)
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.workflow import Action, State
from qiangji_app.ports import Unit
from qiangji_app.services.access import require, require_licence, visible_case
from qiangji_app.services.ai_use import use_now
from qiangji_app.services.calling import CallContent, put_call
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.disease_reports import begin_clocks
from qiangji_app.services.limits import whole
from qiangji_app.services.presign import needs_call, ready
from qiangji_app.services.splitting import siblings
from qiangji_app.services.thread import say
from qiangji_app.services.urgency import refresh_urgency
from qiangji_app.services.verdicts import note_verdict, restore_signed
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted
from qiangji_datasets.labels import label

#: Why a case goes back for a retake; texts under ``return.<code>``.
RETURN_REASONS: Final = (
    "wrong_patient",
    "image_quality",
    "wrong_view",
    "lead_reversal",
    "incomplete",
    "other",
)


def claim(ctx: Context, actor: Actor, case_id: str) -> Case:
    """Take a case from the worklist; nobody else writes on it until it is released.

    Raises
    ------
    Conflict
        Somebody else claimed it first; ``take_over`` is for a holder who is away.
    """
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        if case.state is State.CLAIMED:
            if case.claimed_by == actor.user_id:
                return case
            raise Conflict("case.claimed_by_other")
        case = replace(
            require(actor, case, Action.CLAIM),
            claimed_by=actor.user_id,
            claimed_at=ctx.clock.now(),
        )
        case = unit.cases.save(case)
        unit.events.append(type="case.claimed", actor_id=actor.user_id, case_id=case.id)
        unit.commit()
    return case


def take_over(ctx: Context, actor: Actor, case_id: str, reason: str, holder_id: str) -> Case:
    """Take a case, or an open amendment, from a specialist who is away; their draft is dropped.

    Parameters
    ----------
    holder_id
        From whom, as the actor saw it when he confirmed.

    Raises
    ------
    InputRejected
        No reason given.
    Conflict
        Nobody else holds it, or by now somebody else than ``holder_id`` does.
    """
    if not reason.strip():
        raise InputRejected("take_over.reason_needed")
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.TAKE_OVER)
        draft = unit.cases.draft(case.id)
        holder = case.claimed_by if case.state is State.CLAIMED else draft and draft.author_id
        if not holder or holder == actor.user_id:
            raise Conflict("take_over.nobody_holds")
        if holder != holder_id:
            raise Conflict("take_over.holder_changed")
        unit.cases.remove_draft(case.id)
        if case.state is State.CLAIMED:
            case = unit.cases.save(
                replace(case, claimed_by=actor.user_id, claimed_at=ctx.clock.now())
            )
        else:
            restore_signed(unit, actor, case.id)
        say(ctx, unit, actor, case.id, kind="take_over", text=reason)
        unit.events.append(
            type="case.taken_over",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"from": holder},
        )
        unit.commit()
    return case


def release(ctx: Context, actor: Actor, case_id: str) -> Case:
    """Give a case back to the worklist, or discard an amendment; a draft report is dropped.

    With an amendment go the verdicts that were given in it.
    """
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        case = require(actor, case, Action.RELEASE, unit.cases.draft(case.id))
        unit.cases.remove_draft(case.id)
        if case.state is State.SUBMITTED:
            case = replace(case, claimed_by="", claimed_at=None)
        else:
            restore_signed(unit, actor, case.id)
        case = unit.cases.save(case)
        unit.events.append(type="case.released", actor_id=actor.user_id, case_id=case.id)
        unit.commit()
    return case


def return_case(ctx: Context, actor: Actor, case_id: str, reason_code: str, text: str) -> Case:
    """Send a case back for a retake, with a coded reason.

    Raises
    ------
    InputRejected
        Unknown reason, or "other" without a text.
    """
    if reason_code not in RETURN_REASONS:
        raise InputRejected("return.unknown_reason", reason=reason_code[:40])
    if reason_code == "other" and not text.strip():
        raise InputRejected("return.text_needed")
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        case = require(actor, case, Action.RETURN, unit.cases.draft(case.id))
        case = unit.cases.save(replace(without_reasons(case), claimed_by="", claimed_at=None))
        unit.cases.remove_draft(case.id)
        say(ctx, unit, actor, case.id, kind="return", text=text, reason_code=reason_code)
        unit.events.append(
            type="case.returned",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"reason": reason_code},
        )
        unit.commit()
    return case


def save_draft(ctx: Context, actor: Actor, case_id: str, content: ReportContent) -> DraftReport:
    """Keep the report under way; only its author ever sees it."""
    _check_content(content)
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        known = unit.cases.draft(case.id)
        require(actor, case, Action.WRITE, known)
        draft = DraftReport(
            case_id=case.id,
            author_id=actor.user_id,
            content=content,
            saved_at=ctx.clock.now(),
            amends_version=known.amends_version if known else 0,
            amend_reason=known.amend_reason if known else "",
        )
        unit.cases.save_draft(draft)
        unit.commit()
    return draft


def judge(
    ctx: Context,
    actor: Actor,
    case_id: str,
    finding_id: str,
    *,
    verdict: Verdict,
    edited_label: str = "",
) -> Finding:
    """Accept, reject or edit one AI hint; kept as feedback on the model.

    Raises
    ------
    InputRejected
        Edited without a label, or the label is unknown.
    """
    if verdict is Verdict.EDITED:
        label(edited_label)
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.WRITE, unit.cases.draft(case.id))
        finding = unit.cases.finding(finding_id)
        if finding is None or finding.case_id != case.id:
            raise NotFound("finding.not_found")
        is_open = verdict is Verdict.OPEN
        finding = replace(
            finding,
            verdict=verdict,
            verdict_by="" if is_open else actor.user_id,
            verdict_at=None if is_open else ctx.clock.now(),
            verdict_label=edited_label if verdict is Verdict.EDITED else "",
        )
        unit.cases.save_finding(finding)
        note_verdict(unit, actor, finding)
        unit.commit()
    return finding


def sign(
    ctx: Context,
    caller: Caller,
    case_id: str,
    draft_sha256: str,
    *,
    call: CallContent | None = None,
) -> SignedReport:
    """Sign the draft as the next version; the site must acknowledge that version.

    Parameters
    ----------
    draft_sha256
        ``draft_digest`` of what the signer has before him.
    call
        The critical value to call to the site in the same step.

    Raises
    ------
    NotPermitted
        ``sign.password_needed`` when the password entry is older than ``SIGN_UNLOCK``.
    InputRejected
        No draft, or no impression.
    Conflict
        As ``presign.ready`` says; ``sign.call_needed``: a critical report of a case that was never
        called, without a call.
    """
    actor = caller.actor
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        draft = unit.cases.draft(case.id)
        after = require(actor, case, Action.SIGN, draft)
        require_licence(unit, actor, case)
        if not caller.session.may_sign(ctx.clock.now()):
            raise NotPermitted("sign.password_needed")
        if actor.user_id in _senders(unit, case):
            raise NotPermitted("workflow.own_case")
        draft = ready(unit, case, draft, draft_sha256)
        if call is not None:
            put_call(ctx, unit, actor, case, call)
        elif needs_call(unit, draft):
            raise Conflict("sign.call_needed")
        report = _signed(ctx, unit, actor, case, draft)
        unit.cases.add_signed(report)
        begin_clocks(ctx, unit, case, report)
        unit.cases.remove_draft(case.id)
        refresh_urgency(
            unit, replace(after, report_version=report.version, claimed_by="", claimed_at=None)
        )
        unit.events.append(
            type="report.signed",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={
                "version": report.version,
                "content_sha256": report.content_sha256,
                "digest_version": report.digest_version,
                "amends": draft.amends_version,
                "is_critical": report.content.is_critical,
            },
        )
        unit.commit()
    return report


def amend(ctx: Context, actor: Actor, case_id: str, reason: str) -> DraftReport:
    """Open an amendment; the signed report stays valid until the new version is signed.

    Raises
    ------
    InputRejected
        No reason given.
    Conflict
        Somebody else's amendment is open.
    """
    if not reason.strip():
        raise InputRejected("amend.reason_needed")
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        require(actor, case, Action.AMEND)
        require_licence(unit, actor, case)
        known = unit.cases.draft(case.id)
        if known is not None:
            if known.author_id == actor.user_id:
                return known
            raise Conflict("amend.open_elsewhere")
        newest = unit.cases.signed(case.id)[-1]
        draft = DraftReport(
            case_id=case.id,
            author_id=actor.user_id,
            content=newest.content,
            saved_at=ctx.clock.now(),
            amends_version=newest.version,
            amend_reason=whole(reason),
        )
        unit.cases.save_draft(draft)
        unit.events.append(
            type="report.amendment_opened",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"amends": newest.version},
        )
        unit.commit()
    return draft


def _senders(unit: Unit, case: Case) -> set[str]:
    """Who opened the case, uploaded to it or sent it up: none of them may sign it.

    The same holds for cases that were split from each other: an upload stays with the one it was
    made to.
    """
    found = set()
    for one in (case, *siblings(unit, case)):
        found |= {one.created_by}
        found |= {upload.user_id for upload in unit.uploads.of_case(one.id)}
        events = unit.events.of_case(one.id)
        found |= {event.actor_id for event in events if event.type == "case.submitted"}
    return found


def _signed(ctx: Context, unit: Unit, actor: Actor, case: Case, draft: DraftReport) -> SignedReport:
    report = SignedReport(
        case_id=case.id,
        version=case.report_version + 1,
        content=draft.content,
        signer_id=actor.user_id,
        signer_name=actor.display_name,
        signer_licence=actor.licence_number,
        signer_site_id=actor.site_id,
        signer_site=next(row.name for row in unit.accounts.sites() if row.id == actor.site_id),
        signed_at=ctx.clock.now(),
        recording_sha256=tuple(row.blob_sha256 for row in unit.cases.recordings(case.id)),
        content_sha256="",
        ai_assisted=use_now(unit.cases.findings(case.id)).is_assisted,
        amend_reason=draft.amend_reason,
        digest_version=DIGEST_VERSION,
    )
    return replace(report, content_sha256=signed_digest(report))


def _check_content(content: ReportContent) -> None:
    texts = (content.impression, content.advice, *content.fields.values())
    for text in texts:
        whole(text)
    for label_id in content.findings:
        label(label_id)
