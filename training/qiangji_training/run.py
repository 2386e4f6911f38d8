"""One training run: configuration in, weights, scores and a manifest out."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import Progress
from torch import nn

from qiangji_datasets.errors import Conflict, InputRejected
from qiangji_inference import metrics
from qiangji_models.nets.pooled import Ensemble
from qiangji_training import fit as fitting
from qiangji_training import launch, tasks
from qiangji_training.calibrate import Scored
from qiangji_training.checkpoint import write_atomic
from qiangji_training.config import Config, read_config
from qiangji_training.manifest import manifest
from qiangji_training.networks import WEIGHTS, build_net, narrowed, started_net
from qiangji_training.report import Report, progress_bar
from qiangji_training.texts import text

_LOG = logging.getLogger(__name__)
CONFIG: Final = "config.toml"
MANIFEST: Final = "manifest.json"
SCORES: Final = "scores.npz"
CURVES: Final = "curves.csv"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, read back from its folder."""

    config: Config
    net: nn.Module
    manifest: dict[str, Any]  # Any: JSON
    scores: dict[str, np.ndarray[Any, Any]]  # Any: mixed dtypes

    @property
    def parts(self) -> list[Scored]:
        """Logits and truth of every scored part; the first one is validation."""
        return scored_parts(self.scores)


def train(
    config_file: Path,
    *,
    data: Path,
    out: Path,
    name: str = "",
    resume: bool = False,
    where: launch.Launch | None = None,
    console: Console | None = None,
    starts: Path | None = None,
) -> Path:
    """Train every member of a configuration, score all parts, write the run's folder.

    Parameters
    ----------
    config_file
        TOML, complete.
    data
        Folder of the public sets.
    out
        Folder of runs; this run goes to ``out / name``.
    name
        Of the run's folder; empty takes the configuration's.
    resume
        Go on with what the folder holds; a finished run is left as it is.
    where
        Processes and precision; more than one process starts this program again for each, so
        that only a command can ask for it.
    console
        Where a progress bar goes.
    starts
        Folder of the run that ``start_from`` may name; ``None`` is ``out``.

    Returns
    -------
        The run's folder.

    Raises
    ------
    Conflict
        There is such a run already, and ``resume`` was not asked for.
    InputRejected
        Anything wrong with configuration, data, start or loss; names it.
    """
    config = read_config(config_file)
    folder = out / (name or config.name)
    where = where or launch.Launch()
    if config.fit.batch % max(1, where.world):
        raise InputRejected("train.batch_share", batch=config.fit.batch, shares=where.world)
    precision = where.precision or config.fit.precision
    fabric = launch.start(replace(where, precision=precision), threads=config.threads)
    try:
        is_finished = launch.decided_once(
            fabric, lambda: _claim(config, config_file, folder, resume=resume)
        )
        if is_finished:
            _LOG.info("%s", text("train.finished_before", run=folder.name))
            return folder
        resolved = replace(config, fit=replace(config.fit, precision=precision))
        task = _task(resolved, data)
        with progress_bar(console if fabric.is_global_zero else None) as bar:
            members = [
                _member(resolved, task, folder, index, starts=starts or out, fabric=fabric, bar=bar)
                for index in range(config.fit.members)
            ]
        if fabric.is_global_zero:
            _finish(resolved, task, members, folder, fabric.device)
    finally:
        launch.stop(fabric)
    return folder


def read_run(folder: Path) -> Run:
    """Read a finished run.

    Raises
    ------
    InputRejected
        The folder holds no finished run.
    """
    if not (folder / MANIFEST).is_file():
        raise InputRejected("train.run_unfinished", run=folder.name)
    config = read_config(folder / CONFIG)
    net = Ensemble([build_net(config) for _ in range(config.fit.members)])
    net.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
    said, scores = read_results(folder)
    return Run(config, net.eval(), said, scores)


