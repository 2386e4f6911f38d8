"""Draft and signed report are two types: an unsigned report cannot reach a patient by type."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class ReportContent:
    """What a specialist writes.

    ``fields`` maps a template field id to text; ``findings`` are label ids stated present by the
    specialist; ``measurements`` are values taken over from viewer or ECG, id to value with unit.
    """

    template_id: str
    fields: dict[str, str]
    impression: str
    advice: str
    findings: tuple[str, ...] = ()
    measurements: dict[str, str] = field(default_factory=dict)
    is_critical: bool = False


@dataclass(frozen=True)
class DraftReport:
    """Work in progress of one specialist on one case; never shown to the site."""

    case_id: str
    author_id: str
    content: ReportContent
    saved_at: datetime
    amends_version: int = 0
    amend_reason: str = ""


@dataclass(frozen=True)
class SignedReport:
    """A signed version; immutable. ``superseded_by`` is 0 for the valid one.

    ``content_sha256`` is over the canonical JSON of content, case, signer, time and the
    sha256 of every recording.
    """

    case_id: str
    version: int
    content: ReportContent
    signer_id: str
    signer_name: str
    signer_licence: str
    signed_at: datetime
    recording_sha256: tuple[str, ...]
    content_sha256: str
    ai_assisted: bool
    amend_reason: str = ""
    superseded_by: int = 0


def report_digest(
    *,
    case_id: str,
    version: int,
    content: ReportContent,
    signer_id: str,
    signed_at: datetime,
    recording_sha256: tuple[str, ...],
) -> str:
    """SHA-256, hex, of the canonical JSON of what was signed."""
    body = {
        "case_id": case_id,
        "version": version,
        "signer_id": signer_id,
        "signed_at": signed_at.isoformat(timespec="microseconds"),
        "recordings": list(recording_sha256),
        "template_id": content.template_id,
        "fields": content.fields,
        "impression": content.impression,
        "advice": content.advice,
        "findings": list(content.findings),
        "measurements": content.measurements,
        "is_critical": content.is_critical,
    }
    text = json.dumps(body, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
