"""Visits of village and township doctors: people, facts, advice cards, decisions."""

from __future__ import annotations

from fastapi import APIRouter

from qiangji_app.domain.person import Patient
from qiangji_app.services import advice, people, trends, visit_referrals, visits
from qiangji_app.services.entry_form import entry_sections
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.present_register import RegisterPresenter
from qiangji_app.web.api.present_visit import presenter
from qiangji_app.web.api.visit_forms import (
    DecisionForm,
    FactsForm,
    NewVisit,
    ReferForm,
    SearchText,
    VisitForm,
)
from qiangji_app.web.api.words import Json

router = APIRouter(tags=["visits"])


@router.get("/visits/form")
def form(ctx: Ctx, who: Who) -> Json:
    """What a visit asks for: facts with their units, contexts and limits."""
    people.require_doctor(who.actor)
    return {"sections": presenter(ctx, who).sections(entry_sections())}


@router.post("/patients/search")
def search(body: SearchText, ctx: Ctx, who: Who) -> Json:
    """People of the visible sites; the text goes in the body, as an address lands in logs."""
    present = presenter(ctx, who)
    return {"items": [present.person(one) for one in people.find_people(ctx, who.actor, body.q)]}


@router.get("/patients/{person_id}")
def patient(person_id: str, ctx: Ctx, who: Who) -> Json:
    """One person: facts by origin, visits, registers, plans, and what the rules say now."""
    found = visits.summary(ctx, who.actor, person_id)
    present = presenter(ctx, who)
    registers = RegisterPresenter(present)
    return {
        "patient": present.person(found.known),
        "facts": [present.fact(one) for one in found.facts],
        "visits": [present.visit(one) for one in found.visits],
        "registers": [registers.entry(one) for one in found.enrolments],
        "plans": [registers.plan(one) for one in found.plans],
        **present.advised(found.advised),
    }


@router.get("/patients/{person_id}/trends")
def trend(person_id: str, ctx: Ctx, who: Who) -> Json:
    """Series of pressures, glucose and weight to be drawn, the oldest first."""
    present = presenter(ctx, who)
    found = trends.series_of(ctx, who.actor, person_id)
    return {
        "series": [
            {
                "code": one.code,
                "name": present.fact_name(one.code),
                "unit": present.unit(one.unit),
                "points": [present.fact(fact) for fact in one.facts],
            }
            for one in found
        ]
    }


@router.post("/visits")
def open_visit(body: NewVisit, ctx: Ctx, who: Who) -> Json:
    """Begin a visit with somebody known, or with a new person."""
    new = Patient(**body.patient.model_dump()) if body.patient else None
    visit = visits.open_visit(ctx, who.actor, body.visit_id, person_id=body.person_id, patient=new)
    return presenter(ctx, who).visit(visit)


@router.get("/visits/{visit_id}")
def read(visit_id: str, ctx: Ctx, who: Who) -> Json:
    """A visit with what the rules say now, and the advice that was given in it."""
    found = visits.reopen(ctx, who.actor, visit_id)
    present = presenter(ctx, who)
    return {
        "visit": present.visit(found.visit),
        "given": [present.kept(one) for one in found.advice],
        **present.advised(found.advised, found.advice),
    }


@router.post("/visits/{visit_id}/check")
def check(visit_id: str, body: FactsForm, ctx: Ctx, who: Who) -> Json:
    """Advice on what stands in the form now; nothing is stored."""
    found = visits.check(ctx, who.actor, visit_id, [one.fact() for one in body.facts])
    return presenter(ctx, who).advised(found)


@router.put("/visits/{visit_id}")
def save(visit_id: str, body: VisitForm, ctx: Ctx, who: Who) -> Json:
    """Store what was typed; answers that say yes are kept with their inputs."""
    found = visits.record(
        ctx,
        who.actor,
        visit_id,
        body.revision,
        facts=[one.fact() for one in body.facts],
        complaint=body.complaint,
    )
    present = presenter(ctx, who)
    return {
        "visit": present.visit(found.visit),
        **present.advised(found.advised, found.advice),
    }


@router.post("/advice/{advice_id}/decision")
def decide(advice_id: str, body: DecisionForm, ctx: Ctx, who: Who) -> Json:
    """Accept advice, or say why not."""
    item = advice.decide(
        ctx,
        who.actor,
        advice_id,
        body.decision,
        reason_code=body.reason_code,
        reason=body.reason,
    )
    return presenter(ctx, who).kept(item)


@router.get("/advice/{advice_id}/again")
def again(advice_id: str, ctx: Ctx, who: Who) -> Json:
    """Old advice given once more by its rule as it was, on the inputs of then."""
    found = advice.again(ctx, who.actor, advice_id)
    return presenter(ctx, who).kept(found.advice) | {
        "is_in_use": found.is_in_use,
        "is_same_answer": found.is_same_answer,
    }


@router.post("/advice/{advice_id}/referral")
def refer(advice_id: str, body: ReferForm, ctx: Ctx, who: Who) -> Json:
    """Begin a referral that carries the visit and what the card rests on."""
    draft = visit_referrals.refer(ctx, who.actor, advice_id, body.referral_id, who.language)
    return {"id": draft.id}
