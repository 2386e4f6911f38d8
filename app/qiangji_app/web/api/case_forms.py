"""What the requests about cases carry in their bodies."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from qiangji_app.domain.case import RequestedUrgency, Verdict
from qiangji_app.domain.person import IdentityKind
from qiangji_app.services import limits, listing

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
    date_reason: Text = ""
    person_id: str = Field(default="", max_length=36)


class Reason(BaseModel):
    """A free-text reason."""

    reason: Text


class IdentityForm(BaseModel):
    """Why the files are this patient's, and why of another day; each answers its own question."""

    reason: Text = ""
    date_reason: Text = ""


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


class CallContentForm(BaseModel):
    """What is critical."""

    code: str = Field(default="", max_length=64)
    text: Text


class ReportSignForm(DraftName, SignForm):
    """Which draft, the call that goes with it, and the password where it is asked for."""

    call: CallContentForm | None = None


class AcknowledgeForm(BaseModel):
    """Which version was read."""

    report_version: int
    note: Text = ""


class MessageForm(BaseModel):
    """A message in the thread."""

    text: Text


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
