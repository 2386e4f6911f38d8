"""The training loop: AdamW, one cosine, averaged weights, checkpoints that resume bit-equal."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from qiangji_datasets.errors import InputRejected
from qiangji_training import launch
from qiangji_training.checkpoint import Position, read_checkpoint, write_checkpoint
from qiangji_training.config import FitConfig
from qiangji_training.loss import column_weight, known_loss, positive_weight
from qiangji_training.report import Silence
from qiangji_training.texts import text

_LOG = logging.getLogger(__name__)
_WARMUP: Final = 0.1
_CLIP_NORM: Final = 5.0
#: What a draw is for; the last word of its seed, so that no two draws share one. The generator of
#: a row has three words only: (seed, epoch, row).
_ORDER, _MIX, _DROP = 1, 2, 3
#: One example at an epoch: (row, epoch, generator) -> input and its targets, NaN where not known.
#: An augmentation that changes what is true (a faster heart) gives the changed targets.
Example = tuple[NDArray[np.float32], NDArray[np.float32]]
Loader = Callable[[int, int, np.random.Generator], Example]
#: Called after each epoch with the averaged network; returns its validation score, higher is
#: better.
Watcher = Callable[[nn.Module], float]


@dataclass(frozen=True, eq=False)
class Examples:
    """What to learn from.

    Parameters
    ----------
    load
        One row, augmented; the generator given depends on seed, epoch and row alone.
    targets
        (n, labels + auxiliary) float32 as recorded; NaN where not known.
    weights
        (n,) chance of a row to be drawn, relative; sums to any value.
    auxiliary
        How many of the last columns are auxiliary statements.
    """

    load: Loader
    targets: NDArray[np.float32]
    weights: NDArray[np.float64]
    auxiliary: int = 0

    def without_auxiliary(self) -> Examples:
        """The same rows with the targets of the labels alone."""
        if not self.auxiliary:
            return self
        labels = self.targets.shape[1] - self.auxiliary

        def load(row: int, epoch: int, rng: np.random.Generator) -> Example:
            inputs, targets = self.load(row, epoch, rng)
            return inputs, targets[:labels]

        return Examples(load, self.targets[:, :labels], self.weights)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network with averaged weights in evaluation mode on the CPU, and how it came about.

    ``best_epoch`` counts from 1; without early stopping it is the last epoch.
    """

    net: nn.Module
    cpu_s: float
    wall_s: float
    best_epoch: int
    sessions: tuple[dict[str, int | str], ...]


def fit(
    net: nn.Module,
    examples: Examples,
    config: FitConfig,
    *,
    seed: int,
    checkpoint: Path,
    watch: Watcher,
    fabric: Fabric | None = None,
    report: Silence | None = None,
) -> Fitted:
    """Train a network; what is returned are its averaged weights.

    Parameters
    ----------
    net
        Gives logits first. Batch statistics are those of each process's share of the batch.
    checkpoint
        File to write and to resume from when it exists.
    watch
        Called in the first process only.
    fabric
        Where to compute; ``None`` is this process.

    Raises
    ------
    InputRejected
        The loss is no number any more, or the checkpoint is none of ours.
    """
    place = fabric or launch.start(launch.Launch(precision=config.precision))
    loop = _Loop(net, examples, config, seed, place)
    loop.resume(checkpoint)
    speaker = report if report is not None and place.is_global_zero else Silence()
    speaker.begin(loop.at.rows, loop.at.steps, loop.per_epoch * config.epochs)
    while not loop.is_done:
        loop.epoch(checkpoint, watch, speaker)
    return loop.fitted()


