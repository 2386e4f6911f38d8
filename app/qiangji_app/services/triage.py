"""The only place where a number becomes a finding and a recording gets its urgency."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from qiangji_app.domain.case import Finding, FindingSource, RecordingState, UrgencyReason
from qiangji_app.domain.examination import STUDY_DATE
from qiangji_app.domain.person import Patient
from qiangji_app.services.doubt import doubt_reasons, reason_code, shown_flag, stored_doubt
from qiangji_datasets.errors import QiangjiError
from qiangji_datasets.labels import UrgencyLevel, label
from qiangji_datasets.records import (
    LEADS,
    CellImage,
    EcgRecord,
    NameStatus,
    Notice,
    PersonIdentity,
    Radiograph,
    Record,
)
from qiangji_inference.contradictions import contradictions
from qiangji_inference.ecg_types import Statement
from qiangji_inference.reading import Reading
from qiangji_inference.results import Flag, LabelPrediction, Prediction

#: A "possible" flag (sensitive operating point) asks for priority at most; "likely" for all that
#: the label asks for. Ordering of work, not a clinical threshold.
_POSSIBLE_AT_MOST: Final = UrgencyLevel.PRIORITY


@dataclass(frozen=True)
class Outcome:
    """What became of one stored file.

    ``facts`` and ``reading`` are JSON-able and hold no identity; ``person`` is what the file says
    about the patient; ``findings`` have empty ids and case ids until they are stored;
    ``acquired_at`` is the device's clock, naive where the file names no offset; ``maps`` is an
    .npz of activation maps, empty when there are none.
    """

    state: RecordingState
    modality: str
    facts: dict[str, object]
    reading: dict[str, object]
    person: Patient | None = None
    acquired_at: datetime | None = None
    findings: tuple[Finding, ...] = ()
    maps: bytes = b""
    ms: dict[str, float] = field(default_factory=dict)


def refused_outcome(error: QiangjiError) -> Outcome:
    """A file that no reader understands; the reason travels as a message key."""
    return Outcome(
        state=RecordingState.REFUSED,
        modality="",
        facts={"refusal": {"code": error.code, "params": dict(error.params)}},
        reading={"status": "refused", "reasons": []},
    )


def failed_outcome(record: Record | None, code: str) -> Outcome:
    """A readable file whose triage failed: the case goes up without AI, and says so."""
    reading: dict[str, object] = {
        "status": "failed",
        "declined": [{"bundle": "", "code": code, "severity": "warn", "params": {}}],
        "reasons": [],
    }
    if record is None:
        return Outcome(RecordingState.STORED, "", {}, reading)
    return Outcome(
        state=RecordingState.READ,
        modality=record.modality.value,
        facts=_facts(record),
        reading=reading,
        person=_patient(record.person),
        acquired_at=record.ids.acquired_at,
    )


def assess(record: Record, reading: Reading) -> Outcome:
    """Findings, urgency reasons and everything a page shows about one recording."""
    findings = tuple(
        _finding(item, prediction)
        for prediction in reading.predictions
        for item in prediction.labels
    )
    measurements = reading.measurements
    statements = [] if measurements is None else list(measurements.statements)
    contradicted = contradictions(measurements, reading.predictions)
    reasons = [
        *_model_reasons(reading),
        *_measured_reasons([*statements, *contradicted]),
        *_withheld_reasons(reading),
        *doubt_reasons(reading),
    ]
    return Outcome(
        state=RecordingState.READ,
        modality=reading.modality.value,
        facts=_facts(record),
        reading={
            "status": reading.status.value,
            "gate_codes": [notice.code for notice in reading.gate.notices],
            "quality": [
                _notice(notice)
                for notice in (*reading.quality, *reading.gate.notices, *reading.cautions)
            ],
            "declined": [
                {"bundle": item.bundle, **_notice(item.notice)} for item in reading.declined
            ]
            + [{"bundle": "", **_notice(fault)} for fault in reading.faults],
            "bundles": [_bundle(prediction) for prediction in reading.predictions],
            "measurements": {} if measurements is None else measurements.to_dict(),
            "statements": [_statement(item) for item in statements],
            "contradictions": [_statement(item) for item in contradicted],
            "reasons": [
                {
                    "code": reason.code,
                    "level": reason.level,
                    "source": reason.source,
                    "params": dict(reason.params),
                }
                for reason in reasons
            ],
            "age_years": reading.age_years,
            "ms": {key: round(value, 1) for key, value in reading.ms.items()},
        },
        person=_patient(record.person),
        acquired_at=record.ids.acquired_at,
        findings=findings,
        maps=pack_maps(reading.predictions),
        ms=dict(reading.ms),
    )


def urgency_level(outcome: Outcome) -> UrgencyLevel:
    """Level of a single recording: the worst reason; never below UNDETERMINED when unread."""
    levels = [UrgencyLevel.ROUTINE]
    reasons = outcome.reading.get("reasons", [])
    if isinstance(reasons, list):
        levels += [UrgencyLevel(int(item["level"])) for item in reasons]
    if outcome.reading.get("status") != "done":
        levels.append(UrgencyLevel.UNDETERMINED)
    return max(levels)


def pack_maps(predictions: tuple[Prediction, ...]) -> bytes:
    """Activation maps as .npz: one float16 array a label of a bundle, and the map's extent."""
    if not predictions:
        return b""
    arrays: dict[str, np.ndarray] = {}
    for prediction in predictions:
        for index, item in enumerate(prediction.labels):
            key = map_id(prediction.bundle.name, item.label)
            arrays[key] = prediction.activation_map[index].astype(np.float16)
            arrays[f"{key}.extent"] = np.asarray(prediction.map_extent, np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stub wants bool
    return buffer.getvalue()


def map_id(bundle: str, label_id: str) -> str:
    """Name of one map: two bundles may know the same label."""
    return f"{bundle}/{label_id}"


def unpack_map(data: bytes, wanted: str) -> tuple[np.ndarray, tuple[float, ...]] | None:
    """The map (float32) of a ``map_id`` and its extent, or None where there is none.

    Maps that were packed before they were named by bundle go by the label alone.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        names = (wanted, wanted.rpartition("/")[2])
        key = next((name for name in names if f"{name}.extent" in arrays), None)
        if key is None:
            return None
        extent = tuple(float(value) for value in arrays[f"{key}.extent"])
        return arrays[key].astype(np.float32), extent


def _model_reasons(reading: Reading) -> list[UrgencyReason]:
    found: list[UrgencyReason] = []
    for prediction in reading.predictions:
        for item in prediction.labels:
            meaning = label(item.label)
            if item.flag is Flag.NONE or not meaning.is_abnormal:
                continue
            level = meaning.urgency
            if item.flag is Flag.POSSIBLE:
                level = min(level, _POSSIBLE_AT_MOST)
            if level > UrgencyLevel.ROUTINE:
                code = reason_code(item, prediction)
                params: dict[str, str | int | float] = {"label": item.label}
                found.append(UrgencyReason(code, int(level), "model", params))
    return found


def _withheld_reasons(reading: Reading) -> list[UrgencyReason]:
    """A recording whose calls are withheld (pacing, reversal) is not an unremarkable one."""
    withheld = {
        item.suppressed_by
        for prediction in reading.predictions
        for item in prediction.labels
        if item.suppressed_by
    }
    if not withheld:
        return []
    return [UrgencyReason("urgency.calls_withheld", int(UrgencyLevel.UNDETERMINED), "triage")]


def _measured_reasons(statements: Sequence[Statement]) -> list[UrgencyReason]:
    return [
        UrgencyReason(item.code, int(item.level), "measurement", dict(item.params))
        for item in statements
        if item.level > UrgencyLevel.ROUTINE
    ]


def _statement(item: Statement) -> dict[str, object]:
    return {
        "code": item.code,
        "level": int(item.level),
        "rule": item.rule_id,
        "source": item.source,
        "params": dict(item.params),
    }


def _finding(item: LabelPrediction, prediction: Prediction) -> Finding:
    code = label(item.label).code
    return Finding(
        id="",
        case_id="",
        recording_id="",
        source=FindingSource.AI,
        label=item.label,
        probability=round(item.probability, 4),
        flag=shown_flag(item, prediction).value,
        operating_point=item.operating_point,
        bundle_name=prediction.bundle.name,
        bundle_version=prediction.bundle.version,
        bundle_sha256=prediction.bundle.sha256,
        code_system=code.system if code else "",
        code=code.code if code else "",
        suppressed_by=item.suppressed_by,
    )


def _bundle(prediction: Prediction) -> dict[str, object]:
    return {
        "name": prediction.bundle.name,
        "version": prediction.bundle.version,
        "sha256": prediction.bundle.sha256,
        "calibration": prediction.calibration_id,
        "map_extent": list(prediction.map_extent),
        "labels": [item.label for item in prediction.labels],
        **stored_doubt(prediction),
    }


def _facts(record: Record) -> dict[str, object]:
    common: dict[str, object] = {
        "notices": [_notice(notice) for notice in record.notices],
        "name_status": record.person.name_status.value,
        "institution": record.ids.institution,
        "manufacturer": record.ids.manufacturer,
        "device_model": record.ids.device_model,
        "source_kind": record.source_kind,
    }
    if record.ids.study_date is not None:
        common[STUDY_DATE] = record.ids.study_date.isoformat()
    if isinstance(record, Radiograph):
        return common | _film_facts(record)
    if isinstance(record, CellImage):
        return common | _cell_facts(record)
    return common | _ecg_facts(record)


def _film_facts(film: Radiograph) -> dict[str, object]:
    return {
        "kind": "film",
        "rows": int(film.pixels.shape[0]),
        "columns": int(film.pixels.shape[1]),
        "view": film.view.value,
        "laterality": film.laterality,
        "patient_position": film.patient_position,
        "body_part": film.body_part,
        "modality_code": film.modality_code,
    }


def _cell_facts(cell: CellImage) -> dict[str, object]:
    return {
        "kind": "cell",
        "rows": int(cell.pixels.shape[0]),
        "columns": int(cell.pixels.shape[1]),
        "pixel_um": cell.pixel_um,
        "stain": cell.stain.value,
    }


def _ecg_facts(ecg: EcgRecord) -> dict[str, object]:
    return {
        "kind": "ecg",
        "rate_hz": ecg.rate_hz,
        "samples": int(ecg.signal_mv.shape[1]),
        "leads": list(LEADS),
        "derived_leads": list(ecg.derived_leads),
        "filters": {key: value for key, value in ecg.filters.items() if math.isfinite(value)},
    }


def _notice(notice: Notice) -> dict[str, object]:
    return {
        "code": notice.code,
        "severity": notice.severity.value,
        "params": dict(notice.params),
    }


def _patient(person: PersonIdentity) -> Patient:
    is_readable = person.name_status in {NameStatus.DECODED, NameStatus.GUESSED}
    return Patient(
        name=person.name if is_readable else "",
        birth_date=person.birth_date,
        age_years=person.age_years,
        sex=person.sex.value if person.sex else "",
        issuer=person.issuer,
        patient_id=person.patient_id,
    )
