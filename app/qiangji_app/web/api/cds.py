"""CDS Hooks 2.0: discovery, two services, feedback. Errors are FHIR OperationOutcomes.

References
----------
HL7 CDS Hooks 2.0, https://cds-hooks.hl7.org/2.0/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field

from qiangji_app.cds.cards import Deck
from qiangji_app.cds.clients import Client, Door
from qiangji_app.cds.codes import code_map
from qiangji_app.cds.reading import Read, Reading
from qiangji_app.domain.canonical import digest
from qiangji_app.errors import mapping_of
from qiangji_app.rules.evaluate import Answer, Outcome, Situation, evaluate
from qiangji_app.rules.facts import Fact
from qiangji_app.rules.layers import Rulebook
from qiangji_app.services.context import Context
from qiangji_app.services.decision_log import Advised, Feedback, note_advice, note_feedback
from qiangji_app.web.api.deps import Ctx
from qiangji_datasets.errors import InputRejected, NotFound, NotPermitted, QiangjiError
from qiangji_datasets.messages import Language

router = APIRouter(tags=["cds-hooks"])
Json = dict[str, Any]
_PATH: Final = "/cds-services"
PATIENT_VIEW: Final = "qiangji-patient-view"
ORDER_SIGN: Final = "qiangji-order-sign"
_HOOKS: Final = {PATIENT_VIEW: "patient-view", ORDER_SIGN: "order-sign"}
#: A panel whose components are the two pressures.
_BP_PANEL: Final = "85354-9"
#: Without the patient nothing can be said; CDS Hooks 2.0 asks for this status then.
_PRECONDITION: Final = frozenset({"cds.no_patient"})


class HookContext(BaseModel):
    """Of patient-view and order-sign."""

    patientId: str = Field(min_length=1, max_length=64)  # noqa: N815 - the specification's names
    draftOrders: Json | None = None  # noqa: N815


class HookCall(BaseModel):
    """A call of a service; access to the caller's FHIR server is neither needed nor used."""

    hook: str = Field(max_length=64)
    hookInstance: UUID  # noqa: N815
    context: HookContext
    prefetch: Json = Field(default_factory=dict)


