"""Cases: draft, request, submit, claim, write, sign, amend, acknowledge, message."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from qiangji_app.domain.case import ClinicalRequest, RequestedUrgency, Verdict
from qiangji_app.domain.person import IdentityKind, Patient
from qiangji_app.domain.report import ReportContent, draft_digest
from qiangji_app.services import (
    accounts,
    capture,
    followup,
    held,
    identity,
    limits,
    listing,
    presign,
    review,
    sessions,
)
from qiangji_app.services.context import Caller, Context
from qiangji_app.web.api.deps import Ctx, Lang, Who
from qiangji_app.web.api.present import Presenter
from qiangji_app.web.api.words import Json, Words

router = APIRouter(tags=["cases"])
Text = Annotated[str, Field(max_length=limits.MAX_TEXT)]


class NewCase(BaseModel):
    """A draft with an id made by the client."""

    case_id: str = Field(max_length=36)
    modality: str | None = None


class PatientForm(BaseModel):
    """Who the patient is, as typed at the desk."""

    name: str = Field(default="", max_length=200)
    kind: IdentityKind = IdentityKind.KNOWN
    id_number: str = Field(default="", max_length=40)
    birth_date: date | None = None
    age_years: float | None = None
    sex: str = Field(default="", max_length=1)
    phone: str = Field(default="", max_length=200)
    issuer: str = Field(default="", max_length=64)
    patient_id: str = Field(default="", max_length=200)


class ClinicalForm(BaseModel):
    """What the requester asks."""

    requested: RequestedUrgency = RequestedUrgency.ROUTINE
    onset_at: AwareDatetime | None = None
    symptom: Text = ""
    history: Text = ""
    visit_number: str = Field(default="", max_length=200)


class RequestForm(BaseModel):
    """The whole request form."""

    patient: PatientForm
    clinical: ClinicalForm = ClinicalForm()


class Submission(BaseModel):
    """Confirmations that a submission may need."""

    override_reason: Text = ""
    identity_reason: Text = ""
    person_id: str = Field(default="", max_length=36)


class Reason(BaseModel):
    """A free-text reason."""

    reason: Text


class TakeOverForm(Reason):
    """Why, and from whom as the page showed it."""

    holder_id: str = Field(max_length=36)


class ReturnForm(BaseModel):
    """Why the case goes back."""

    reason_code: str = Field(max_length=40)
    text: Text = ""


class DraftForm(BaseModel):
    """The report under way."""

    template_id: str = Field(default="", max_length=64)
    fields: dict[str, Text] = Field(default_factory=dict)
    impression: Text = ""
    advice: Text = ""
    findings: list[str] = Field(default_factory=list, max_length=50)
    measurements: dict[str, str] = Field(default_factory=dict)
    is_critical: bool = False


class VerdictForm(BaseModel):
    """What the specialist decided about an AI hint."""

    verdict: Verdict
    label: str = Field(default="", max_length=64)


class SignForm(BaseModel):
    """The password, unless entered within the last minutes."""

    password: str = Field(default="", max_length=200)


class DraftName(BaseModel):
    """Names the draft that is signed, as saving it answered."""

    draft_sha256: str = Field(min_length=64, max_length=64)


class ReportSignForm(DraftName, SignForm):
    """Which draft, and the password where it is asked for."""


class AcknowledgeForm(BaseModel):
    """Which version was read."""

    report_version: int
    note: Text = ""


class MessageForm(BaseModel):
    """A message in the thread."""

    text: Text


def presenter(ctx: Context, who: Caller) -> Presenter:
    """A presenter for the caller."""
    sites = {site.id: site for site in accounts.list_sites(ctx, who.actor)}
    names = accounts.display_names(ctx)
    return Presenter(ctx.catalogue, who, sites, names=names, now=ctx.clock.now())


def show(ctx: Context, who: Caller, case_id: str) -> Json:
    """The case as the caller sees it now."""
    return presenter(ctx, who).detail(listing.view_case(ctx, who.actor, case_id))


@router.post("/cases")
def open_case(body: NewCase, ctx: Ctx, who: Who) -> Json:
    """Begin a draft; repeating it gives the same case."""
    case = capture.open_case(ctx, who.actor, body.case_id, body.modality or "")
    return show(ctx, who, case.id)


class ListQuery(BaseModel):
    """Which list, and which part of it. No search text: an address lands in logs."""

    model_config = ConfigDict(extra="forbid")

    view: str = "mine"
    modality: str = ""
    state: str = ""
    site: str = ""
    limit: int = Field(default=50, ge=1, le=listing.MAX_ROWS)
    offset: int = Field(default=0, ge=0)


class SearchForm(ListQuery):
    """The same with a text: part of a name, a visit, patient or phone number."""

    q: str = Field(default="", max_length=100)


@router.get("/cases")
def list_cases(ctx: Ctx, who: Who, query: Annotated[ListQuery, Query()]) -> Json:
    """One page of a list: mine, worklist or results."""
    return _listed(ctx, who, query)


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
def confirm_identity(case_id: str, body: Reason, ctx: Ctx, who: Who) -> Json:
    """Say why form and file belong to the same patient."""
    identity.confirm_identity(ctx, who.actor, case_id, body.reason)
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
    review.sign(ctx, unlocked(ctx, who, body), case_id, body.draft_sha256)
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
