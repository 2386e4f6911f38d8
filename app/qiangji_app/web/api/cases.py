"""Cases: draft, request, submit, claim, write, sign, amend, acknowledge, message."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from qiangji_app.domain.case import ClinicalRequest
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import ReportContent, draft_digest
from qiangji_app.services import (
    accounts,
    capture,
    followup,
    held,
    identity,
    listing,
    presign,
    review,
    sessions,
)
from qiangji_app.services.calling import CallContent
from qiangji_app.services.context import Caller, Context
from qiangji_app.web.api.case_forms import (
    AcknowledgeForm,
    DraftForm,
    DraftName,
    IdentityForm,
    ListQuery,
    MessageForm,
    NewCase,
    Reason,
    ReportSignForm,
    RequestForm,
    ReturnForm,
    SearchForm,
    SignForm,
    Submission,
    TakeOverForm,
    VerdictForm,
)
from qiangji_app.web.api.deps import Ctx, Lang, Who
from qiangji_app.web.api.present import Presenter
from qiangji_app.web.api.unchanged import unless_known
from qiangji_app.web.api.words import Json, Words

router = APIRouter(tags=["cases"])


def presenter(ctx: Context, who: Caller) -> Presenter:
    """A presenter for the caller."""
    sites = {site.id: site for site in accounts.list_sites(ctx, who.actor)}
    names = accounts.display_names(ctx, who.actor)
    return Presenter(ctx.catalogue, who, sites, names=names, now=ctx.clock.now())


def show(ctx: Context, who: Caller, case_id: str) -> Json:
    """The case as the caller sees it now."""
    return presenter(ctx, who).detail(listing.view_case(ctx, who.actor, case_id))


@router.post("/cases")
def open_case(body: NewCase, ctx: Ctx, who: Who) -> Json:
    """Begin a draft; repeating it gives the same case."""
    case = capture.open_case(ctx, who.actor, body.case_id, body.modality or "")
    return show(ctx, who, case.id)


@router.get("/cases")
def list_cases(
    request: Request, ctx: Ctx, who: Who, query: Annotated[ListQuery, Query()]
) -> Response:
    """One page of a list: mine, worklist or results; 304 for who knows it, as with alarms."""
    version = listing.version(ctx, who.actor)
    return unless_known(request, who, version, lambda: _listed(ctx, who, query))


@router.post("/cases/search")
def search_cases(body: SearchForm, ctx: Ctx, who: Who) -> Json:
    """The same with a text to look for."""
    return _listed(ctx, who, body, text=body.q)


def _listed(ctx: Context, who: Caller, query: ListQuery, text: str = "") -> Json:
    wanted = listing.Filter(
        view=query.view,
        modality=query.modality,
        state=query.state,
        text=text,
        site_id=query.site,
        limit=query.limit,
        offset=query.offset,
    )
    page = listing.list_cases(ctx, who.actor, wanted)
    present = presenter(ctx, who)
    items = [present.row(row) for row in page.rows]
    return {
        "items": items,
        "total": page.total,
        "unread": page.unread,
        "truncated": page.is_truncated,
    }


@router.get("/cases/{case_id}")
def read_case(case_id: str, ctx: Ctx, who: Who) -> Json:
    """Open a case; written to the chain of reads."""
    return presenter(ctx, who).detail(listing.open_case(ctx, who.actor, case_id))


@router.put("/cases/{case_id}/request")
def set_request(case_id: str, body: RequestForm, ctx: Ctx, who: Who) -> Json:
    """Store the request form; tells of possible duplicates and differences to the files."""
    patient = Patient(**body.patient.model_dump())
    clinical = ClinicalRequest(**body.clinical.model_dump())
    capture.set_request(ctx, who.actor, case_id, patient, clinical)
    return show(ctx, who, case_id) | _warnings(ctx, who, case_id)


@router.get("/cases/{case_id}/warnings")
def warnings(case_id: str, ctx: Ctx, who: Who) -> Json:
    """Possible duplicates, and fields in which form and files differ; a read, as a case is."""
    listing.note_warnings_read(ctx, who.actor, case_id)
    return _warnings(ctx, who, case_id)


@router.post("/cases/{case_id}/submit")
def submit(case_id: str, body: Submission, ctx: Ctx, who: Who) -> Json:
    """Send the case to the county."""
    capture.submit(ctx, who.actor, case_id, **body.model_dump())
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/identity")
def confirm_identity(case_id: str, body: IdentityForm, ctx: Ctx, who: Who) -> Json:
    """Say why form and file belong to the same patient."""
    identity.confirm_identity(ctx, who.actor, case_id, body.reason, date_reason=body.date_reason)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/withdraw")
def withdraw(case_id: str, body: Reason, ctx: Ctx, who: Who) -> Json:
    """Take the case back."""
    capture.withdraw(ctx, who.actor, case_id, body.reason)
    return show(ctx, who, case_id)


@router.delete("/cases/{case_id}/recordings/{recording_id}")
def remove_recording(case_id: str, recording_id: str, ctx: Ctx, who: Who) -> Json:
    """Take a recording off a draft."""
    capture.remove_recording(ctx, who.actor, case_id, recording_id)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/claim")
def claim(case_id: str, ctx: Ctx, who: Who) -> Json:
    """Take the case from the worklist."""
    review.claim(ctx, who.actor, case_id)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/take-over")
def take_over(case_id: str, body: TakeOverForm, ctx: Ctx, who: Who) -> Json:
    """Take a case or an open amendment from a specialist who is away."""
    review.take_over(ctx, who.actor, case_id, body.reason, body.holder_id)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/release")
def release(case_id: str, ctx: Ctx, who: Who) -> Json:
    """Give the case back, or discard an amendment."""
    review.release(ctx, who.actor, case_id)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/return")
def return_case(case_id: str, body: ReturnForm, ctx: Ctx, who: Who) -> Json:
    """Send the case back for a retake."""
    review.return_case(ctx, who.actor, case_id, body.reason_code, body.text)
    return show(ctx, who, case_id)


@router.put("/cases/{case_id}/draft")
def save_draft(case_id: str, body: DraftForm, ctx: Ctx, who: Who) -> Json:
    """Keep the report under way."""
    content = ReportContent(**(body.model_dump() | {"findings": tuple(body.findings)}))
    draft = review.save_draft(ctx, who.actor, case_id, content)
    return {"saved_at": draft.saved_at.isoformat(), "sha256": draft_digest(draft.content)}


@router.put("/cases/{case_id}/findings/{finding_id}")
def judge(case_id: str, finding_id: str, body: VerdictForm, ctx: Ctx, who: Who) -> Json:
    """Accept, reject or edit an AI hint."""
    finding = review.judge(
        ctx,
        who.actor,
        case_id,
        finding_id,
        verdict=body.verdict,
        edited_label=body.label,
    )
    return presenter(ctx, who).finding(finding, {who.actor.user_id: who.actor.display_name})


@router.get("/cases/{case_id}/holder")
def holder(case_id: str, ctx: Ctx, who: Who) -> Json:
    """Who reads the case or amends its report; names no patient, so it is not a read."""
    found = listing.holding(ctx, who.actor, case_id)
    return {
        "state": found.state.value,
        "report_version": found.report_version,
        "holder": presenter(ctx, who).holder(found.user_id, found.since),
    }


@router.post("/cases/{case_id}/presign")
def presign_draft(case_id: str, body: DraftName, ctx: Ctx, who: Who) -> Json:
    """What would be signed now, and where it contradicts itself; signs nothing."""
    found = presign.check_draft(ctx, who, case_id, body.draft_sha256)
    return presenter(ctx, who).presigned(found)


@router.post("/cases/{case_id}/sign")
def sign(case_id: str, body: ReportSignForm, ctx: Ctx, who: Who) -> Json:
    """Sign the draft as the next version."""
    call = CallContent(body.call.code, body.call.text) if body.call else None
    review.sign(ctx, unlocked(ctx, who, body), case_id, body.draft_sha256, call=call)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/amend")
def amend(case_id: str, body: Reason, ctx: Ctx, who: Who) -> Json:
    """Open an amendment."""
    review.amend(ctx, who.actor, case_id, body.reason)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/acknowledge")
def acknowledge(case_id: str, body: AcknowledgeForm, ctx: Ctx, who: Who) -> Json:
    """Take note of a signed version."""
    followup.acknowledge(ctx, who.actor, case_id, body.report_version, body.note)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/close")
def close(case_id: str, ctx: Ctx, who: Who) -> Json:
    """The township has acted."""
    followup.close(ctx, who.actor, case_id)
    return show(ctx, who, case_id)


@router.post("/cases/{case_id}/messages")
def send_message(case_id: str, body: MessageForm, ctx: Ctx, who: Who) -> Json:
    """Write into the thread."""
    followup.send_message(ctx, who.actor, case_id, body.text)
    return show(ctx, who, case_id)


@router.get("/templates")
def templates(request: Request, modality: str, language: Lang) -> list[Json]:
    """Report templates of a modality."""
    return [
        item.as_json(language) for item in request.app.state.templates if item.modality == modality
    ]


def unlocked(ctx: Context, who: Caller, body: SignForm) -> Caller:
    """The caller, after the password where one was given."""
    return sessions.unlock(ctx, who, body.password) if body.password else who


def _warnings(ctx: Context, who: Caller, case_id: str) -> Json:
    found = identity.duplicates(ctx, who.actor, case_id)
    differing = identity.differences(ctx, who.actor, case_id, who.language)
    present = presenter(ctx, who)
    words = Words(ctx.catalogue, who.language)
    return {
        "mismatches": list(dict.fromkeys(item.field for item in differing)),
        "differences": [asdict(item) for item in differing],
        "held_back": [
            {
                "recording_id": item.recording_id,
                "file_name": item.file_name,
                "is_readable": item.is_readable,
                "notices": [words.notice(row) for row in item.notices],
            }
            for item in held.held_files(ctx, who.actor, case_id)
        ],
        "duplicates": [
            {
                "person_id": item.person_id,
                "name_masked": _masked(item.patient.name),
                "birth_year": item.patient.birth_date.year if item.patient.birth_date else None,
                "sex": item.patient.sex,
                "site": present.site(item.site_id),
                "reason": item.reason,
                "reason_text": present.text(f"duplicate.{item.reason}"),
            }
            for item in found
        ],
    }


def _masked(name: str) -> str:
    return name[:1] + "*" * (len(name) - 1)