class _Loop:
    def __init__(
        self, net: nn.Module, examples: Examples, config: FitConfig, seed: int, fabric: Fabric
    ) -> None:
        self.net = net.to(memory_format=torch.channels_last) if config.sizes else net
        self.net = self.net.to(fabric.device)
        self.averaged = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.best: dict[str, Tensor] | None = None
        self.optimiser = torch.optim.AdamW(
            _groups(self.net, config.weight_decay), lr=config.learning_rate
        )
        self.forward, self.stepper = fabric.setup(self.net, self.optimiser)
        self.examples = examples
        self.config = config
        self.seed = seed
        self.fabric = fabric
        self.at = Position()
        self.per_epoch = max(1, len(examples.targets) // config.batch)
        positive = positive_weight(examples.targets, config.positive_weight_power)
        self.positive = positive.to(fabric.device)
        weight = column_weight(examples.targets.shape[1], examples.auxiliary)
        self.weight = weight.to(fabric.device)
        self._saved = self._wall = time.monotonic()
        self._cpu = time.process_time()

    @property
    def is_done(self) -> bool:
        """All epochs are done, or none has been better for too long."""
        waited = self.at.epoch - 1 - self.at.best_epoch
        is_stale = 0 < self.config.patience <= waited and self.at.best_epoch >= 0
        return self.at.epoch >= self.config.epochs or is_stale

    def epoch(self, checkpoint: Path, watch: Watcher, report: Silence) -> None:
        """The rest of one pass, its validation and its checkpoint."""
        began = time.monotonic()
        epoch = self.at.epoch
        order = self._order(epoch)
        self.forward.train()
        for batch in range(self.at.batch, self.per_epoch):
            rows = order[batch * self.config.batch : (batch + 1) * self.config.batch]
            loss = self._step(rows, epoch, batch)
            self.at.batch = batch + 1
            report.step(epoch + 1, self.at.steps, loss)
            if time.monotonic() - self._saved >= 60 * self.config.checkpoint_minutes:
                self.save(checkpoint)
                report.saved(epoch + 1, batch + 1)
        score = self.fabric.broadcast(
            watch(self.averaged) if self.fabric.is_global_zero else 0.0,
        )
        self._close(score, time.monotonic() - began)
        self.save(checkpoint)
        report.epoch(self.at.rows)

    def _order(self, epoch: int) -> NDArray[np.intp]:
        rng = np.random.default_rng((self.seed, epoch, 0, 0, _ORDER))
        share = self.examples.weights / self.examples.weights.sum()
        n = len(share)
        is_even = np.allclose(share, share[0])
        return rng.permutation(n) if is_even else rng.choice(n, n, p=share)

    def _step(self, rows: NDArray[np.intp], epoch: int, batch: int) -> float:
        """One step of the optimiser on this process's share of the rows; loss of all of them."""
        here, world = self.fabric.global_rank, self.fabric.world_size
        inputs, targets = self._load(rows[here::world], epoch, (batch, here))
        rate = self._rate()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        draw = np.random.SeedSequence((self.seed, epoch, batch, here, _DROP))
        torch.manual_seed(int(draw.generate_state(1)[0]))
        logits = self.forward(inputs)[0].float()
        smoothing = self.config.label_smoothing
        total, known = known_loss(logits, targets, self.positive, smoothing, self.weight)
        spent = torch.tensor(self._spent(), dtype=torch.float64, device=total.device)
        told = torch.stack([total.detach().double(), known.double(), spent])
        total_of_all, known_of_all, cpu_s = self.fabric.all_reduce(told, reduce_op="sum")
        count = known_of_all.clamp(min=1).float()
        self.fabric.backward(total * (world / count))
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), _CLIP_NORM)
        if not bool(torch.isfinite(norm)):
            place = {"epoch": epoch + 1, "batch": batch + 1, "step": self.at.steps + 1}
            raise InputRejected("train.not_finite", rate=f"{rate:.2g}", **place)
        self.stepper.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._average()
        loss = float(total_of_all) / float(count)
        self.at.loss_sum += loss
        self.at.cpu_s += float(cpu_s)
        return loss

    def _load(
        self, rows: NDArray[np.intp], epoch: int, where: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        batch = [
            self.examples.load(int(row), epoch, np.random.default_rng((self.seed, epoch, int(row))))
            for row in rows
        ]
        inputs = torch.from_numpy(np.stack([pair[0] for pair in batch])).to(self.fabric.device)
        targets = torch.from_numpy(np.stack([pair[1] for pair in batch])).to(self.fabric.device)
        if self.config.sizes:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if self.config.mixup == 0:
            return inputs, targets
        rng = np.random.default_rng((self.seed, epoch, *where, _MIX))
        share = float(rng.beta(self.config.mixup, self.config.mixup))
        other = torch.from_numpy(rng.permutation(len(inputs))).to(self.fabric.device)
        mixed = inputs * share + inputs[other] * (1 - share)
        return mixed, targets * share + targets[other] * (1 - share)

    def _rate(self) -> float:
        done = self.at.steps / (self.per_epoch * self.config.epochs)
        if done < _WARMUP:
            return self.config.learning_rate * (0.05 + 0.95 * done / _WARMUP)
        falling = (done - _WARMUP) / (1 - _WARMUP)
        return self.config.learning_rate * (0.01 + 0.495 * (1 + math.cos(math.pi * falling)))

    def _average(self) -> None:
        self.at.steps += 1
        decay = min(self.config.ema, self.at.steps / (self.at.steps + 10))
        averaged, current = self.averaged.state_dict(), self.net.state_dict()
        for key, kept in averaged.items():
            if kept.is_floating_point():
                kept.lerp_(current[key], 1 - decay)
            else:
                kept.copy_(current[key])

    def _spent(self) -> float:
        """Processor seconds of this process since it was last asked."""
        last, self._cpu = self._cpu, time.process_time()
        return self._cpu - last

    def _close(self, score: float, seconds: float) -> None:
        """Note an epoch that is done and go to the next."""
        at = self.at
        row = {
            "epoch": at.epoch + 1,
            "step": at.steps,
            "loss": at.loss_sum / self.per_epoch,
            "lr": self._rate(),
            "macro_auc": score,
            "seconds": seconds,
        }
        at.rows.append(row)
        if self.config.patience and (score > at.best_score or at.best_epoch < 0):
            at.best_score, at.best_epoch = score, at.epoch
            self.best = {key: kept.clone() for key, kept in self.averaged.state_dict().items()}
        at.epoch, at.batch, at.loss_sum = at.epoch + 1, 0, 0.0

    def save(self, path: Path) -> None:
        """Write everything needed to go on, in the first process."""
        now = time.monotonic()
        self.at.wall_s += now - self._wall
        self._wall = self._saved = now
        if not self.fabric.is_global_zero:
            return
        tensors: dict[str, Any] = {
            "net": self.net.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
        }
        write_checkpoint(path, self.at, tensors)

    def resume(self, path: Path) -> None:
        """Go on where the checkpoint says, the same place in all processes."""
        found = read_checkpoint(path)
        if found is not None:
            self.at, tensors = found
            self.net.load_state_dict(tensors["net"])
            self.averaged.load_state_dict(tensors["averaged"])
            self.optimiser.load_state_dict(tensors["optimiser"])
            self.best = tensors["best"]
        if self.fabric.broadcast(self.at.steps) != self.at.steps:
            raise InputRejected("train.not_shared", file=path.name)
        if self.is_done:
            return
        session = launch.described(self.fabric)
        if self.at.sessions and {**self.at.sessions[-1], "step": 0} != {**session, "step": 0}:
            _LOG.warning("%s", text("train.other_place"))
        self.at.sessions.append({**session, "step": self.at.steps})

    def fitted(self) -> Fitted:
        """The result: the best weights with early stopping, else the last."""
        if self.best is not None:
            self.averaged.load_state_dict(self.best)
        at = self.at
        best = at.best_epoch if self.best is not None else at.epoch - 1
        return Fitted(self.averaged.cpu(), at.cpu_s, at.wall_s, best + 1, tuple(at.sessions))


def _groups(net: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weights decay; scales and biases (one axis) do not."""
    parameters = list(net.parameters())
    return [
        {"params": [item for item in parameters if item.ndim > 1], "weight_decay": decay},
        {"params": [item for item in parameters if item.ndim <= 1], "weight_decay": 0.0},
    ]


def logits_of(net: nn.Module, inputs: NDArray[np.float32], batch: int = 64) -> NDArray[np.float64]:
    """Logits (n, labels) of prepared inputs, full precision, on the network's device."""
    net.eval()
    device = next(net.parameters()).device
    pieces = []
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            logits = net(torch.from_numpy(inputs[start : start + batch]).to(device))[0]
            pieces.append(logits.double().cpu().numpy())
    return np.concatenate(pieces)
