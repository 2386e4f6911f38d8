"""The training loop: AdamW, one cosine, averaged weights, checkpoints that resume bit-equal."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from qiangji_training.config import FitConfig

_LOG = logging.getLogger(__name__)
_WARMUP = 0.1
_CLIP_NORM = 5.0
#: One example at an epoch: (row, epoch, generator) -> input and its targets, NaN where not known.
#: An augmentation that changes what is true (a faster heart) gives the changed targets.
Example = tuple[NDArray[np.float32], NDArray[np.float32]]
Loader = Callable[[int, int, np.random.Generator], Example]
#: Called after each epoch with the averaged network; returns a number to log.
Watcher = Callable[[nn.Module], float]


@dataclass(frozen=True, eq=False)
class Examples:
    """What to learn from.

    Parameters
    ----------
    load
        One row, augmented; the generator given depends on seed, epoch and row alone.
    targets
        (n, labels) float32 as recorded; NaN where not known.
    weights
        (n,) chance of a row to be drawn, relative; sums to any value.
    """

    load: Loader
    targets: NDArray[np.float32]
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network with averaged weights in evaluation mode, and the processor time it took."""

    net: nn.Module
    cpu_s: float


def fit(
    net: nn.Module,
    examples: Examples,
    config: FitConfig,
    *,
    seed: int,
    checkpoint: Path,
    watch: Watcher,
) -> Fitted:
    """Train a network; what is returned are its averaged weights.

    Parameters
    ----------
    net
        Gives (logits, map).
    checkpoint
        File to write after each epoch and to resume from when it exists.
    """
    loop = _Loop(net, examples, config, seed)
    first = loop.resume(checkpoint)
    for epoch in range(first, config.epochs):
        started = time.monotonic()
        loss = loop.epoch(epoch)
        loop.save(checkpoint, epoch)
        score = watch(loop.averaged.eval())
        seconds = time.monotonic() - started
        _LOG.info("epoch %d loss %.4f watch %.4f in %.0f s", epoch, loss, score, seconds)
    return Fitted(loop.averaged.eval(), loop.cpu_s)


class _Loop:
    def __init__(self, net: nn.Module, examples: Examples, config: FitConfig, seed: int) -> None:
        self.net = net.to(memory_format=torch.channels_last) if config.sizes else net
        self.averaged = copy.deepcopy(self.net).requires_grad_(False)
        self.examples = examples
        self.config = config
        self.seed = seed
        self.steps = 0
        self.cpu_s = 0.0
        self.per_epoch = max(1, len(examples.targets) // config.batch)
        self.optimiser = torch.optim.AdamW(
            _groups(net, config.weight_decay), lr=config.learning_rate
        )
        self.positive = _positive_weight(examples.targets, config.positive_weight_power)

    def epoch(self, epoch: int) -> float:
        """One pass; the generator depends on seed and epoch alone, so that resuming is exact."""
        rng = np.random.default_rng((self.seed, epoch))
        torch.manual_seed(self.seed * 1000 + epoch)
        share = self.examples.weights / self.examples.weights.sum()
        is_even = np.allclose(share, share[0])
        n = len(share)
        order = rng.permutation(n) if is_even else rng.choice(n, n, p=share)
        self.net.train()
        losses, began = [], time.process_time()
        for step in range(self.per_epoch):
            rows = order[step * self.config.batch : (step + 1) * self.config.batch]
            losses.append(self._step(rows, epoch, rng))
        self.cpu_s += time.process_time() - began
        return float(np.mean(losses))

    def _step(self, rows: NDArray[np.intp], epoch: int, rng: np.random.Generator) -> float:
        batch = [
            self.examples.load(int(row), epoch, np.random.default_rng((self.seed, epoch, int(row))))
            for row in rows
        ]
        inputs = torch.from_numpy(np.stack([pair[0] for pair in batch]))
        targets = torch.from_numpy(np.stack([pair[1] for pair in batch]))
        inputs, targets = self._mix(inputs, targets, rng)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bf16"):
            logits = self.net(inputs)[0]
        loss = _loss(logits.float(), targets, self.positive, self.config.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), _CLIP_NORM)
        self.optimiser.step()
        self._average()
        return float(loss.detach())

    def _mix(
        self, inputs: Tensor, targets: Tensor, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        if self.config.sizes:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if self.config.mixup == 0:
            return inputs, targets
        share = float(rng.beta(self.config.mixup, self.config.mixup))
        other = torch.from_numpy(rng.permutation(len(inputs)))
        mixed = inputs * share + inputs[other] * (1 - share)
        return mixed, targets * share + targets[other] * (1 - share)

    def _rate(self) -> float:
        done = self.steps / (self.per_epoch * self.config.epochs)
        if done < _WARMUP:
            return self.config.learning_rate * (0.05 + 0.95 * done / _WARMUP)
        falling = (done - _WARMUP) / (1 - _WARMUP)
        return self.config.learning_rate * (0.01 + 0.495 * (1 + float(np.cos(np.pi * falling))))

    def _average(self) -> None:
        self.steps += 1
        decay = min(self.config.ema, self.steps / (self.steps + 10))
        averaged, current = self.averaged.state_dict(), self.net.state_dict()
        for key, kept in averaged.items():
            if kept.is_floating_point():
                kept.lerp_(current[key], 1 - decay)
            else:
                kept.copy_(current[key])

    def save(self, path: Path, epoch: int) -> None:
        """Write everything needed to go on, replacing the old file in one move."""
        state = {
            "epoch": epoch,
            "steps": self.steps,
            "cpu_s": self.cpu_s,
            "net": self.net.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def resume(self, path: Path) -> int:
        """Epoch to begin with."""
        if not path.is_file():
            return 0
        state = torch.load(path, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.cpu_s = int(state["steps"]), float(state["cpu_s"])
        return int(state["epoch"]) + 1


def _groups(net: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weights decay; scales and biases (one axis) do not."""
    parameters = list(net.parameters())
    return [
        {"params": [item for item in parameters if item.ndim > 1], "weight_decay": decay},
        {"params": [item for item in parameters if item.ndim <= 1], "weight_decay": 0.0},
    ]


def _positive_weight(targets: NDArray[np.float32], power: float) -> Tensor:
    present = np.clip(np.nanmean(targets, axis=0), 1e-3, 1 - 1e-3)
    return torch.from_numpy((((1 - present) / present) ** power).astype(np.float32))


def _loss(logits: Tensor, targets: Tensor, positive: Tensor, smoothing: float) -> Tensor:
    known = ~torch.isnan(targets)
    wanted = torch.nan_to_num(targets) * (1 - smoothing) + smoothing / 2
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, wanted, pos_weight=positive, reduction="none"
    )
    return (each * known).sum() / known.sum().clamp(min=1)


def logits_of(net: nn.Module, inputs: NDArray[np.float32], batch: int = 64) -> NDArray[np.float64]:
    """Logits (n, labels) of prepared inputs, full precision."""
    net.eval()
    pieces = []
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            logits = net(torch.from_numpy(inputs[start : start + batch]))[0]
            pieces.append(logits.double().numpy())
    return np.concatenate(pieces)
