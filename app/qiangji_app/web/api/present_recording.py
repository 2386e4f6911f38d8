"""Recordings and AI hints as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from qiangji_app.domain.case import Finding, Recording
from qiangji_app.services.doubt import doubt_of
from qiangji_app.services.triage import map_id
from qiangji_app.web.api.words import Json, Words, iso, rows
from qiangji_datasets.labels import UrgencyLevel, labels
from qiangji_inference.reading import SCOPE

_HINT_FLAGS: Final = frozenset({"possible", "likely"})
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


def recording(words: Words, item: Recording, *, may_hint: bool) -> Json:
    """A stored film or ECG; AI parts only where the caller may see hints."""
    reading = item.reading
    view: Json = {
        "id": item.id,
        "case_id": item.case_id,
        "file_name": item.file_name,
        "size": item.size,
        "state": item.state.value,
        "modality": item.modality,
        "acquired_at": iso(item.acquired_at),
        "received_at": item.received_at.isoformat(),
        "thumb_url": f"/api/v1/images/{item.id}/thumb.png" if item.modality else None,
        "kind": item.facts.get("kind", ""),
        "view": item.facts.get("view", ""),
        "facts": {key: item.facts[key] for key in _SHOWN_FACTS if key in item.facts},
        "notices": _notices(words, item),
        "measurements": reading.get("measurements", {}) if may_hint else {},
        "refusal": _refusal(words, item),
    }
    if may_hint:
        view |= _ai_part(words, item)
    return view


def same_file(item: Recording, others: Iterable[Recording]) -> str | None:
    """Name of the file that came in before with the very same content; None for a new one."""
    twins = (one for one in others if one.blob_sha256 == item.blob_sha256)
    first = next(twins, item)
    return None if first.id == item.id else first.file_name


def finding(
    words: Words,
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
        "label_text": words.label(item.label),
        "probability": item.probability,
        "flag": item.flag,
        "flag_text": words.text(f"flag.{item.flag}"),
        "operating_point": item.operating_point,
        "suppressed_by": item.suppressed_by,
        "suppressed_text": words.text(item.suppressed_by) if item.suppressed_by else "",
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


def _notices(words: Words, item: Recording) -> list[Json]:
    quality = item.reading.get("quality")
    stored = quality if isinstance(quality, list) else item.facts.get("notices", [])
    return [words.notice(row) for row in stored] if isinstance(stored, list) else []


def _refusal(words: Words, item: Recording) -> Json | None:
    stored = item.facts.get("refusal")
    return words.notice(stored) if isinstance(stored, dict) else None


def _ai_part(words: Words, item: Recording) -> Json:
    reading = item.reading
    status = str(reading.get("status", "pending"))
    bundles = reading.get("bundles", [])
    declined = reading.get("declined", [])
    return {
        "ai_status": status,
        "ai_text": words.text(f"ai.status_{status}"),
        "declined": [
            {"bundle": row["bundle"], "is_other_bundle": _is_other(row, bundles)}
            | words.notice(row)
            for row in rows(declined)
        ],
        "statements": _statements(words, reading.get("statements")),
        "contradictions": _statements(words, reading.get("contradictions")),
        "bundles": rows(bundles),
        "map_labels": [
            {"id": map_id(row["name"], label), "label": label, "bundle": row["name"]}
            for row in rows(bundles)
            for label in row.get("labels", [])
            if labels()[label].is_abnormal
        ],
        "ms": reading.get("ms", {}),
    }


def _statements(words: Words, stored: object) -> list[Json]:
    return [
        {
            "code": row["code"],
            "level": UrgencyLevel(int(row["level"])).name.lower(),
            "text": words.text(str(row["code"]), row.get("params", {})),
        }
        for row in rows(stored)
    ]


def _is_other(row: Mapping[str, Any], bundles: object) -> bool:
    """A bundle for other patients or views, declining what another bundle read: no news."""
    return bool(bundles) and row["code"] in SCOPE
