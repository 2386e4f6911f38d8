"""Services' values as JSON, with the texts a person sees in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from qiangji_app.domain.case import Case, CriticalCall, Finding, Message, Recording, UrgencyReason
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import DraftReport, SignedReport, draft_digest
from qiangji_app.domain.roles import Site
from qiangji_app.domain.workflow import Action, State
from qiangji_app.ports import Upload
from qiangji_app.services import access
from qiangji_app.services.ages import age_text, day_at
from qiangji_app.services.alarms import Seen
from qiangji_app.services.contacts import Contact
from qiangji_app.services.context import Caller
from qiangji_app.services.doubt import doubt_of
from qiangji_app.services.followup import answering
from qiangji_app.services.listing import Detail, Row
from qiangji_datasets.labels import UrgencyLevel, labels
from qiangji_datasets.messages import Catalogue, Language
from qiangji_inference.reading import SCOPE

# JSON objects are open by nature; their shape is fixed by the OpenAPI description and tests.
Json = dict[str, Any]

_HINT_FLAGS: Final = frozenset({"possible", "likely"})


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
        self._catalogue = catalogue
        self._caller = caller
        self._sites = sites
        self._names = names
        self._now = now

    @property
    def _language(self) -> Language:
        return self._caller.language

    def text(self, key: str, params: Mapping[str, object] | None = None) -> str:
        """A text in the caller's language; label ids among the values become their names."""
        values = dict(params or {})
        if "label" in values:
            values["label"] = self.label(str(values["label"]))
        return self._catalogue.text(key, self._language, **values)

    def label(self, label_id: str) -> str:
        """Name of a label."""
        found = labels().get(label_id)
        if found is None:
            return label_id
        return found.zh if self._language is Language.ZH else found.en

    def notice(self, stored: Mapping[str, Any]) -> Json:
        """A stored notice with text and advice."""
        params = stored.get("params", {})
        code = str(stored["code"])
        return {
            "code": code,
            "severity": stored.get("severity", "warn"),
            "text": self.text(code, params),
            "advice": self._catalogue.advice(code, self._language, **params),
        }

    def row(self, row: Row) -> Json:
        """A case in a list."""
        case = row.case
        patient = row.patient or Patient(name="")
        may_hint = access.may_see_hints(self._caller.actor, case)
        return {
            "id": case.id,
            "short_id": case.id[-8:],
            "modality": case.modality,
            "state": case.state.value,
            "state_text": self.text(f"state.{case.state.value}"),
            "site": self.site(case.site_id),
            "patient": self._patient_line(case, patient),
            "created_at": case.created_at.isoformat(),
            "submitted_at": _iso(case.submitted_at),
            "waiting_minutes": self._waiting(case),
            "claimed_by": self._holder(case.claimed_by),
            "triage": case.triage.value,
            "urgency": self.urgency(case) if may_hint else self._plain_urgency(case),
            "thumb_url": self._thumb(row.recordings),
            "report_version": case.report_version,
            "needs_acknowledgement": case.state is State.SIGNED,
            "has_open_call": row.has_open_call,
            "returned_reason": self._returned(row),
            "is_demo": case.is_demo,
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
            "patient": self.patient(case, patient),
            "clinical": self._clinical(case),
            "identity_reason": case.identity_reason,
            "override_reason": case.override_reason,
            "permissions": self._permissions(case, found.draft),
            "recordings": [
                self.recording(item, may_hint=may_hint) for item in found.row.recordings
            ],
            "findings": [
                self.finding(item, found.names, readings.get(item.recording_id, {}))
                for item in found.findings
            ],
            "reports": [self.report(item, found) for item in found.signed],
            "draft": None if found.draft is None else self.draft(found.draft),
            "amended_by": self._holder(found.writer_id) if case.report_version else None,
            "calls": [
                self.call(item, found.names)
                | {"answer_as": answering(self._caller.actor, case, item).value}
                for item in found.calls
            ],
            "contact": self.contact(found.contact),
            "alarm_seen": self.seen(found.alarm_seen) if may_hint else None,
            "messages": [self._message(item, found.names) for item in found.messages],
            "prior": [self._prior(item) for item in found.prior],
            "timeline": [
                {
                    "at": event.at.isoformat(),
                    "type": event.type,
                    "text": self.text(f"event.{event.type}"),
                    "actor": found.names.get(event.actor_id, event.actor_id),
                }
                for event in found.events
            ],
        }

    def patient(self, case: Case, patient: Patient) -> Json:
        """The request form's patient fields."""
        return self._patient_line(case, patient) | {
            "kind": patient.kind.value,
            "id_number": patient.id_number,
            "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
            "stated_age_years": patient.age_years,
            "phone": patient.phone,
            "issuer": patient.issuer,
            "patient_id": patient.patient_id,
        }

    def recording(self, item: Recording, *, may_hint: bool) -> Json:
        """A stored film or ECG; AI parts only where the caller may see hints."""
        reading = item.reading
        view: Json = {
            "id": item.id,
            "case_id": item.case_id,
            "file_name": item.file_name,
            "size": item.size,
            "state": item.state.value,
            "modality": item.modality,
            "acquired_at": _iso(item.acquired_at),
            "received_at": item.received_at.isoformat(),
            "thumb_url": f"/api/v1/images/{item.id}/thumb.png" if item.modality else None,
            "kind": item.facts.get("kind", ""),
            "view": item.facts.get("view", ""),
            "facts": {key: item.facts[key] for key in _SHOWN_FACTS if key in item.facts},
            "notices": self._notices(item),
            "measurements": reading.get("measurements", {}) if may_hint else {},
            "refusal": self._refusal(item),
        }
        if may_hint:
            view |= self._ai_part(item)
        return view

    def finding(
        self,
        item: Finding,
        names: Mapping[str, str],
        reading: Mapping[str, Any] | None = None,
    ) -> Json:
        """An AI hint with the specialist's verdict, and its doubt where its reading is given."""
        doubt = {} if reading is None else doubt_of(reading, item.bundle_name, item.label)
        return {
            **doubt,
            "id": item.id,
            "recording_id": item.recording_id,
            "source": item.source.value,
            "label": item.label,
            "label_text": self.label(item.label),
            "probability": item.probability,
            "flag": item.flag,
            "flag_text": self.text(f"flag.{item.flag}"),
            "operating_point": item.operating_point,
            "suppressed_by": item.suppressed_by,
            "suppressed_text": self.text(item.suppressed_by) if item.suppressed_by else "",
            "bundle": {
                "name": item.bundle_name,
                "version": item.bundle_version,
                "sha256": item.bundle_sha256,
            },
            "verdict": item.verdict.value,
            "verdict_by": names.get(item.verdict_by, ""),
            "verdict_label": item.verdict_label,
            "needs_verdict": item.flag in _HINT_FLAGS and labels()[item.label].is_abnormal,
        }

    def report(self, item: SignedReport, found: Detail) -> Json:
        """A signed version and who acknowledged it."""
        return self._content(item) | {
            "version": item.version,
            "signed_at": item.signed_at.isoformat(),
            "signer_name": item.signer_name,
            "signer_licence": item.signer_licence,
            "amend_reason": item.amend_reason,
            "superseded_by": item.superseded_by,
            "ai_assisted": item.ai_assisted,
            "content_sha256": item.content_sha256,
            "acknowledged_by": [
                {"name": found.names.get(row.user_id, ""), "at": row.at.isoformat()}
                for row in found.acknowledgements
                if row.report_version == item.version
            ],
        }

    def draft(self, item: DraftReport) -> Json:
        """The author's own draft."""
        return self._content(item) | {
            "saved_at": item.saved_at.isoformat(),
            "sha256": draft_digest(item.content),
            "amends_version": item.amends_version,
            "amend_reason": item.amend_reason,
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
            "confirmed_at": _iso(item.confirmed_at),
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

    def _patient_line(self, case: Case, patient: Patient) -> Json:
        site = self._sites.get(case.site_id)
        day = day_at(site, case.submitted_at or case.created_at)
        age = patient.age_on(day)
        return {
            "name": patient.name,
            "sex": patient.sex,
            "age_years": None if age is None else round(age, 4),  # rounds no child to an adult
            "age_text": age_text(patient, day, self._catalogue, self._language),
        }

    def _waiting(self, case: Case) -> int | None:
        if case.submitted_at is None or case.state not in (State.SUBMITTED, State.CLAIMED):
            return None
        return int((self._now - case.submitted_at).total_seconds() // 60)

    def _holder(self, user_id: str) -> Json | None:
        """Who reads a case or amends its report; None when nobody does."""
        if not user_id:
            return None
        return {
            "id": user_id,
            "name": self._names.get(user_id, ""),
            "is_me": user_id == self._caller.actor.user_id,
        }

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
            "onset_at": _iso(case.request.onset_at),
            "symptom": case.request.symptom,
            "history": case.request.history,
            "visit_number": case.request.visit_number,
        }

    def _permissions(self, case: Case, draft: DraftReport | None) -> Json:
        actor = self._caller.actor
        return {action.value: access.allows(actor, case, action, draft) for action in Action}

    def _notices(self, item: Recording) -> list[Json]:
        quality = item.reading.get("quality")
        stored = quality if isinstance(quality, list) else item.facts.get("notices", [])
        return [self.notice(row) for row in stored] if isinstance(stored, list) else []

    def _refusal(self, item: Recording) -> Json | None:
        stored = item.facts.get("refusal")
        return self.notice(stored) if isinstance(stored, dict) else None

    def _ai_part(self, item: Recording) -> Json:
        reading = item.reading
        status = str(reading.get("status", "pending"))
        bundles = reading.get("bundles", [])
        declined = reading.get("declined", [])
        return {
            "ai_status": status,
            "ai_text": self.text(f"ai.status_{status}"),
            "declined": [
                {"bundle": row["bundle"], "is_other_bundle": _is_other(row, bundles)}
                | self.notice(row)
                for row in _rows(declined)
            ],
            "statements": self._statements(reading.get("statements")),
            "contradictions": self._statements(reading.get("contradictions")),
            "bundles": _rows(bundles),
            "map_labels": [label for row in _rows(bundles) for label in row.get("labels", [])],
            "ms": reading.get("ms", {}),
        }

    def _statements(self, stored: object) -> list[Json]:
        return [
            {
                "code": row["code"],
                "level": UrgencyLevel(int(row["level"])).name.lower(),
                "text": self.text(str(row["code"]), row.get("params", {})),
            }
            for row in _rows(stored)
        ]

    def _content(self, item: SignedReport | DraftReport) -> Json:
        content = item.content
        return {
            "template_id": content.template_id,
            "fields": content.fields,
            "impression": content.impression,
            "advice": content.advice,
            "findings": [{"label": key, "text": self.label(key)} for key in content.findings],
            "measurements": content.measurements,
            "is_critical": content.is_critical,
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

    def _prior(self, row: Row) -> Json:
        return {
            "case_id": row.case.id,
            "modality": row.case.modality,
            "created_at": row.case.created_at.isoformat(),
            "acquired_at": _iso(row.recordings[0].acquired_at) if row.recordings else None,
            "recordings": [
                {"id": item.id, "kind": item.facts.get("kind", "")} for item in row.recordings
            ],
            "report_version": row.case.report_version,
        }


_SHOWN_FACTS: Final = (
    "rows",
    "columns",
    "rate_hz",
    "samples",
    "institution",
    "manufacturer",
    "device_model",
    "patient_position",
    "name_status",
    "source_kind",
)


def _rows(value: object) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _is_other(row: Mapping[str, Any], bundles: object) -> bool:
    """A bundle for other patients or views, declining what another bundle read: no news."""
    return bool(bundles) and row["code"] in SCOPE


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
