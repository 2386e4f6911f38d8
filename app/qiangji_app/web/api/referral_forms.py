"""What the requests about referrals carry in their bodies."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import (
    Attachment,
    AttachmentKind,
    Direction,
    DownPlan,
    Medicine,
    PlannedFollowUp,
    ReferralUrgency,
    UpContent,
)
from qiangji_app.domain.referral_follow_up import FollowUpOutcome
from qiangji_app.services.limits import MAX_CALL_TEXT, MAX_REASON
from qiangji_app.services.referral_drafts import DraftForm, Prefill
from qiangji_app.services.referring import Act
from qiangji_app.web.api.case_forms import PatientForm
from qiangji_datasets.errors import InputRejected

Id = Annotated[str, Field(max_length=64)]
Code = Annotated[str, Field(max_length=64)]
Line = Annotated[str, Field(max_length=200)]
Words = Annotated[str, Field(max_length=MAX_REASON)]
Note = Annotated[str, Field(max_length=MAX_CALL_TEXT)]


class AttachmentForm(BaseModel):
    """A case or visit that goes along."""

    kind: AttachmentKind
    id: Id

    def made(self) -> Attachment:
        """As the service takes it; the version is read there."""
        return Attachment(self.kind, self.id)


class NewReferral(BaseModel):
    """A draft with an id made by the client, and what the form begins with."""

    referral_id: Id
    direction: Direction = Direction.UP
    reasons: list[Code] = Field(default_factory=list, max_length=20)
    urgency: ReferralUrgency | None = None
    case_id: Id = ""

    def prefill(self) -> Prefill:
        """As the service takes it."""
        attached = (Attachment(AttachmentKind.CASE, self.case_id),) if self.case_id else ()
        return Prefill(reasons=tuple(self.reasons), urgency=self.urgency, attachments=attached)


class ContentForm(BaseModel):
    """What the sending doctor states."""

    reasons: list[Code] = Field(default_factory=list, max_length=20)
    urgency: ReferralUrgency = ReferralUrgency.ROUTINE
    department: Code = ""
    transport: Code = ""
    is_green_channel: bool = False
    has_consent: bool = False
    impression: Words = ""
    present_history: Words = ""
    past_history: Words = ""
    treatment: Words = ""
    doctor_phone: Line = ""
    address: Line = ""
    record_number: Line = ""


class ReferralForm(BaseModel):
    """The whole form; ``patient`` is left out where the person is that of a case or visit."""

    revision: int
    content: ContentForm
    target_site_id: Id
    home_site_id: Id
    attachments: list[AttachmentForm] = Field(default_factory=list, max_length=50)
    patient: PatientForm | None = None

    def made(self) -> DraftForm:
        """As the service takes it."""
        fields = self.content.model_dump() | {"reasons": tuple(self.content.reasons)}
        return DraftForm(
            content=UpContent(**fields),
            target_site_id=self.target_site_id,
            home_site_id=self.home_site_id,
            attachments=tuple(one.made() for one in self.attachments),
            patient=None if self.patient is None else Patient(**self.patient.model_dump()),
        )


class ActForm(BaseModel):
    """What every act carries: a key of the client's own, and the version that the page showed."""

    key: Id
    revision: int
    code: Code = ""
    text: Note = ""

    def act(self) -> Act:
        """As the service takes it."""
        return Act(self.key, self.revision, self.code, self.text)


class TargetForm(ActForm):
    """An act that names a site and department."""

    site_id: Id = ""
    department: Code = ""


class MedicineForm(BaseModel):
    """One medicine of a plan."""

    name: Line
    dose: Line = ""
    frequency: Line = ""
    until: Line = ""


class PlannedForm(BaseModel):
    """A day on which the home site sees the patient."""

    on: date
    what: Note = ""


class DownForm(ActForm):
    """What the receiving site sends home."""

    diagnosis: Words = ""
    next_steps: Words = ""
    results: Words = ""
    record_number: Line = ""
    refer_again_if: Words = ""
    doctor_phone: Line = ""
    medicines: list[MedicineForm] = Field(default_factory=list, max_length=50)
    follow_ups: list[PlannedForm] = Field(default_factory=list, max_length=50)

    def plan(self) -> DownPlan:
        """As the service takes it.

        Raises
        ------
        InputRejected
            ``referral.plan_needed``: no diagnosis or no plan.
        """
        if not self.diagnosis.strip() or not self.next_steps.strip():
            raise InputRejected("referral.plan_needed")
        texts = ("diagnosis", "next_steps", "results", "record_number", "refer_again_if")
        return DownPlan(
            **{name: getattr(self, name) for name in texts},
            doctor_phone=self.doctor_phone,
            medicines=tuple(Medicine(**one.model_dump()) for one in self.medicines),
            follow_ups=tuple(PlannedFollowUp(one.on, one.what) for one in self.follow_ups),
        )


class FollowUpForm(BaseModel):
    """What came of a follow-up."""

    outcome: FollowUpOutcome
    note: Note = ""


PlainAct = Literal["accept", "decline", "take-back", "arrive", "admit", "close", "cancel", "note"]
Box = Literal["inbox", "sent", "all"]
