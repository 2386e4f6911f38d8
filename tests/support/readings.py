"""Records, predictions and readings for tests of what follows inference."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from qiangji_datasets.records import (
    EcgRecord,
    Modality,
    NameStatus,
    PersonIdentity,
    Radiograph,
    Sex,
    StudyIds,
    View,
)
from qiangji_inference.reading import Reading
from qiangji_inference.results import (
    BundleRef,
    Flag,
    GateResult,
    LabelPrediction,
    Prediction,
)

PERSON = PersonIdentity(name="赵某", name_status=NameStatus.DECODED, sex=Sex.F, age_years=60)


def film(person: PersonIdentity = PERSON) -> Radiograph:
    """A frontal film of a known woman, with a device clock."""
    pixels = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
    ids = StudyIds(acquired_at=datetime(2026, 3, 2, 9, 30))  # noqa: DTZ001 - as devices write it
    return Radiograph(pixels=pixels, bits_stored=12, view=View.PA, person=person, ids=ids)


def ecg() -> EcgRecord:
    """Ten seconds with a wave in lead II."""
    signal = np.zeros((12, 5000), np.float32)
    signal[1] = np.sin(np.arange(5000) / 80)
    return EcgRecord(
        signal_mv=signal,
        rate_hz=500.0,
        person=PERSON,
        ids=StudyIds(),
        filters={"low_hz": 0.05, "high_hz": float("nan")},
    )


def prediction(*calls: tuple[str, Flag]) -> Prediction:
    """What a film bundle says about some labels."""
    labels = tuple(
        LabelPrediction(label, 0.1, 0.52, flag, "sensitive", 0.3) for label, flag in calls
    )
    return Prediction(
        bundle=BundleRef("cxr-adult", "0.1.0", "a" * 64),
        modality=Modality.CXR,
        labels=labels,
        activation_map=np.ones((len(labels), 14, 14), np.float32),
        map_extent=(0.0, 0.0, 1.0, 1.0),
        calibration_id="platt-1",
    )


def reading(**changed: object) -> Reading:
    """An outcome of inference; unnamed parts are empty."""
    values: dict[str, object] = {
        "modality": Modality.CXR,
        "age_years": 60.0,
        "sex": Sex.F,
        "quality": (),
        "gate": GateResult(),
        "is_gated": True,
        "predictions": (),
        "declined": (),
        "measurements": None,
    }
    return Reading(**(values | changed))  # type: ignore[arg-type]  # built per case
