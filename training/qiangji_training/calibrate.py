"""From logits to probabilities and thresholds, and what they are worth on each part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.labels import label
from qiangji_inference import metrics
from qiangji_models.bundle import Calibration
from qiangji_training.config import PointsConfig

#: Prior of the slope: 1 ± 0.5. With few positives the data alone would push it to infinity.
_SLOPE_SPREAD: Final = 0.5
_NEWTON_STEPS: Final = 50
_SMALLEST_SLOPE: Final = 0.05
#: Superclasses of PTB-XL, over which ECG networks are compared in the literature.
_SUPERCLASSES: Final = ("norm", "mi", "sttc", "cd", "hyp")


@dataclass(frozen=True, eq=False)
class Scored:
    """Logits and truth of one part of the data.

    ``logits`` (n, labels); ``targets`` (n, labels) 1, 0 or NaN; ``groups`` patient of each row.
    """

    name: str
    logits: NDArray[np.float64]
    targets: NDArray[np.float32]
    groups: NDArray[np.str_]
    is_other_site: bool


def label_groups(labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Labels over which a macro average is told: all, and those of which others speak."""
    if set(_SUPERCLASSES) <= set(labels):
        return {"all labels": labels, "five superclasses": _SUPERCLASSES}
    findings = tuple(name for name in labels if label(name).is_abnormal)
    if findings == labels:
        return {"all labels": labels}
    return {"all labels": labels, "findings": findings}


def calibration(scored: Scored, *, run_id: str) -> Calibration:
    """Platt scaling of every label.

    References
    ----------
    Platt 1999, "Probabilistic outputs for support vector machines" (targets pulled inwards by
    the number of cases).
    """
    fits = [
        platt(scored.logits[:, column], scored.targets[:, column])
        for column in range(scored.logits.shape[1])
    ]
    return Calibration(
        id=f"platt-{run_id}",
        data_set=scored.name,
        n=len(scored.logits),
        scale=np.array([scale for scale, _ in fits]),
        offset=np.array([offset for _, offset in fits]),
    )


def platt(logits: NDArray[np.float64], truth: NDArray[np.float32]) -> tuple[float, float]:
    """Scale and offset such that sigmoid(scale * logit + offset) is the chance of presence.

    Raises
    ------
    InputRejected
        Only one class is present.
    """
    known = ~np.isnan(truth)
    x, y = logits[known], truth[known].astype(np.float64)
    n_pos, n_neg = int(y.sum()), int((1 - y).sum())
    if 0 in (n_pos, n_neg):
        raise InputRejected("train.one_class", n_pos=n_pos, n_neg=n_neg)
    wanted = np.where(y == 1, (n_pos + 1) / (n_pos + 2), 1 / (n_neg + 2))
    design = np.stack([x, np.ones_like(x)], axis=1)
    prior = np.diag([1 / _SLOPE_SPREAD**2, 1e-6])
    found = np.array([1.0, 0.0])
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(design @ found, -60, 60)))
        gradient = design.T @ (p - wanted) + prior @ (found - [1.0, 0.0])
        step = np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design + prior, gradient)
        found = found - np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    return max(float(found[0]), _SMALLEST_SLOPE), float(found[1])


def operating_points(
    scored: Scored, calibrated: Calibration, column: int, wanted: PointsConfig, on: date
) -> dict[str, dict[str, Any]]:  # Any: JSON
    """The two points of a label, as they stand in ``metadata.json``.

    The sensitive point reaches ``wanted.sensitivity``, the specific one ``wanted.specificity``.
    Where the label is easy and the two thresholds cross, either reaches both; they are swapped,
    so that the sensitive one is the lower.
    """
    truth = scored.targets[:, column]
    chances = calibrated.probabilities(scored.logits)[:, column]
    first = metrics.threshold_for_sensitivity(truth, chances, wanted.sensitivity)
    second = metrics.threshold_for_specificity(truth, chances, wanted.specificity)
    if first is None or second is None:
        raise InputRejected("train.one_class", n_pos=0, n_neg=0)
    low, high = sorted((first, min(second, 1.0)))
    return {
        kind: {
            "id": f"{kind}-{on.isoformat()}",
            "data_set": scored.name,
            "date": on.isoformat(),
            **_reached(metrics.at_threshold(truth, chances, threshold)),
        }
        for kind, threshold in (("sensitive", low), ("specific", high))
    }


def _reached(found: metrics.AtThreshold) -> dict[str, Any]:
    sensitivity, specificity = found.sensitivity, found.specificity
    return {
        "threshold": found.threshold,
        "n": found.n_pos + found.n_neg,
        "n_pos": found.n_pos,
        "sensitivity": sensitivity.value,
        "specificity": specificity.value,
        "sensitivity_interval": [sensitivity.low, sensitivity.high],
        "specificity_interval": [specificity.low, specificity.high],
    }


def results(
    scored: Scored,
    calibrated: Calibration,
    labels: tuple[str, ...],
    points: dict[str, dict[str, dict[str, Any]]],
    groups_of_labels: dict[str, tuple[str, ...]],
) -> dict[str, Any]:
    """What a part of the data says about the bundle, as it stands in metadata and card."""
    chances = calibrated.probabilities(scored.logits)
    macros = {}
    for name, members in groups_of_labels.items():
        columns = [labels.index(member) for member in members]
        macros[name] = metrics.macro_auc_interval(
            scored.targets[:, columns], chances[:, columns], groups=scored.groups
        ).as_dict()
    return {
        "data_set": scored.name,
        "is_other_site": scored.is_other_site,
        "n": len(chances),
        "patients": len(set(scored.groups.tolist())),
        "macro_auc": macros,
        "labels": {
            name: _label_result(scored, chances[:, column], column, points[name])
            for column, name in enumerate(labels)
        },
    }


def _label_result(
    scored: Scored,
    chances: NDArray[np.float64],
    column: int,
    points: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    truth = scored.targets[:, column]
    n_pos, n_neg = metrics.counts(truth)
    at = {}
    for kind, point in points.items():
        found = metrics.at_threshold(truth, chances, point["threshold"])
        at[kind] = {
            "sensitivity": found.sensitivity.as_dict(),
            "specificity": found.specificity.as_dict(),
        }
    return {
        "n_pos": n_pos,
        "n_neg": n_neg,
        "auc": metrics.auc_interval(truth, chances, groups=scored.groups).as_dict(),
        "specificity_at_90_sensitivity": metrics.specificity_at_sensitivity(truth, chances),
        "calibration_error": metrics.expected_calibration_error(truth, chances),
        "brier": metrics.brier(truth, chances),
        "points": at,
    }
