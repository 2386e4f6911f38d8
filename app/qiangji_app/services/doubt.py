"""What the AI's own doubt does to hints and order: it may lift a recording, never lower it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from qiangji_app.domain.case import UrgencyReason
from qiangji_datasets.labels import UrgencyLevel, label
from qiangji_inference.reading import Reading
from qiangji_inference.results import Flag, LabelPrediction, Prediction

#: Sensitivity, 0-1, below which the absence of a hint says little, and the page says so. Ours: with
#: two in five missed nobody may lean on silence. Tests of WHO's triage profile ask for 90 %.
OFTEN_MISSED_BELOW: Final = 0.60


def doubt_reasons(reading: Reading) -> list[UrgencyReason]:
    """Why a recording without a hint is not unremarkable."""
    undetermined = int(UrgencyLevel.UNDETERMINED)
    found = [
        UrgencyReason("urgency.uncertain", undetermined, "model", {"label": item.label})
        for prediction in reading.predictions
        for item in prediction.labels
        if item.flag is Flag.NONE and is_urgent_doubt(item)
    ]
    if any(prediction.is_unfamiliar for prediction in reading.predictions):
        found.append(UrgencyReason("urgency.unfamiliar", undetermined, "triage"))
    return found


def is_urgent_doubt(item: LabelPrediction) -> bool:
    """True where a label abstains that, if present, would ask for more than routine order."""
    meaning = label(item.label)
    return item.is_uncertain and meaning.is_abnormal and meaning.urgency > UrgencyLevel.ROUTINE


def shown_flag(item: LabelPrediction, prediction: Prediction) -> Flag:
    """On an unfamiliar recording no hint is called likely; what it asks for stays what it was."""
    if prediction.is_unfamiliar and item.flag is Flag.LIKELY:
        return Flag.POSSIBLE
    return item.flag


def reason_code(item: LabelPrediction, prediction: Prediction) -> str:
    """Message key of the reason for urgency that a flagged label gives."""
    return f"urgency.model_{'unfamiliar' if prediction.is_unfamiliar else item.flag.value}"


def stored_doubt(prediction: Prediction) -> dict[str, object]:
    """What is kept of one bundle's doubt: novelty, bands and lines by label, labels that abstain.

    A threshold is that of the operating point which set the flag.
    """
    found = prediction.familiarity
    novelty = None
    if found is not None:
        novelty = {
            "value": round(found.novelty, 3),
            "threshold": round(found.threshold, 3),
            "is_unfamiliar": found.is_unfamiliar,
        }
    return {
        "novelty": novelty,
        "bands": {
            item.label: [round(item.probability_low, 4), round(item.probability_high, 4)]
            for item in prediction.labels
            if item.probability_low is not None and item.probability_high is not None
        },
        "thresholds": {item.label: round(item.threshold, 4) for item in prediction.labels},
        "sensitivities": {
            item.label: round(item.sensitivity, 4)
            for item in prediction.labels
            if item.sensitivity is not None
        },
        "uncertain": [
            item.label
            for item in prediction.labels
            if item.is_uncertain and label(item.label).is_abnormal
        ],
    }


def _often_missed(sensitivity: float | None) -> float | None:
    is_often = sensitivity is not None and sensitivity < OFTEN_MISSED_BELOW
    return sensitivity if is_often else None


def doubt_of(reading: Mapping[str, object], bundle_name: str, label_id: str) -> dict[str, object]:
    """Band, threshold and doubt of one finding, from the stored reading of its recording.

    ``missed_often_at`` is the measured sensitivity, 0-1, where it is low, else None.
    Readings stored before one of them was kept give None and False.
    """
    stored = reading.get("bundles", [])
    bundles = [row for row in stored if isinstance(row, dict)] if isinstance(stored, list) else []
    row = next((one for one in bundles if one.get("name") == bundle_name), {})
    low, high = row.get("bands", {}).get(label_id, (None, None))
    return {
        "probability_low": low,
        "probability_high": high,
        "threshold": row.get("thresholds", {}).get(label_id),
        "missed_often_at": _often_missed(row.get("sensitivities", {}).get(label_id)),
        "is_uncertain": label_id in row.get("uncertain", []),
        "is_unfamiliar": bool((row.get("novelty") or {}).get("is_unfamiliar", False)),
    }
