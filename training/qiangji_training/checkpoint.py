"""What a killed run goes on from: its position, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import torch

from qiangji_datasets.errors import InputRejected


@dataclass
class Position:
    """How far a member's training has come.

    Randomness has no state to keep: every draw is a function of seed, epoch, batch and row.

    Parameters
    ----------
    epoch, batch
        Epoch under way, and how many of its batches are done.
    steps
        Steps of the optimiser so far; the learning rate follows from it.
    loss_sum
        Sum of the losses of this epoch's batches.
    best_score, best_epoch
        Best validation score so far and its epoch; kept only with early stopping.
    cpu_s, wall_s
        Time spent, of all processes and of the first one.
    rows
        One for each finished epoch, as in ``curves.csv``.
    sessions
        One for each start: where it began and on what it ran.
    """

    epoch: int = 0
    batch: int = 0
    steps: int = 0
    loss_sum: float = 0.0
    best_score: float = float("-inf")
    best_epoch: int = -1
    cpu_s: float = 0.0
    wall_s: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    sessions: list[dict[str, int | str]] = field(default_factory=list)


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file that is either the old one or the new one, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    with part.open("wb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    write_atomic(path, lambda stream: stream.write(content))


def write_checkpoint(path: Path, position: Position, tensors: dict[str, Any]) -> None:
    """Replace a checkpoint; ``tensors`` are state dicts."""
    state = {"position": asdict(position), **tensors}
    write_atomic(path, lambda stream: torch.save(state, stream))


def read_checkpoint(path: Path) -> tuple[Position, dict[str, Any]] | None:
    """Position and state dicts, on the CPU; ``None`` where there is no checkpoint.

    Raises
    ------
    InputRejected
        The file is none of ours.
    """
    if not path.is_file():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or "position" not in state:
        raise InputRejected("train.checkpoint_other", file=path.name)
    return Position(**state.pop("position")), state
