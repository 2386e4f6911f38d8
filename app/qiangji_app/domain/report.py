"""Draft and signed report are two types: an unsigned report cannot reach a patient by type."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from qiangji_app.domain.canonical import digest

#: What the digest of a report covers. 1: content, case, signer's id, time and recordings; 2: also
#: name, licence number and site of who signed, and why it was amended. Reports keep theirs.
DIGEST_VERSION: Final = 2


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

    ``signer_site`` is the name of the signer's site at that moment, empty before digest version 2.
    ``content_sha256`` is ``signed_digest``.
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
    signer_site_id: str = ""
    signer_site: str = ""
    digest_version: int = 1


def draft_digest(content: ReportContent) -> str:
    """SHA-256, hex, of what stands in a draft; who signs names it, and signs nothing else."""
    return digest(_body(content))


def signed_digest(report: SignedReport) -> str:
    """SHA-256, hex, of the canonical JSON of what was signed, as ``digest_version`` defines it.

    Raises
    ------
    ValueError
        ``digest_version`` is none of ours.
    """
    return digest(signed_body(report))


def signed_body(report: SignedReport) -> dict[str, object]:
    """What was signed, as JSON values; ``signed_digest`` is its digest.

    Raises
    ------
    ValueError
        ``digest_version`` is none of ours.
    """
    body: dict[str, object] = {
        "case_id": report.case_id,
        "version": report.version,
        "signer_id": report.signer_id,
        "signed_at": report.signed_at.isoformat(timespec="microseconds"),
        "recordings": list(report.recording_sha256),
    } | _body(report.content)
    if report.digest_version == DIGEST_VERSION:
        body |= {
            "digest_version": report.digest_version,
            "signer_name": report.signer_name,
            "signer_licence": report.signer_licence,
            "signer_site_id": report.signer_site_id,
            "signer_site": report.signer_site,
            "amend_reason": report.amend_reason,
        }
    elif report.digest_version != 1:
        raise ValueError(f"no such digest version: {report.digest_version!r}")
    return body


def _body(content: ReportContent) -> dict[str, object]:
    return {
        "template_id": content.template_id,
        "fields": content.fields,
        "impression": content.impression,
        "advice": content.advice,
        "findings": list(content.findings),
        "measurements": content.measurements,
        "is_critical": content.is_critical,
    }
