"""Services' values as JSON, with the texts a person sees in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from qiangji_app.domain.case import Case, CriticalCall, Finding, Message, Recording, UrgencyReason
from qiangji_app.domain.events import Event
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import DraftReport
from qiangji_app.domain.roles import Site
from qiangji_app.domain.workflow import Action, State
from qiangji_app.ports import Upload
from qiangji_app.services import access
from qiangji_app.services.ages import age_text, case_age_day, sent_day
from qiangji_app.services.alarms import Seen
from qiangji_app.services.contacts import Contact
from qiangji_app.services.context import Caller
from qiangji_app.services.followup import answering
from qiangji_app.services.identity import described
from qiangji_app.services.listing import Detail, Row
from qiangji_app.services.presign import Presigned
from qiangji_app.web.api.present_examination import (
    case_examination,
    file_examination,
    person_in_file,
    prior_examination,
)
from qiangji_app.web.api.present_recording import finding, recording, same_file
from qiangji_app.web.api.present_report import draft, presigned, report
from qiangji_app.web.api.words import Json, Words, iso
from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.messages import Catalogue


class Presenter:
    """Builds JSON for one caller.

    Parameters
    ----------
    catalogue
        All texts.
    caller
        Whose language and permissions apply.
    sites
        Known sites by id.
    names
        Display names of staff by account id.
    now
        Instant against which waiting times are computed.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        caller: Caller,
        sites: Mapping[str, Site],
        *,
        names: Mapping[str, str],
        now: datetime,
    ) -> None:
        self._words = Words(catalogue, caller.language)
        self._caller = caller
        self._sites = sites
        self._names = names
        self._now = now

    def text(self, key: str, params: Mapping[str, object] | None = None) -> str:
        """A text in the caller's language; label ids among the values become their names."""
        return self._words.text(key, params)

    def recording(
        self, item: Recording, case: Case, *, may_hint: bool, in_file: Patient | None = None
    ) -> Json:
        """A stored film or ECG with its date and the person it names; AI where it may be seen."""
        site = self._sites.get(case.site_id)
        return recording(self._words, item, may_hint=may_hint) | {
            **file_examination(item, case, site, self._now),
            "in_file": None if in_file is None else self._in_file(item, in_file, case),
        }

    def finding(
        self,
        item: Finding,
        names: Mapping[str, str],
        reading: Mapping[str, Any] | None = None,
    ) -> Json:
        """An AI hint with the specialist's verdict, and its doubt where its reading is given."""
        return finding(self._words, item, names, reading)

    def presigned(self, found: Presigned) -> Json:
        """What is about to be signed."""
        return presigned(self._words, found)

    def row(self, row: Row) -> Json:
        """A case in a list."""
        case = row.case
        patient = row.patient or Patient(name="")
        may_hint = access.may_see_hints(self._caller.actor, case)
        return {
            "id": case.id,
            "short_id": case.id[-8:],
            "modality": case.modality,
            "modalities": _modalities(case, row.recordings),
            "state": case.state.value,
            "state_text": self.text(f"state.{case.state.value}"),
            "site": self.site(case.site_id),
            "patient": self._patient_line(case, patient, row.recordings),
            **case_examination(case, row.recordings, self._sites.get(case.site_id), self._now),
            "created_at": case.created_at.isoformat(),
            "submitted_at": iso(case.submitted_at),
            "waiting_minutes": self._waiting(case),
            "claimed_by": self.holder(case.claimed_by, case.claimed_at),
            "has_mismatch": row.is_mismatched and may_hint,
            "triage": case.triage.value,
            "urgency": self.urgency(case) if may_hint else self._plain_urgency(case),
            "thumb_url": self._thumb(row.recordings),
            "report_version": case.report_version,
            "impression": row.impression,
            "needs_acknowledgement": case.state is State.SIGNED,
            "has_open_call": row.has_open_call,
            "returned_reason": self._returned(row),
            "is_demo": case.is_demo,
            "siblings": [self._sibling(item) for item in row.siblings],
        }

    def site(self, site_id: str) -> Json:
        """Id and name of a site."""
        site = self._sites.get(site_id)
        return {"id": site_id, "name": site.name if site else site_id}

    def urgency(self, case: Case) -> Json:
        """Level and every reason in words."""
        return {
            "level": UrgencyLevel(case.urgency_level).name.lower(),
            "reasons": self.reasons(case.urgency_reasons),
        }

    def reasons(self, found: Iterable[UrgencyReason]) -> list[Json]:
        """Reasons in words."""
        return [
            {
                "code": reason.code,
                "source": reason.source,
                "level": UrgencyLevel(reason.level).name.lower(),
                "text": self.text(reason.code, reason.params),
            }
            for reason in found
        ]

    def detail(self, found: Detail) -> Json:
        """A case with everything the caller may see."""
        case = found.row.case
        may_hint = access.may_see_hints(self._caller.actor, case)
        patient = found.row.patient or Patient(name="")
        readings = {item.id: item.reading for item in found.row.recordings}
        return self.row(found.row) | {
            "patient": self.patient(case, patient, found.row.recordings),
            "clinical": self._clinical(case),
            "identity_reason": case.identity_reason,
            "override_reason": case.override_reason,
            "permissions": self._permissions(case, found.draft, found.row.recordings),
            "unlicensed": self._unlicensed(case, found.row.recordings),
            "recordings": [
                self.recording(item, case, may_hint=may_hint, in_file=found.in_files.get(item.id))
                | {"same_as": same_file(item, found.row.recordings)}
                for item in found.row.recordings
            ],
            "findings": [
                self.finding(item, found.names, readings.get(item.recording_id, {}))
                for item in found.findings
            ],
            "reports": [
                report(self._words, item, found, may_hint=may_hint) for item in found.signed
            ],
            "draft": None if found.draft is None else draft(self._words, found.draft),
            "differences": self._differences(found) if may_hint else [],
            "amended_by": (
                self.holder(found.writer_id, _amending_since(found.events))
                if case.report_version
                else None
            ),
            "calls": [
                self.call(item, found.names)
                | {"answer_as": answering(self._caller.actor, case, item).value}
                for item in found.calls
            ],
            "contact": self.contact(found.contact),
            "alarm_seen": self.seen(found.alarm_seen) if may_hint else None,
            "messages": [self._message(item, found.names) for item in found.messages],
            "prior": [self._prior(item, found.row.recordings) for item in found.prior],
            "timeline": [
                {
                    "at": event.at.isoformat(),
                    "type": event.type,
                    "text": self.text(f"event.{event.type}"),
                    "actor": found.names.get(event.actor_id) or self.text("actor.system"),
                }
                for event in found.events
            ],
        }

    def patient(self, case: Case, patient: Patient, recordings: Sequence[Recording]) -> Json:
        """The request form's patient fields."""
        return self._patient_line(case, patient, recordings) | {
            "kind": patient.kind.value,
            "id_number": patient.id_number,
            "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
            "stated_age_years": patient.age_years,
            "phone": patient.phone,
            "issuer": patient.issuer,
            "patient_id": patient.patient_id,
        }

    def call(self, item: CriticalCall, names: Mapping[str, str]) -> Json:
        """A critical call and how it ended."""
        return {
            "id": item.id,
            "case_id": item.case_id,
            "code": item.code,
            "text": item.text,
            "raised_by": names.get(item.raised_by, ""),
            "raised_at": item.raised_at.isoformat(),
            "outcome": item.outcome,
            "outcome_text": self.text(f"call.outcome_{item.outcome}"),
            "confirmed_by": names.get(item.confirmed_by, ""),
            "confirmed_at": iso(item.confirmed_at),
            "read_back": item.read_back,
            "read_back_by": item.read_back_by,
        }

    def contact(self, found: Contact) -> Json:
        """Whom to telephone."""
        return {
            "site": {"id": found.site.id, "name": found.site.name},
            "phone": found.site.phone,
            "online": list(found.online),
        }

    def seen(self, found: Seen | None) -> Json | None:
        """Who looked at the patient behind an alarm."""
        if found is None:
            return None
        return {"by": self._names.get(found.user_id, ""), "at": found.at.isoformat()}

    def upload(self, item: Upload) -> Json:
        """Where an upload stands."""
        error = None
        if item.error_code:
            error = {"code": item.error_code, "message": self.text(item.error_code)}
        return {
            "upload_id": item.upload_id,
            "case_id": item.case_id,
            "received": item.received,
            "size": item.size,
            "state": item.state,
            "recording_id": item.recording_id if item.state == "stored" else None,
            "error": error,
        }

    def _in_file(self, item: Recording, person: Patient, case: Case) -> Json:
        source = (item, case, self._sites.get(case.site_id), self._now)
        return person_in_file(person, source, self._words.catalogue, self._words.language)

    def _patient_line(self, case: Case, patient: Patient, recordings: Sequence[Recording]) -> Json:
        site, words = self._sites.get(case.site_id), self._words
        day, sent = case_age_day(patient, case, recordings, site), sent_day(case, site)
        age = patient.age_on(day)
        return {
            "name": patient.name,
            "sex": patient.sex,
            "age_years": None if age is None else round(age, 4),  # rounds no child to an adult
            "age_text": age_text(patient, day, words.catalogue, words.language, sent_on=sent),
        }

    def _waiting(self, case: Case) -> int | None:
        if case.submitted_at is None or case.state not in (State.SUBMITTED, State.CLAIMED):
            return None
        return int((self._now - case.submitted_at).total_seconds() // 60)

    def holder(self, user_id: str, since: datetime | None) -> Json | None:
        """Who reads a case or amends its report, and since when; None when nobody does."""
        if not user_id:
            return None
        return {
            "id": user_id,
            "name": self._names.get(user_id, ""),
            "is_me": user_id == self._caller.actor.user_id,
            "since": iso(since),
        }

    def _differences(self, found: Detail) -> list[Json]:
        """Where form and files name different people, in words."""
        words = self._words
        return [
            asdict(described(item, words.catalogue, words.language)) for item in found.differing
        ]

    def _plain_urgency(self, case: Case) -> Json:
        """What those may know who may not see AI hints: the requester's own words."""
        kept = [item for item in case.urgency_reasons if item.source in ("requester", "rule")]
        level = max((item.level for item in kept), default=int(UrgencyLevel.ROUTINE))
        return {"level": UrgencyLevel(level).name.lower(), "reasons": self.reasons(kept)}

    def _thumb(self, recordings: Iterable[Recording]) -> str | None:
        for item in recordings:
            if item.modality:
                return f"/api/v1/images/{item.id}/thumb.png"
        return None

    def _returned(self, row: Row) -> Json | None:
        message = row.return_message
        if message is None:
            return None
        return {
            "code": message.reason_code,
            "reason_text": self.text(f"return.{message.reason_code}"),
            "text": message.text,
        }

    def _clinical(self, case: Case) -> Json:
        return {
            "requested": case.request.requested.value,
            "onset_at": iso(case.request.onset_at),
            "symptom": case.request.symptom,
            "history": case.request.history,
            "visit_number": case.request.visit_number,
        }

    def _permissions(
        self, case: Case, draft: DraftReport | None, recordings: Sequence[Recording]
    ) -> Json:
        actor = self._caller.actor
        is_covered = not access.unlicensed(actor, recordings)
        return {
            action.value: access.allows(actor, case, action, draft)
            and (is_covered or action not in access.SPEAKING)
            for action in Action
        }

    def _unlicensed(self, case: Case, recordings: Sequence[Recording]) -> list[str]:
        """What keeps a specialist, licensed for the case itself, from signing it."""
        actor = self._caller.actor
        is_licensed = case.modality in actor.sign_modalities
        return list(access.unlicensed(actor, recordings)) if is_licensed else []

    def _sibling(self, case: Case) -> Json:
        """A request that went up together with another; its id only for who may open it."""
        may_open = access.may_view(self._caller.actor, case)
        return {
            "id": case.id if may_open else None,
            "short_id": case.id[-8:],
            "modality": case.modality,
            "state": case.state.value,
            "state_text": self.text(f"state.{case.state.value}"),
        }

    def _message(self, item: Message, names: Mapping[str, str]) -> Json:
        return {
            "id": item.id,
            "at": item.at.isoformat(),
            "author": names.get(item.author_id, ""),
            "kind": item.kind,
            "reason_code": item.reason_code,
            "reason_text": self.text(f"return.{item.reason_code}") if item.reason_code else "",
            "text": item.text,
        }

    def _prior(self, row: Row, own: Sequence[Recording]) -> Json:
        return {
            "case_id": row.case.id,
            "modality": row.case.modality,
            "created_at": row.case.created_at.isoformat(),
            **prior_examination(row.recordings, own, self._sites.get(row.case.site_id)),
            "recordings": [
                {"id": item.id, "kind": item.facts.get("kind", "")} for item in row.recordings
            ],
            "report_version": row.case.report_version,
        }


def _modalities(case: Case, recordings: Iterable[Recording]) -> list[str]:
    """What the case holds; what it was begun for, while it holds nothing."""
    return list(dict.fromkeys(item.modality for item in recordings if item.modality)) or [
        name for name in (case.modality,) if name
    ]


def _amending_since(events: Iterable[Event]) -> datetime | None:
    opened = [event.at for event in events if event.type == "report.amendment_opened"]
    return opened[-1] if opened else None
