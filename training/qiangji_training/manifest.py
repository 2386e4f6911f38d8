"""What a finished run depended on and cost, for whoever doubts it or repeats it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import torch

from qiangji_datasets.splits import split_hash
from qiangji_training.config import Config, as_table
from qiangji_training.fit import Fitted
from qiangji_training.tasks import Task

_PACKAGES: Final = (
    "qiangji",
    "torch",
    "lightning-fabric",
    "numpy",
    "scipy",
    "Pillow",
    "onnxruntime",
)
_CPU_FACTS: Final = Path("/proc/cpuinfo")


def manifest(
    config: Config,
    task: Task,
    members: Sequence[Fitted],
    *,
    parameters: int,
    macro_auc: dict[str, float | None],
) -> dict[str, Any]:  # Any: JSON
    """The manifest of a run, as JSON.

    Parameters
    ----------
    config
        Resolved: with what the command line changed.
    members
        Fitted networks in their order.
    macro_auc
        By name of the scored part, of the averaged ensemble.
    """
    return {
        "config": as_table(config),
        "commit": _git("rev-parse", "HEAD"),
        "is_dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "data_sha256": task.hashes,
        "split_sha256": split_hash(task.parts),
        "left_out": dict(task.left_out),
        "n": {name: len(ids) for name, ids in task.parts.items()},
        "seed": config.seed,
        "parameters": parameters,
        "hardware": hardware(),
        "threads": config.threads,
        "precision": config.fit.precision.value,
        "processes": members[-1].sessions[-1]["processes"],
        "wall_minutes": round(sum(member.wall_s for member in members) / 60, 1),
        "cpu_minutes": round(sum(member.cpu_s for member in members) / 60, 1),
        "members": [
            {"best_epoch": member.best_epoch, "sessions": list(member.sessions)}
            for member in members
        ],
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "macro_auc": macro_auc,
    }


def hardware() -> dict[str, str | int | float]:
    """Processor, memory and GPUs of this machine; no name, no address."""
    found: dict[str, str | int | float] = {
        "machine": platform.machine(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "ram_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
    }
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
        found["gpus"] = torch.cuda.device_count()
    return found


def _cpu_model() -> str:
    if _CPU_FACTS.is_file():
        for line in _CPU_FACTS.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


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