def read_results(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Manifest and scores of a finished run, without its network.

    Raises
    ------
    InputRejected
        The folder holds no finished run.
    """  # Any: JSON, and mixed dtypes
    if not (folder / MANIFEST).is_file():
        raise InputRejected("train.run_unfinished", run=folder.name)
    with np.load(folder / SCORES, allow_pickle=False) as stored:
        scores = {key: stored[key] for key in stored.files}
    said: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return said, scores


def scored_parts(scores: Mapping[str, np.ndarray[Any, Any]]) -> list[Scored]:
    """Parts as a run's score file holds them, validation first."""
    indexes = sorted({int(key.split("/")[0]) for key in scores})
    return [
        Scored(
            name=str(scores[f"{index}/name"]),
            logits=scores[f"{index}/logits"],
            targets=scores[f"{index}/targets"],
            groups=scores[f"{index}/groups"],
            is_other_site=bool(scores[f"{index}/other_site"]),
        )
        for index in indexes
    ]


def _claim(config: Config, config_file: Path, folder: Path, *, resume: bool) -> bool:
    """Take the folder for this run; whether the run is finished already."""
    kept = folder / CONFIG
    is_finished = (folder / MANIFEST).is_file()
    if not kept.is_file():
        content = config_file.read_bytes()
        write_atomic(kept, lambda stream: stream.write(content))
        return False
    if read_config(kept) != config:
        raise InputRejected("train.run_other_config", run=folder.name)
    if not resume:
        key = "train.run_finished" if is_finished else "train.run_begun"
        raise Conflict(key, run=folder.name)
    return is_finished


def _task(config: Config, data: Path) -> tasks.Task:
    if not data.is_dir():
        raise InputRejected("train.data_folder", folder=str(data))
    try:
        task = tasks.build(config, data)
    except FileNotFoundError as error:
        missing = Path(error.filename or data)
        shown = missing.relative_to(data) if missing.is_relative_to(data) else missing.name
        raise InputRejected("train.data_missing", file=str(shown), folder=str(data)) from error
    _check_shapes(config, task)
    return task


def _check_shapes(config: Config, task: tasks.Task) -> None:
    """Refuse a recipe whose examples do not fit its targets, its labels or its validation."""
    example, target = task.examples.load(0, 0, np.random.default_rng((config.seed, 0, 0)))
    n, labels = len(task.train_ids), len(config.labels) + task.examples.auxiliary
    validated = task.valid.inputs.shape[1:]
    for part, found, wanted in (
        ("targets", task.examples.targets.shape, (n, labels)),
        ("weights", task.examples.weights.shape, (n,)),
        ("target", target.shape, (labels,)),
        ("example", (example.ndim, *example.shape[:1]), (len(validated), *validated[:1])),
    ):
        if found != wanted:
            raise InputRejected("train.shape", part=part, found=str(found), wanted=str(wanted))


def _member(
    config: Config,
    task: tasks.Task,
    folder: Path,
    index: int,
    *,
    starts: Path,
    fabric: Fabric,
    bar: Progress | None,
) -> fitting.Fitted:
    labels = len(config.labels)

    def watch(averaged: nn.Module) -> float:
        logits = fitting.logits_of(averaged, task.valid.inputs)[:, :labels]
        auc = metrics.macro_auc(task.valid.targets, logits)
        return math.nan if auc is None else auc

    learns_more = index >= config.fit.members - config.fit.auxiliary_members
    examples = task.examples if learns_more else task.examples.without_auxiliary()
    fitted = fitting.fit(
        started_net(config, starts, index, examples.auxiliary),
        examples,
        config.fit,
        seed=config.seed + index,
        checkpoint=folder / f"member-{index}.pt",
        watch=watch,
        fabric=fabric,
        report=Report(folder / CURVES, index, config.fit.members, bar),
    )
    return replace(fitted, net=narrowed(fitted.net, labels))


def _finish(
    config: Config,
    task: tasks.Task,
    members: list[fitting.Fitted],
    folder: Path,
    device: torch.device,
) -> None:
    """Write weights, scores and, last, the manifest, which says that the run is whole."""
    net = Ensemble([member.net for member in members]).eval()
    state = net.state_dict()
    write_atomic(folder / WEIGHTS, lambda stream: torch.save(state, stream))
    said = manifest(
        config,
        task,
        members,
        parameters=sum(item.numel() for item in net.parameters()),
        macro_auc=_write_scores(net.to(device), task, folder / SCORES),
    )
    content = json.dumps(said, indent=1, ensure_ascii=False).encode()
    write_atomic(folder / MANIFEST, lambda stream: stream.write(content))


def _write_scores(net: nn.Module, task: tasks.Task, path: Path) -> dict[str, float | None]:
    """Keep logits and truth of every scored part; macro AUC by part for the manifest."""
    arrays: dict[str, Any] = {}  # Any: mixed dtypes
    aucs = {}
    for index, part in enumerate((task.valid, *task.tests)):
        logits = fitting.logits_of(net, part.inputs)
        arrays[f"{index}/name"] = np.array(part.name)
        arrays[f"{index}/logits"] = logits
        arrays[f"{index}/targets"] = part.targets
        arrays[f"{index}/groups"] = part.groups
        arrays[f"{index}/other_site"] = np.array(part.is_other_site)
        aucs[part.name] = metrics.macro_auc(part.targets, logits)
    write_atomic(path, lambda stream: np.savez_compressed(stream, **arrays))
    return aucs
