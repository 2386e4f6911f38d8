"""Simple models beside a network, on the same recordings: what the network has to beat.

``baselines.json`` in a run's folder::

    {"schema": 1, "name": "ecg-12lead", "version": "0.1.0", "split_sha256": "…",
     "train": 1456,
     "models": [{"id": "hand_made", "features": 812, "strength": 0.01,
                 "parts": [{"data_set": "LUDB", "is_other_site": true, "n": 200,
                            "macro_auc": {"value": …, "low": …, "high": …},
                            "labels": {"mi": {"n_pos": …, "n_neg": …, "auc": {…}}}}]}]}

``id`` is one of ``random_encoder``, ``hand_made``, ``random_kernels`` (ECG), ``person`` (films:
age, sex and view alone) and ``network``: the run's own scores, where it is finished.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import kermany, nih, ptbxl_part, shenzhen
from qiangji_datasets.public.tables import Table, numbers
from qiangji_datasets.splits import split_hash
from qiangji_inference import metrics
from qiangji_inference.linear import STRENGTHS, Linear, fit_logistic
from qiangji_models.preprocess import ecg as ecgs
from qiangji_training import augment, tasks
from qiangji_training.baseline_ecg import ecg_features
from qiangji_training.baseline_film import film_features
from qiangji_training.baseline_random import RandomEncoder, RandomKernels
from qiangji_training.card_baselines import BASELINES
from qiangji_training.config import Config, Source, read_config
from qiangji_training.run import SCORES
from qiangji_training.task import Part, Task

_LOG = logging.getLogger(__name__)
_VIEWS: Final = ("PA", "AP")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Set:
    """Where the un-augmented training recordings of a task stand."""

    folder: tuple[str, str]
    read: Callable[[Path], Table]


_SETS: Final = {
    "ptbxl": _Set(("ecg", "ptbxl_part"), ptbxl_part.read),
    "nih": _Set(("cxr", "nih_chestxray14"), nih.read),
    "shenzhen": _Set(("cxr", "shenzhen"), shenzhen.read),
    "kermany": _Set(("cxr", "kermany_paediatric"), kermany.read),
}


@dataclass(frozen=True, eq=False)
class _Material:
    """A task with its training part un-augmented; ``table`` holds the facts of its own set."""

    config: Config
    task: Task
    train: Part
    table: Table

    @property
    def parts(self) -> tuple[Part, ...]:
        """Training, validation and test parts, in this order."""
        return (self.train, self.task.valid, *self.task.tests)


def write_baselines(config_file: Path, *, data: Path, out: Path) -> Path:
    """Fit every baseline of a configuration and write ``baselines.json``.

    Parameters
    ----------
    config_file
        Configuration of the network that they stand beside.
    data
        Folder of the public sets.
    out
        Folder of runs; the file goes to ``out / name``, beside the run's scores.

    Raises
    ------
    InputRejected
        The configuration cannot be read, or its task has no baselines.
    """
    config = read_config(config_file)
    material = _material(config, data)
    folder = out / config.name
    folder.mkdir(parents=True, exist_ok=True)
    models = [_fitted(name, make(material), material) for name, make in _kinds(config).items()]
    models += _network(folder, material)
    content = {
        "schema": 1,
        "name": config.name,
        "version": config.version,
        "split_sha256": split_hash(material.task.parts),
        "train": len(material.train.inputs),
        "models": models,
    }
    path = folder / BASELINES
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", "utf-8")
    return path


def _material(config: Config, data: Path) -> _Material:
    found = _SETS.get(config.task)
    if found is None or config.source is not Source.REDUCED:
        raise InputRejected("train.baseline_task", task=config.task)
    task = tasks.build(config, data)
    table = found.read(data.joinpath(*found.folder)).with_labels(config.labels)
    train = table.where(np.isin(table.ids, task.train_ids))
    part = Part("train", _prepared(config, train), train.targets, train.ids, train.groups)
    return _Material(config, task, part, table)


def _prepared(config: Config, table: Table) -> NDArray[np.float32]:
    if config.ecg is not None:
        spec = config.ecg
        signals = (ecgs.ScaledEcg(row, ptbxl_part.RATE_HZ) for row in table.inputs)
        return np.stack([ecgs.to_model_input(signal, spec)[0] for signal in signals])
    if config.film is None:
        raise InputRejected("train.config_kind", name=config.name)
    film = config.film
    return np.stack([augment.plain_film(picture, film) for picture in table.inputs])


def _kinds(config: Config) -> dict[str, Callable[[_Material], list[Floats]]]:
    if config.ecg is not None:
        return {"random_encoder": _encoded, "hand_made": _measured, "random_kernels": _convolved}
    return {"random_encoder": _encoded, "hand_made": _measured, "person": _persons}


def _encoded(material: _Material) -> list[Floats]:
    encoder = RandomEncoder(material.config, material.train.inputs)
    return [encoder.features(part.inputs) for part in material.parts]


def _convolved(material: _Material) -> list[Floats]:
    kernels = RandomKernels(material.config.seed)
    return [kernels.features(part.inputs) for part in material.parts]


def _measured(material: _Material) -> list[Floats]:
    spec = material.config.ecg
    if spec is not None:
        return [ecg_features(part.inputs, spec.rate_hz) for part in material.parts]
    pairs = zip(material.parts, _persons(material), strict=True)
    return [np.hstack([film_features(part.inputs), person]) for part, person in pairs]


def _persons(material: _Material) -> list[Floats]:
    """Age, sex and view of films, NaN where not stated (and for sets with other columns)."""
    row_of = {name: row for row, name in enumerate(material.table.ids.tolist())}
    facts = material.table.facts
    blank = np.full(len(material.table), "", np.str_)
    sex, view = facts.get("sex", blank), facts.get("view", blank)
    columns = [numbers(facts.get("age", blank)), _is_one(sex, ("F", "M"))]
    columns.append(_is_one(view, _VIEWS))
    whole = np.vstack([np.stack(columns, axis=1), np.full((1, len(columns)), np.nan)])
    return [whole[[row_of.get(name, -1) for name in part.ids.tolist()]] for part in material.parts]


def _is_one(values: NDArray[np.str_], pair: tuple[str, str]) -> Floats:
    return np.select([values == pair[0], values == pair[1]], [1.0, 0.0], np.nan)


def _fitted(name: str, features: list[Floats], material: _Material) -> dict[str, Any]:  # Any: JSON
    """Fit on training, choose the strength on validation, measure on every test part."""
    _LOG.info("baseline %s: %d features", name, features[0].shape[1])
    train, valid, *tests = _filled(features)
    truth = material.train.targets.astype(np.float64)
    best: tuple[float, float, list[Linear]] = (-1.0, STRENGTHS[0], [])
    for strength in STRENGTHS:
        models = [_one(train, truth[:, column], strength) for column in range(truth.shape[1])]
        reached = metrics.macro_auc(material.task.valid.targets, _scores(models, valid)) or 0.0
        best = max(best, (reached, strength, models), key=lambda item: item[0])
    _, strength, models = best
    parts = zip(material.task.tests, tests, strict=True)
    return {
        "id": name,
        "features": features[0].shape[1],
        "strength": strength,
        "parts": [
            _part(part, _scores(models, found), material.config.labels) for part, found in parts
        ],
    }


def _one(features: Floats, truth: Floats, strength: float) -> Linear:
    known = ~np.isnan(truth)
    return fit_logistic(features[known], truth[known], strength)


def _scores(models: list[Linear], features: Floats) -> Floats:
    return np.stack([model.scores(features) for model in models], axis=1)


def _filled(features: list[Floats]) -> list[Floats]:
    """Missing values become the training mean; a column says that they were missing."""
    train = features[0]
    is_missing = np.isnan(train)
    has_gap = is_missing.any(axis=0)
    known = np.maximum((~is_missing).sum(axis=0), 1)
    mean = np.where(is_missing, 0, train).sum(axis=0) / known
    return [
        np.hstack([np.where(np.isnan(part), mean, part), np.isnan(part[:, has_gap])])
        for part in features
    ]


def _part(part: Part, scores: Floats, labels: tuple[str, ...]) -> dict[str, Any]:  # Any: JSON
    found = {}
    for column, name in enumerate(labels):
        truth = part.targets[:, column]
        n_pos, n_neg = metrics.counts(truth)
        auc = metrics.auc_interval(truth, scores[:, column], groups=part.groups)
        found[name] = {"n_pos": n_pos, "n_neg": n_neg, "auc": auc.as_dict()}
    return {
        "data_set": part.name,
        "is_other_site": part.is_other_site,
        "n": len(part.inputs),
        "macro_auc": metrics.macro_auc_interval(part.targets, scores, groups=part.groups).as_dict(),
        "labels": found,
    }


def _network(folder: Path, material: _Material) -> list[dict[str, Any]]:  # Any: JSON
    """The run's own scores on the same parts; nothing where the run is not finished."""
    path = folder / SCORES
    if not path.is_file():
        return []
    with np.load(path, allow_pickle=False) as stored:
        logits = {
            str(stored[key]): stored[f"{key.split('/')[0]}/logits"]
            for key in stored.files
            if key.endswith("/name")
        }
    parts = [
        _part(part, logits[part.name], material.config.labels)
        for part in material.task.tests
        if part.name in logits and len(logits[part.name]) == len(part.inputs)
    ]
    return [{"id": "network", "features": 0, "strength": 0.0, "parts": parts}] if parts else []
