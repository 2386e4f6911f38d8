"""Cases and what is attached to them, from and to database rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, cast

from sqlalchemy import Row

from qiangji_app.domain.case import (
    Acknowledgement,
    Case,
    ClinicalRequest,
    CriticalCall,
    Finding,
    FindingSource,
    Message,
    Recording,
    RecordingState,
    RequestedUrgency,
    TriageStatus,
    UrgencyReason,
    Verdict,
)
from qiangji_app.domain.report import DraftReport, ReportContent, SignedReport
from qiangji_app.domain.workflow import State
from qiangji_app.storage.crypto import FieldCipher
from qiangji_app.storage.rows import Values

_CASE_SAME = (
    "id", "site_id", "person_id", "modality", "created_at", "created_by", "revision",
    "submitted_at", "claimed_by", "claimed_at", "urgency_level", "report_version", "is_demo",
    "split_from",
)  # fmt: skip
_RECORDING_SAME = (
    "id", "case_id", "blob_sha256", "size", "received_at", "acquired_at", "modality",
    "map_blob_sha256",
)  # fmt: skip
#: Sealed beside the content; reports signed before digest version 2 hold the reason alone.
_SIGNED_SEALED = ("amend_reason", "signer_site_id", "signer_site", "digest_version")
_SIGNED_SAME = (
    "case_id", "version", "signer_id", "signer_name", "signer_licence", "signed_at",
    "content_sha256", "ai_assisted", "superseded_by",
)  # fmt: skip


def _same(item: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}


def case_values(case: Case, cipher: FieldCipher) -> Values:
    """Columns of a case; what people wrote is sealed."""
    texts = {
        "symptom": case.request.symptom,
        "history": case.request.history,
        "visit_number": case.request.visit_number,
        "override_reason": case.override_reason,
        "identity_reason": case.identity_reason,
        "identity_answers": list(case.identity_answers),
    }
    reasons = [asdict(reason) for reason in case.urgency_reasons]
    return _same(case, _CASE_SAME) | {
        "state": case.state.value,
        "triage": case.triage.value,
        "urgency_reasons": json.dumps(reasons, separators=(",", ":")),
        "requested": case.request.requested.value,
        "onset_at": case.request.onset_at,
        "sealed_text": cipher.seal_json(texts, f"clinical_case.sealed_text:{case.id}"),
    }


def to_case(row: Row[Any], cipher: FieldCipher) -> Case:
    """Case from its row."""
    texts = cast(
        "dict[str, Any]",
        cipher.open_json(row.sealed_text, f"clinical_case.sealed_text:{row.id}"),
    )
    return Case(
        **_same(row, _CASE_SAME),
        state=State(row.state),
        triage=TriageStatus(row.triage),
        urgency_reasons=tuple(UrgencyReason(**item) for item in json.loads(row.urgency_reasons)),
        request=ClinicalRequest(
            requested=RequestedUrgency(row.requested),
            onset_at=row.onset_at,
            symptom=texts["symptom"],
            history=texts["history"],
            visit_number=texts["visit_number"],
        ),
        override_reason=texts["override_reason"],
        identity_reason=texts["identity_reason"],
        # A reason of before answers were kept is asked for again.
        identity_answers=tuple(texts.get("identity_answers", ())),
    )


def recording_values(item: Recording, cipher: FieldCipher) -> Values:
    """Columns of a recording; file name, facts and reading are sealed."""
    context = "recording.sealed_{}:" + item.id
    return _same(item, _RECORDING_SAME) | {
        "state": item.state.value,
        "sealed_file_name": cipher.seal(item.file_name, context.format("file_name")),
        "sealed_facts": cipher.seal_json(item.facts, context.format("facts")),
        "sealed_reading": cipher.seal_json(item.reading, context.format("reading")),
    }


def to_recording(row: Row[Any], cipher: FieldCipher) -> Recording:
    """Recording from its row."""
    context = "recording.sealed_{}:" + row.id
    return Recording(
        **_same(row, _RECORDING_SAME),
        state=RecordingState(row.state),
        file_name=cipher.open(row.sealed_file_name, context.format("file_name")),
        facts=cipher.open_json(row.sealed_facts, context.format("facts")),
        reading=cipher.open_json(row.sealed_reading, context.format("reading")),
    )


def finding_values(item: Finding) -> Values:
    """Columns of a finding."""
    return asdict(item) | {"source": item.source.value, "verdict": item.verdict.value}


def to_finding(row: Row[Any]) -> Finding:
    """Finding from its row."""
    fields = dict(row._mapping)
    del fields["seq"]
    fields["source"] = FindingSource(fields["source"])
    fields["verdict"] = Verdict(fields["verdict"])
    return Finding(**fields)


def draft_values(draft: DraftReport, cipher: FieldCipher) -> Values:
    """Columns of a draft report."""
    sealed = {"content": asdict(draft.content), "amend_reason": draft.amend_reason}
    return {
        "case_id": draft.case_id,
        "author_id": draft.author_id,
        "saved_at": draft.saved_at,
        "amends_version": draft.amends_version,
        "sealed_content": cipher.seal_json(sealed, f"draft_report.sealed_content:{draft.case_id}"),
    }


def to_draft(row: Row[Any], cipher: FieldCipher) -> DraftReport:
    """Draft report from its row."""
    sealed: dict[str, Any] = cipher.open_json(
        row.sealed_content, f"draft_report.sealed_content:{row.case_id}"
    )
    return DraftReport(
        case_id=row.case_id,
        author_id=row.author_id,
        content=_content(sealed["content"]),
        saved_at=row.saved_at,
        amends_version=row.amends_version,
        amend_reason=sealed["amend_reason"],
    )


def signed_values(report: SignedReport, cipher: FieldCipher) -> Values:
    """Columns of a signed report."""
    sealed = {"content": asdict(report.content)} | {
        name: getattr(report, name) for name in _SIGNED_SEALED
    }
    return _same(report, _SIGNED_SAME) | {
        "recording_sha256": json.dumps(report.recording_sha256),
        "sealed_content": cipher.seal_json(sealed, _signed_context(report)),
    }


def to_signed(row: Row[Any], cipher: FieldCipher) -> SignedReport:
    """Signed report from its row."""
    sealed: dict[str, Any] = cipher.open_json(row.sealed_content, _signed_context(row))
    return SignedReport(
        **_same(row, _SIGNED_SAME),
        **{name: sealed[name] for name in _SIGNED_SEALED if name in sealed},
        content=_content(sealed["content"]),
        recording_sha256=tuple(json.loads(row.recording_sha256)),
    )


def _signed_context(item: SignedReport | Row[Any]) -> str:
    return f"signed_report.sealed_content:{item.case_id}:{item.version}"


def _content(fields: dict[str, Any]) -> ReportContent:
    return ReportContent(**(fields | {"findings": tuple(fields["findings"])}))


def acknowledgement_values(item: Acknowledgement, cipher: FieldCipher) -> Values:
    """Columns of an acknowledgement."""
    fields = asdict(item)
    note = fields.pop("note")
    return fields | {"sealed_note": cipher.seal(note, _note_context(item))}


def to_acknowledgement(row: Row[Any], cipher: FieldCipher) -> Acknowledgement:
    """Acknowledgement from its row."""
    fields = dict(row._mapping)
    del fields["seq"]
    note = cipher.open(fields.pop("sealed_note"), _note_context(row))
    return Acknowledgement(**fields, note=note)


def _note_context(item: Acknowledgement | Row[Any]) -> str:
    return f"acknowledgement.sealed_note:{item.case_id}:{item.report_version}:{item.user_id}"


def call_values(item: CriticalCall, cipher: FieldCipher) -> Values:
    """Columns of a critical call."""
    fields = asdict(item)
    texts = {name: fields.pop(name) for name in ("text", "read_back", "read_back_by")}
    return fields | {"sealed_text": cipher.seal_json(texts, f"critical_call.sealed_text:{item.id}")}


def to_call(row: Row[Any], cipher: FieldCipher) -> CriticalCall:
    """Critical call from its row."""
    fields = dict(row._mapping)
    del fields["seq"]
    sealed = fields.pop("sealed_text")
    texts = cipher.open_json(sealed, f"critical_call.sealed_text:{row.id}")
    return CriticalCall(**(fields | texts))


def message_values(item: Message, cipher: FieldCipher) -> Values:
    """Columns of a message."""
    fields = asdict(item)
    text = fields.pop("text")
    return fields | {"sealed_text": cipher.seal(text, f"message.sealed_text:{item.id}")}


def to_message(row: Row[Any], cipher: FieldCipher) -> Message:
    """Message from its row."""
    fields = dict(row._mapping)
    del fields["seq"]
    text = cipher.open(fields.pop("sealed_text"), f"message.sealed_text:{row.id}")
    return Message(**fields, text=text)
