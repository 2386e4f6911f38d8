"""A task of seconds for the training loop, also as a program that starts several processes.

Run as ``python tests/support/tiny_training.py PROCESSES OUT.npz``: fits the task with three seeds
and writes the validation AUC of each, and the weights of a plain linear fit.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from qiangji_inference import metrics
from qiangji_training import launch
from qiangji_training.config import FitConfig, Precision
from qiangji_training.fit import Example, Examples, fit, logits_of

SEEDS = (1, 2, 3)
_WIDTH = 12
_N = 320


def drawn(seed: int, n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Inputs (n, 12) and two noisy labels (n, 2) that follow from them."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(0, 1, (n, _WIDTH)).astype(np.float32)
    noise = rng.normal(0, 0.5, (n, 2))
    first = inputs[:, 0] + np.abs(inputs[:, 1]) - 0.8 + noise[:, 0] > 0
    second = inputs[:, 2] - inputs[:, 3] + noise[:, 1] > 0.5
    return inputs, np.stack([first, second], axis=1).astype(np.float32)


def examples(n: int = _N) -> Examples:
    """What to learn from: slightly noisy, and every eighth truth unknown."""
    inputs, targets = drawn(0, n)
    targets[::8, 1] = np.nan

    def load(row: int, _: int, rng: np.random.Generator) -> Example:
        noisy = inputs[row] + rng.normal(0, 0.05, _WIDTH)
        return noisy.astype(np.float32), targets[row]

    return Examples(load, targets, np.ones(n))


def config(**changed: object) -> FitConfig:
    """A short training with everything switched on."""
    values: dict[str, object] = {
        "members": 1,
        "epochs": 12,
        "batch": 32,
        "learning_rate": 0.02,
        "weight_decay": 0.01,
        "ema": 0.9,
        "mixup": 0.2,
        "label_smoothing": 0.01,
        "positive_weight_power": 0.5,
        "precision": Precision.FP32,
        **changed,
    }
    return FitConfig(**values)  # type: ignore[arg-type]  # a table of mixed values


class Deep(torch.nn.Module):
    """Batch statistics and dropout, as the real networks have; gives logits first."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(_WIDTH, 32),
            torch.nn.BatchNorm1d(32),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.2),
            torch.nn.Linear(32, 2),
        )

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch, 12) to logits (batch, 2) and the inputs."""
        return self.layers(inputs), inputs


class Plain(torch.nn.Module):
    """One layer: its gradient over a shared batch is exact."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(_WIDTH, 2)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch, 12) to logits (batch, 2) and the inputs."""
        return self.layer(inputs), inputs


def auc_of(net: torch.nn.Module) -> float:
    """Macro AUC on examples never learned from."""
    inputs, targets = drawn(99, 2000)
    return metrics.macro_auc(targets, logits_of(net, inputs)) or 0.0


def fitted(
    net: torch.nn.Module, how: FitConfig, seed: int, folder: Path, fabric: Fabric | None = None
) -> torch.nn.Module:
    """Fit a network on the task; its start depends on the seed alone."""
    torch.manual_seed(seed)
    for part in net.modules():
        if isinstance(part, torch.nn.Linear):
            part.reset_parameters()
    name = f"{type(net).__name__}-{seed}.pt"
    done = fit(
        net, examples(), how, seed=seed, checkpoint=folder / name, watch=auc_of, fabric=fabric
    )
    return done.net


def measured(folder: Path, fabric: Fabric | None = None) -> dict[str, NDArray[np.float64]]:
    """AUC (3,) over the seeds, and the weights of the plain fit without mixup."""
    aucs = [auc_of(fitted(Deep(), config(), seed, folder, fabric)) for seed in SEEDS]
    plain = fitted(Plain(), config(mixup=0.0), 5, folder, fabric)
    weights = [part.detach().double().numpy().ravel() for part in plain.parameters()]
    return {"auc": np.array(aucs), "weights": np.concatenate(weights)}


def main(processes: int, out: Path) -> None:
    """Measure in several processes; the first writes."""
    place = launch.start(launch.Launch(devices=processes, precision=Precision.FP32), threads=1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = measured(Path(folder), place)
        if place.is_global_zero:
            np.savez(out, allow_pickle=False, **found)
    finally:
        launch.stop(place)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main(int(sys.argv[1]), Path(sys.argv[2]))