class Reason(BaseModel):
    """A Coding."""

    code: str = Field(max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    system: str = Field(default="", max_length=200)


class Override(BaseModel):
    """Why a card was overridden."""

    reason: Reason | None = None
    userComment: str = Field(default="", max_length=4000)  # noqa: N815


class Accepted(BaseModel):
    """One suggestion that was accepted."""

    id: UUID


class CardFeedback(BaseModel):
    """What became of one card."""

    card: UUID
    outcome: Literal["accepted", "overridden"]
    acceptedSuggestions: list[Accepted] = Field(default_factory=list, max_length=50)  # noqa: N815
    overrideReason: Override | None = None  # noqa: N815
    outcomeTimestamp: AwareDatetime  # noqa: N815


class FeedbackCall(BaseModel):
    """Feedback on one or more cards."""

    feedback: list[CardFeedback] = Field(min_length=1, max_length=200)


@dataclass(frozen=True)
class Caller:
    """Who calls, as far as a request says it, and in which language to answer."""

    ctx: Ctx
    request: Request
    authorization: Annotated[str, Header()] = ""
    accept_language: Annotated[str, Header()] = ""

    @property
    def language(self) -> Language:
        """English where it is asked for first."""
        return Language.EN if self.accept_language.lower().startswith("en") else Language.ZH

    def admitted(self, service_id: str, *more: str) -> Client:
        """The client, once its token was checked.

        The specification names the service's own address as audience; of feedback it says
        nothing, so there its address is taken too (``more``).
        """
        if service_id not in _HOOKS:
            raise NotFound("cds.no_service")
        door: Door = self.request.app.state.cds_door
        addresses = [f"{_PATH}/{service_id}", *(f"{_PATH}/{service_id}/{one}" for one in more)]
        return door.admit(self.authorization, addresses, self.ctx.clock.now())

    def answered(self, answer: Callable[[], Json]) -> JSONResponse:
        """The answer, or an OperationOutcome with the status that the specification asks for."""
        try:
            return JSONResponse(answer())
        except QiangjiError as error:
            text = self.ctx.catalogue.text(error.code, self.language, **error.params)
            issue = {
                "severity": "error",
                "code": "security" if isinstance(error, NotPermitted) else "processing",
                "details": {"text": text},
            }
            outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
            return JSONResponse(outcome, _status(error))


Calling = Annotated[Caller, Depends()]


@router.get(_PATH)
def discovery(caller: Calling) -> Json:
    """The services; open, since it says nothing about anybody."""

    def text(key: str) -> str:
        return caller.ctx.catalogue.text(f"cds.{key}", caller.language)

    services = [
        {
            "hook": hook,
            "id": service_id,
            "title": text(f"{hook}.title"),
            "description": text(f"{hook}.description"),
            "usageRequirements": text("requirements"),
            "prefetch": _prefetch(),
        }
        for service_id, hook in _HOOKS.items()
    ]
    return {"services": services}


@router.post(_PATH + "/{service_id}")
def call(service_id: str, body: HookCall, caller: Calling) -> JSONResponse:
    """Cards about one patient."""
    ctx = caller.ctx

    def answer() -> Json:
        client = caller.admitted(service_id)
        if body.hook != _HOOKS[service_id]:
            raise InputRejected("cds.hook", hook=body.hook[:40])
        reading = Reading(
            patient_id=body.context.patientId,
            now=ctx.clock.now().astimezone(client.zone),
            zone=client.zone,
            catalogue=ctx.rules().catalogue,
        )
        is_order = service_id == ORDER_SIGN
        read = reading.read(body.prefetch, body.context.draftOrders if is_order else None)
        answers = _answers(ctx.rules(), client, read, reading, is_order=is_order)
        deck = Deck(reading, ctx.catalogue, caller.language, ctx.ids.new)
        cards = deck.cards(answers, read.left_out)
        _note(ctx, client, service_id, answers, cards)
        return {"cards": cards}

    return caller.answered(answer)


@router.post(_PATH + "/{service_id}/feedback")
def feedback(service_id: str, body: FeedbackCall, caller: Calling) -> JSONResponse:
    """What became of cards."""

    def answer() -> Json:
        client = caller.admitted(service_id, "feedback")
        told = [_told(row) for row in body.feedback]
        note_feedback(caller.ctx, client.name, service_id, told)
        return {}

    return caller.answered(answer)


def _answers(
    book: Rulebook, client: Client, read: Read, reading: Reading, *, is_order: bool
) -> list[Answer]:
    situation = Situation(
        now=reading.now,
        age_years=read.age_years,
        sex=read.sex,
        audience=client.audience,
        facts=(*read.facts, *read.ordered),
        jurisdiction=client.jurisdiction,
    )
    answers = evaluate(book, situation)
    if not is_order:
        return list(answers)
    return [answer for answer in answers if any(fact in read.ordered for fact in answer.inputs)]


def _note(
    ctx: Context, client: Client, service_id: str, answers: Sequence[Answer], cards: list[Json]
) -> None:
    """Which rule, in which version, on which inputs, stood behind each card."""
    held = [answer for answer in answers if answer.outcome is Outcome.YES]
    advised = [
        Advised(
            card=str(card["uuid"]),
            rule=answer.rule,
            version=answer.version,
            inputs_sha256=digest({"inputs": [_input(fact) for fact in answer.inputs]}),
        )
        for answer, card in zip(
            held, cards, strict=False
        )  # the last card may ask, and be no rule's
    ]
    note_advice(ctx, client.name, service_id, advised)


def _input(fact: Fact) -> list[object]:
    return [fact.code, fact.value, fact.unit, fact.at.isoformat(), dict(fact.context)]


def _told(row: CardFeedback) -> Feedback:
    override = row.overrideReason
    return Feedback(
        card=str(row.card),
        outcome=row.outcome,
        reason=override.reason.code if override and override.reason else "",
        has_comment=bool(override and override.userComment.strip()),
        suggestions=len(row.acceptedSuggestions),
        at=row.outcomeTimestamp,
    )


def _prefetch() -> dict[str, str]:
    """FHIR queries; the client fills in the patient and sends what they give."""
    codes = ",".join(sorted({_BP_PANEL, *code_map().loinc}))
    patient = "{{context.patientId}}"
    return {
        "patient": f"Patient/{patient}",
        "observations": f"Observation?patient={patient}&code={codes}&_sort=-date&_count=200",
        "conditions": f"Condition?patient={patient}&clinical-status=active",
    }


def _status(error: QiangjiError) -> int:
    if isinstance(error, NotPermitted):
        return 401
    return 412 if error.code in _PRECONDITION else mapping_of(error).http
