"""Recognition (互认): another site's signed results, opened with a reason and judged."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from qiangji_app.domain.recognition import OPEN_FOR, Basis, RecognitionAct, RecognitionKind
from qiangji_app.printing.recognition_lines import recognition_lines
from qiangji_app.recognition_rules import Choice, RecognitionRules
from qiangji_app.services import recognition
from qiangji_app.services.context import Caller, Context
from qiangji_app.web.api.deps import Ctx, Recognising, Who
from qiangji_app.web.api.results import Printing
from qiangji_app.web.api.words import Json

router = APIRouter(tags=["recognition"])


class GroundsForm(BaseModel):
    """Why somebody asks for a person's results."""

    basis: Basis
    reason: str = Field(max_length=40)
    name: str = Field(default="", max_length=100)
    id_number: str = Field(default="", max_length=18)
    document: str = Field(default="", max_length=40)
    referral_id: str = Field(default="", max_length=64)

    def grounds(self) -> recognition.Grounds:
        """For the services."""
        return recognition.Grounds(
            basis=self.basis,
            reason=self.reason,
            name=self.name,
            id_number=self.id_number,
            document=self.document,
            referral_id=self.referral_id,
        )


class OpeningForm(GroundsForm):
    """Which of them to open."""

    case_id: str = Field(max_length=64)


class DecisionForm(BaseModel):
    """Recognised, or refused with a reason of the list."""

    decision: Literal["recognised", "refused"]
    reason: str = Field(default="", max_length=40)


@router.get("/recognition")
def overview(ctx: Ctx, who: Who, rules: Recognising) -> Json:
    """Lists to choose from, referrals to the caller's site, and what the county set."""
    is_doctor = who.actor.has(*recognition.DOCTORS)
    waiting = recognition.referrals_here(ctx, who.actor) if is_doctor else []
    return {
        "may_open": is_doctor,
        "openings": _choices(rules.openings, who),
        "documents": _choices(rules.documents, who),
        "refusals": _choices(rules.refusals, who),
        "referrals": [{"id": row.id, "patient": row.patient_name} for row in waiting],
        "mark": rules.mark,
        "open_hours": OPEN_FOR.total_seconds() / 3600,
    }


@router.post("/recognition/results")
def find(body: GroundsForm, ctx: Ctx, who: Who, rules: Recognising) -> Json:
    """Signed results of a person who is present and identified, or was referred here."""
    found = recognition.find_results(ctx, who.actor, rules, body.grounds())
    return {"items": [_result(ctx, who, row) for row in found]}


@router.post("/recognition/openings", status_code=201)
def open_result(body: OpeningForm, ctx: Ctx, who: Who, rules: Recognising) -> Json:
    """Open one of them; the site that it belongs to sees who, when and why."""
    act = recognition.open_result(ctx, who.actor, rules, body.grounds(), body.case_id)
    return {"id": act.id, "until": (act.at + OPEN_FOR).isoformat()}


@router.get("/recognition/openings/{opening_id}/result.html")
def page(opening_id: str, printing: Printing) -> HTMLResponse:
    """The opened result as a page, while it is open."""
    document, _ = recognition.opened_document(printing.ctx, printing.who.actor, opening_id)
    return printing.page(document)


@router.get("/recognition/openings/{opening_id}/result.pdf")
def pdf(opening_id: str, printing: Printing) -> Response:
    """The same as PDF."""
    document, _ = recognition.opened_document(printing.ctx, printing.who.actor, opening_id)
    return printing.pdf(document)


@router.post("/cases/{case_id}/recognition", status_code=201)
def decide(case_id: str, body: DecisionForm, ctx: Ctx, who: Who, rules: Recognising) -> Json:
    """Recognise a result of another site, or refuse it; with the sentence for the patient."""
    code = rules.refusal(body.reason).id if body.decision == "refused" else ""
    act = recognition.decide(ctx, who.actor, rules, case_id, code)
    return _act(who, rules, act)


@router.get("/recognition/acts")
def acts(ctx: Ctx, who: Who, rules: Recognising, view: Literal["mine", "owner"] = "mine") -> Json:
    """What the caller did, or what others did with results of the caller's sites."""
    is_owner = view == "owner"
    ask = recognition.acts_on_own_results if is_owner else recognition.own_acts
    return {
        "items": [
            _act(who, rules, row.act)
            | {
                "actor": row.actor_name,
                "site_name": row.site_name,
                "case_site_name": row.case_site_name,
                "patient": row.patient_name,
                "modality": row.case.modality,
                "is_open": row.act.is_open(who.actor.user_id, ctx.clock.now()),
            }
            for row in ask(ctx, who.actor)
        ]
    }


def _choices(choices: tuple[Choice, ...], who: Caller) -> list[Json]:
    return [
        {
            "id": choice.id,
            "text": choice.text(who.language),
            "patient": choice.for_patient(who.language),
            "source": choice.source,
        }
        for choice in choices
    ]


def _result(ctx: Context, who: Caller, row: recognition.FoundResult) -> Json:
    evidence = row.evidence
    last = next((act for act in row.acts if act.kind is not RecognitionKind.OPENED), None)
    return {
        "case_id": row.case.id,
        "short_id": row.case.id[-8:],
        "modality": row.case.modality,
        "site_name": row.site_name,
        "version": row.report.version,
        "signed_at": row.report.signed_at.isoformat(),
        "signer_site": row.report.signer_site,
        "examined_on": evidence.examined_on.isoformat() if evidence.examined_on else None,
        "mark": evidence.mark,
        "is_passed": evidence.is_passed,
        "window": evidence.window.value,
        "window_days": evidence.window_days,
        "evidence": recognition_lines(evidence, ctx.catalogue, who.language),
        "is_own": row.is_own,
        "may_judge": row.is_own and row.case.site_id != who.actor.site_id,
        "decision": last.kind.value if last else "",
    }


def _act(who: Caller, rules: RecognitionRules, act: RecognitionAct) -> Json:
    is_refusal = act.kind is RecognitionKind.REFUSED
    known = rules.refusals if is_refusal else rules.openings
    reason = next((choice for choice in known if choice.id == act.code), None)
    return {
        "id": act.id,
        "case_id": act.case_id,
        "short_id": act.case_id[-8:],
        "version": act.report_version,
        "kind": act.kind.value,
        "basis": act.basis.value if act.basis else "",
        "reason": reason.text(who.language) if reason else act.code,
        "for_patient": reason.for_patient(who.language) if reason else "",
        "at": act.at.isoformat(),
    }
