"""What a bundle must know of its own doubt, fitted on a finished run: bands, zones, novelty."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.labels import label
from qiangji_inference import metrics
from qiangji_models.bundle import MIN_HINT_SPECIFICITY, Calibration
from qiangji_models.uncertainty import FeatureSpace, band
from qiangji_training.calibrate import Scored, platt
from qiangji_training.config import Config
from qiangji_training.tasks import Task

#: Principal directions kept; docs/adr/0011 has the comparison.
DIRECTIONS: Final = 64
#: Share of validation recordings that may be called unfamiliar. At 1 % the threshold would rest
#: on the single farthest of the 74 to 183 recordings that the small sets validate on.
FALSE_ALARM_RATE: Final = 0.02
#: A zone holds at most this share of the validation recordings: a label that abstains more often
#: says nothing by it.
LARGEST_ZONE: Final = 0.10
#: Past this a bundle's check for unfamiliar recordings is worth nothing; its schema says the same.
_LARGEST_FALSE_ALARM: Final = 0.1
#: Training recordings whose features are taken; more move the Gaussian by less than its noise.
_MOST_TRAINED: Final = 4000
_DRAWS: Final = 200
#: With one patient of a class 63 % of the draws hold it, with two 86 %, with three 95 %.
_LEAST_FITS: Final = 0.9
#: Of a direction, where a channel's own is 1: below it half-precision axes would decide.
_LEAST_VARIANCE: Final = 0.01
_SEED: Final = 11
_CHUNK: Final = 64
_GRID: Final = 4001

#: Prepared inputs (n, …) to pooled features (n, channels), by the file that runs in service.
Features = Callable[[NDArray[np.float32]], NDArray[np.floating]]
Json = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, eq=False)
class Fixed:
    """What validation fixed already: scores, calibration and operating points by label."""

    scored: Scored
    calibrated: Calibration
    points: Mapping[str, Mapping[str, Mapping[str, Any]]]  # Any: JSON


def fit_scope(config: Config, task: Task, fixed: Fixed, features: Features, folder: Path) -> Json:
    """Fit the section ``uncertainty`` of a bundle and write its file of features.

    Parameters
    ----------
    config
        Of the run.
    task
        Its data, as they were trained, validated and tested on.
    fixed
        What validation fixed already.
    features
        Pooled features by the network that ships.
    folder
        The bundle's folder; ``models/scope.npz`` is written into it.

    Raises
    ------
    InputRejected
        Too few patients carry a label for a band.
    """
    bands, covariance = fit_bands(fixed.scored, config.labels)
    return {
        "bands": bands,
        "zones": {
            name: found
            for column, name in enumerate(config.labels)
            if label(name).is_abnormal
            and (found := _zone(fixed, covariance, name, column)) is not None
        },
        "novelty": _novelty(config, task, features, folder),
    }


def fit_bands(scored: Scored, labels: Sequence[str]) -> tuple[Json, NDArray[np.float64]]:
    """Spread of the calibration over bootstrap draws of patients: JSON, and (labels, 3).

    Raises
    ------
    InputRejected
        Fewer than about three patients carry a label, or are without it.
    """
    rng = np.random.default_rng(_SEED)
    patients, rows = _rows_by_patient(scored.groups)
    draws = [
        np.concatenate([rows[i] for i in rng.integers(0, len(patients), len(patients))])
        for _ in range(_DRAWS)
    ]
    covariance = np.stack(
        [
            _spread(scored.logits[:, column], scored.targets[:, column], draws, name)
            for column, name in enumerate(labels)
        ]
    )
    table = {
        name: [float(value) for value in row] for name, row in zip(labels, covariance, strict=True)
    }
    return {
        "data_set": scored.name,
        "n": len(scored.logits),
        "patients": len(patients),
        "draws": _DRAWS,
        "level": 0.95,
        "covariance": table,
    }, covariance


def fit_space(trained: NDArray[np.floating]) -> FeatureSpace:
    """Gaussian of training features (n, channels): widest directions, one variance for the rest.

    Raises
    ------
    InputRejected
        Fewer than three recordings, or features that do not vary.
    """
    values = trained.astype(np.float64)
    count, channels = values.shape
    mean, scale = values.mean(axis=0), values.std(axis=0)
    if count < 3 or not (scale > 0).any():
        raise InputRejected("train.scope_features", n=count)
    # A channel that never fires in training has no scale of its own: any activity there is news.
    scale = np.where(scale > 0, scale, scale[scale > 0].min())
    kept = min(DIRECTIONS, channels - 1, count - 2)
    standard = (values - mean) / scale
    _, strengths, axes = np.linalg.svd(standard, full_matrices=False)
    variances = strengths**2 / count
    rest = max(float(variances[kept:].sum()) / (channels - kept), _LEAST_VARIANCE)
    return FeatureSpace(
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        axes=axes[:kept].T.astype(np.float16),
        # No direction is narrower than the rest: what a small set did not show is not excluded.
        spread=np.sqrt(np.maximum(variances[:kept], rest)).astype(np.float32),
        rest=rest,
    )


def novelty_threshold(novelty: NDArray[np.floating]) -> tuple[float, float]:
    """Threshold on the novelty of validation recordings, and the rate it stands for.

    The order statistic that a further recording of the same kind exceeds with at most the rate
    (Vovk et al. 2005, conformal prediction); n recordings allow no rate below 1 / (n + 1).
    """
    n = len(novelty)
    rate = max(FALSE_ALARM_RATE, 1 / (n + 1))
    place = min(math.ceil((n + 1) * (1 - rate)), n)
    return float(np.sort(novelty)[place - 1]), rate


def zone_of(chances: NDArray[np.float64], straddled: tuple[float, float], threshold: float) -> Json:
    """The abstain zone of a label as it stands in the bundle.

    Parameters
    ----------
    chances
        (n,) calibrated probabilities of the validation recordings.
    straddled
        Lowest and highest probability whose band holds the threshold.
    threshold
        Of the point that decides whether a hint is shown.
    """
    low, high = straddled
    share = float(((chances >= low) & (chances < high)).mean())
    is_cut = share > LARGEST_ZONE
    if is_cut:
        distance = np.abs(_logit(chances) - _logit(np.array([threshold])))
        reach = np.sort(distance)[int(LARGEST_ZONE * len(chances))]
        middle = float(_logit(np.array([threshold]))[0])
        low, high = (1 / (1 + math.exp(-(middle + step))) for step in (-reach, reach))
        share = float(((chances >= low) & (chances < high)).mean())
    return {"low": low, "high": high, "share": share, "is_cut": is_cut}


def _zone(fixed: Fixed, covariance: NDArray[np.float64], name: str, column: int) -> Json | None:
    """Probabilities whose band holds the threshold of the hint; None where no band does."""
    points = fixed.points[name]
    is_hint = points["sensitive"]["specificity"] >= MIN_HINT_SPECIFICITY
    threshold = points["sensitive" if is_hint else "specific"]["threshold"]
    logits = fixed.scored.logits[:, column]
    scale, offset = fixed.calibrated.scale[column], fixed.calibrated.offset[column]
    if not 0 < threshold < 1:
        return None
    middle = (float(_logit(np.array([threshold]))[0]) - offset) / scale
    reach = max(float(np.ptp(logits)), 1.0)
    grid = np.linspace(middle - reach, middle + reach, _GRID)
    low, high = band(grid[:, None], np.array([[scale, offset]]), covariance[[column]])
    held = grid[(low[:, 0] < threshold) & (high[:, 0] >= threshold)]
    if len(held) == 0:
        return None
    ends = 1 / (1 + np.exp(-(held[[0, -1]] * scale + offset)))
    chances = 1 / (1 + np.exp(-np.clip(logits * scale + offset, -60, 60)))
    return zone_of(chances, (float(ends[0]), float(ends[1])), threshold)


def _novelty(config: Config, task: Task, features: Features, folder: Path) -> Json:
    trained = _trained_features(config, task, features)
    space = fit_space(trained)
    path = folder / "models" / "scope.npz"
    space.save(path)
    space = FeatureSpace.load(path)  # the threshold belongs to the rounded file
    threshold, rate = novelty_threshold(space.novelty(features(task.valid.inputs)))
    if rate > _LARGEST_FALSE_ALARM:
        raise InputRejected("train.scope_few", part=task.valid.name, n=len(task.valid.inputs))
    checks = []
    for part in task.tests:
        is_flagged = space.novelty(features(part.inputs)) > threshold
        found = metrics.wilson(int(is_flagged.sum()), len(is_flagged))
        checks.append(
            {
                "data_set": part.name,
                "is_other_site": part.is_other_site,
                "n": len(is_flagged),
                "flagged": found.value,
                "interval": [found.low, found.high],
            }
        )
    return {
        "file": path.relative_to(folder).as_posix(),
        "threshold": threshold,
        "false_alarm_rate": rate,
        "data_set": task.valid.name,
        "n": len(task.valid.inputs),
        "trained_on": len(trained),
        "checks": checks,
    }


def _trained_features(config: Config, task: Task, features: Features) -> NDArray[np.float64]:
    """Features (n, channels) of training recordings as the last epoch saw them, augmented.

    What the network was taught to bear is not news to it.
    """
    epoch = config.fit.epochs - 1
    count = len(task.train_ids)
    rng = np.random.default_rng(_SEED)
    rows = np.sort(rng.permutation(count)[:_MOST_TRAINED])
    pieces = []
    for start in range(0, len(rows), _CHUNK):
        loaded = [
            task.examples.load(int(row), epoch, np.random.default_rng((config.seed, epoch, row)))[0]
            for row in rows[start : start + _CHUNK]
        ]
        pieces.append(np.asarray(features(np.stack(loaded)), np.float64))
    return np.concatenate(pieces)


def _rows_by_patient(
    groups: NDArray[np.str_],
) -> tuple[NDArray[np.str_], list[NDArray[np.intp]]]:
    patients, place = np.unique(groups, return_inverse=True)
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place))[:-1]
    return patients, list(np.split(order, ends))


def _spread(
    logits: NDArray[np.float64],
    truth: NDArray[np.float32],
    draws: Sequence[NDArray[np.intp]],
    name: str,
) -> NDArray[np.float64]:
    fits = []
    for rows in draws:
        known = truth[rows][~np.isnan(truth[rows])]
        if len(set(known.tolist())) > 1:
            fits.append(platt(logits[rows], truth[rows]))
    if len(fits) < _LEAST_FITS * _DRAWS:
        raise InputRejected("train.scope_band", label=name)
    found = np.cov(np.array(fits).T)
    return np.array([found[0, 0], found[0, 1], found[1, 1]])


def _logit(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    held = np.clip(chances, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(held / (1 - held)), np.float64)
