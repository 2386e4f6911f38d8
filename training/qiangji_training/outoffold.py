"""Results over all folds: each recording's chance comes from networks that never saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_inference import metrics
from qiangji_inference.label_results import PointResult, TargetResult, target_figures
from qiangji_inference.metrics import Estimate
from qiangji_inference.scored import Column
from qiangji_training import calibrate
from qiangji_training.calibrate import Scored
from qiangji_training.config import Config

#: A fold's chances are ones and zeros here: at or above its own threshold, or below.
_AT_OR_ABOVE: Final = 0.5
_KINDS: Final = ("sensitive", "specific")


@dataclass(frozen=True, eq=False)
class FoldScores:
    """What one fold's run gave: its validation part, its tested part, and its manifest."""

    fold: int
    valid: Scored
    tested: Scored
    manifest: Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True)
class FoldResult:
    """One fold by itself; ``macro_auc`` by group of labels."""

    fold: int
    tested: str
    validated: str
    n: int
    macro_auc: Mapping[str, float | None]
    commit: str
    is_dirty: bool
    cpu_minutes: float

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**vars(self), "macro_auc": dict(self.macro_auc)}


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """All folds together.

    ``macro_auc`` by group of labels, over all recordings, with intervals by patient; ``columns``
    truth and calibrated chance of each label. ``offered`` is how many folds the task has.
    """

    name: str
    version: str
    offered: int
    folds: tuple[FoldResult, ...]
    targets: Mapping[str, TargetResult]
    columns: Mapping[str, Column]
    macro_auc: Mapping[str, Estimate]
    n: int
    n_patients: int

    def mean_of_folds(self, group: str) -> float | None:
        """Mean of the folds' own macro AUC; None where one has none."""
        each = [fold.macro_auc[group] for fold in self.folds]
        known = [value for value in each if value is not None]
        return float(np.mean(known)) if len(known) == len(each) else None

    def as_json(self) -> dict[str, object]:
        """The form of ``crossval.json``; labels as in that of ``qiangji evaluate``."""
        return {
            "config": {"name": self.name, "version": self.version},
            "folds_offered": self.offered,
            "folds": [fold.as_dict() for fold in self.folds],
            "n": self.n,
            "n_patients": self.n_patients,
            "macro_auc": {
                group: {**found.as_dict(), "mean_of_folds": self.mean_of_folds(group)}
                for group, found in self.macro_auc.items()
            },
            "targets": {name: result.as_dict() for name, result in self.targets.items()},
        }


@dataclass(frozen=True, eq=False)
class _Judged:
    """A fold's tested part, calibrated and cut on its own validation part.

    ``chance`` (n, labels); ``thresholds`` and ``is_above`` by kind of point, (labels,) and
    (n, labels).
    """

    chance: NDArray[np.float64]
    thresholds: Mapping[str, NDArray[np.float64]]
    is_above: Mapping[str, NDArray[np.bool_]]


def out_of_fold(
    config: Config, folds: Sequence[FoldScores], *, offered: int, on: date, seed: int = 0
) -> CrossValidation:
    """Judge every fold with its own calibration and thresholds, then all recordings together.

    Scores of different networks are not comparable as they come; as chances, calibrated on each
    fold's validation part, they are, as far as calibration holds.

    Raises
    ------
    InputRejected
        A patient is tested in two folds, or a validation part has only one class of a label.
    """
    _check_patients(folds)
    judged = [_judged(config, fold, on) for fold in folds]
    truth = np.concatenate([fold.tested.targets for fold in folds]).astype(np.float64)
    chance = np.concatenate([found.chance for found in judged])
    patients = np.concatenate([fold.tested.groups for fold in folds]).tolist()
    columns = {
        name: Column(truth[:, at], chance[:, at], 0) for at, name in enumerate(config.labels)
    }
    targets = {
        name: target_figures(column, patients, seed, **_points(judged, column, at))
        for at, (name, column) in enumerate(columns.items())
    }
    groups = _groups(config.labels, targets)
    return CrossValidation(
        name=config.name,
        version=config.version,
        offered=offered,
        folds=tuple(
            _fold_result(config.labels, fold, found.chance, groups)
            for fold, found in zip(folds, judged, strict=True)
        ),
        targets=targets,
        columns=columns,
        macro_auc={
            name: metrics.macro_auc_interval(
                truth[:, members], chance[:, members], groups=patients, seed=seed
            )
            for name, members in _places(config.labels, groups).items()
        },
        n=len(truth),
        n_patients=len(set(patients)),
    )


def _check_patients(folds: Sequence[FoldScores]) -> None:
    seen: set[str] = set()
    for fold in folds:
        here = set(fold.tested.groups.tolist())
        if seen & here:
            raise InputRejected("train.folds_overlap", fold=fold.fold, n=len(seen & here))
        seen |= here


def _judged(config: Config, fold: FoldScores, on: date) -> _Judged:
    calibrated = calibrate.calibration(fold.valid, run_id=f"{config.name}-fold-{fold.fold}")
    chance = calibrated.probabilities(fold.tested.logits)
    points = [
        calibrate.operating_points(fold.valid, calibrated, column, config.points, on)
        for column in range(len(config.labels))
    ]
    thresholds = {kind: np.array([pair[kind]["threshold"] for pair in points]) for kind in _KINDS}
    is_above = {kind: chance >= limits for kind, limits in thresholds.items()}
    return _Judged(chance, thresholds, is_above)


def _points(judged: Sequence[_Judged], column: Column, at: int) -> dict[str, PointResult]:
    """Both points: each fold's recordings against its own threshold; the median one is told."""
    found = {}
    for kind in _KINDS:
        is_above = np.concatenate([fold.is_above[kind][:, at] for fold in judged])
        reached = metrics.at_threshold(column.truth, is_above.astype(np.float64), _AT_OR_ABOVE)
        middle = float(np.median([fold.thresholds[kind][at] for fold in judged]))
        found[kind] = PointResult(f"{kind}-of-each-fold", replace(reached, threshold=middle))
    return found


def _groups(
    labels: tuple[str, ...], targets: Mapping[str, TargetResult]
) -> dict[str, tuple[str, ...]]:
    groups = calibrate.label_groups(labels)
    enough = tuple(name for name in labels if not targets[name].is_too_few)
    if enough and enough != labels:
        groups["labels with enough cases"] = enough
    return groups


def _places(labels: tuple[str, ...], groups: Mapping[str, tuple[str, ...]]) -> dict[str, list[int]]:
    return {name: [labels.index(member) for member in members] for name, members in groups.items()}


def _fold_result(
    labels: tuple[str, ...],
    fold: FoldScores,
    chance: NDArray[np.float64],
    groups: Mapping[str, tuple[str, ...]],
) -> FoldResult:
    said = fold.manifest
    return FoldResult(
        fold=fold.fold,
        tested=fold.tested.name,
        validated=fold.valid.name,
        n=len(chance),
        macro_auc={
            name: metrics.macro_auc(fold.tested.targets[:, members], chance[:, members])
            for name, members in _places(labels, groups).items()
        },
        commit=said["commit"],
        is_dirty=said["is_dirty"],
        cpu_minutes=said["cpu_minutes"],
    )
