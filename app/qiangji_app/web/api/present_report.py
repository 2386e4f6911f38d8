"""Reports as JSON: drafts, signed versions, what became of the AI's hints."""

from __future__ import annotations

from qiangji_app.domain.report import DraftReport, SignedReport, draft_digest
from qiangji_app.services.ai_use import AiUse, use_at
from qiangji_app.services.listing import Detail
from qiangji_app.services.presign import Contradiction, Presigned
from qiangji_app.web.api.words import Json, Words


def report(words: Words, item: SignedReport, found: Detail, *, may_hint: bool) -> Json:
    """A signed version and who acknowledged it."""
    return _content(words, item) | {
        "version": item.version,
        "signed_at": item.signed_at.isoformat(),
        "signer_name": item.signer_name,
        "signer_licence": item.signer_licence,
        "amend_reason": item.amend_reason,
        "superseded_by": item.superseded_by,
        "ai_assisted": item.ai_assisted,
        "ai_use": _use(words, use_at(found.findings, found.events, item.signed_at))
        if may_hint
        else None,
        "content_sha256": item.content_sha256,
        "acknowledged_by": [
            {"name": found.names.get(row.user_id, ""), "at": row.at.isoformat()}
            for row in found.acknowledgements
            if row.report_version == item.version
        ],
    }


def draft(words: Words, item: DraftReport) -> Json:
    """The author's own draft."""
    return _content(words, item) | {
        "saved_at": item.saved_at.isoformat(),
        "sha256": draft_digest(item.content),
        "amends_version": item.amends_version,
        "amend_reason": item.amend_reason,
    }


def _content(words: Words, item: SignedReport | DraftReport) -> Json:
    content = item.content
    return {
        "template_id": content.template_id,
        "fields": content.fields,
        "impression": content.impression,
        "advice": content.advice,
        "findings": [{"label": key, "text": words.label(key)} for key in content.findings],
        "measurements": content.measurements,
        "is_critical": content.is_critical,
    }


def presigned(words: Words, found: Presigned) -> Json:
    """What is about to be signed: the draft, what it contradicts, what became of the hints."""
    return {
        "draft": draft(words, found.draft),
        "contradictions": [
            {"code": item.code, "text": words.text(item.code, _about(item))}
            for item in found.contradictions
        ],
        "ai_use": _use(words, found.use),
        "is_unlocked": found.is_unlocked,
        "needs_call": found.needs_call,
    }


def _about(item: Contradiction) -> dict[str, str]:
    quoted = "、".join(f"“{word}”" for word in item.words)
    return {"labels": ",".join(item.labels), "words": quoted}


def _use(words: Words, use: AiUse) -> Json:
    return {
        "accepted": [words.label(name) for name in use.accepted],
        "rejected": [words.label(name) for name in use.rejected],
        "edited": [
            {"hint": words.label(name), "put": words.label(put)} for name, put in use.edited
        ],
    }
