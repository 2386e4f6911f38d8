"""What the requests about visits, registers and follow-ups carry in their bodies."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime, BaseModel, Field

from qiangji_app.domain.register import RegisterKind
from qiangji_app.domain.visit import Decision, Statement
from qiangji_app.services import limits
from qiangji_app.services.follow_ups import Filled
from qiangji_app.services.visits import MAX_FACTS
from qiangji_app.web.api.case_forms import PatientForm, Text


class SearchText(BaseModel):
    """Part of a name, an identity number or a telephone number; empty for those seen last."""

    q: str = Field(default="", max_length=limits.MAX_NAME)


class NewVisit(BaseModel):
    """A visit with an id made by the client, of a known or a new person."""

    visit_id: str = Field(max_length=36)
    person_id: str = Field(default="", max_length=64)
    patient: PatientForm | None = None


class FactForm(BaseModel):
    """One statement as typed; ``at`` is now, by the server's clock, where it is not given."""

    code: str = Field(max_length=64)
    value: bool | float | str
    unit: str = Field(default="", max_length=32)
    at: AwareDatetime | None = None
    context: dict[str, str] = Field(default_factory=dict, max_length=8)

    def fact(self) -> Statement:
        """As the domain has it."""
        return Statement(self.code, self.value, self.at, self.unit, dict(self.context))


class FactsForm(BaseModel):
    """What stands in the form now."""

    facts: list[FactForm] = Field(default_factory=list, max_length=MAX_FACTS)


class VisitForm(FactsForm):
    """What is stored."""

    revision: int = Field(ge=0)
    complaint: Text = ""


class DecisionForm(BaseModel):
    """What the doctor does with a card."""

    decision: Decision
    reason_code: str = Field(default="", max_length=32)
    reason: Text = ""


class ReferForm(BaseModel):
    """The id of the draft, made by the client."""

    referral_id: str = Field(max_length=36)


class EnrolForm(BaseModel):
    """Into which register, and from when it counts."""

    kind: RegisterKind
    since: date | None = None
    number: str = Field(default="", max_length=limits.MAX_NAME)
    next_due: date | None = None


class EndForm(BaseModel):
    """Why somebody leaves a register."""

    reason: str = Field(max_length=32)


class FollowUpForm(BaseModel):
    """A record form as filled in."""

    day: date
    fields: dict[str, float | str | list[str]] = Field(default_factory=dict, max_length=200)
    next_due: date | None = None
    visit_id: str = Field(default="", max_length=64)

    def filled(self) -> Filled:
        """As the service takes it."""
        return Filled(self.day, dict(self.fields), self.next_due, self.visit_id)


class CardForm(BaseModel):
    """Number of a filed card."""

    card_number: str = Field(max_length=limits.MAX_NAME)


class ArrivalForm(BaseModel):
    """When and where the patient arrived."""

    day: date
    place: str = Field(max_length=limits.MAX_NAME)
