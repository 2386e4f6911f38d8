"""What ONNX Runtime computes beside what torch computes, and how long each file takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qiangji_datasets.errors import InputRejected
from qiangji_inference.predict import SessionSettings, open_session
from qiangji_training.onnx_file import INPUT, OUTPUTS

#: Largest difference of a logit between torch and ONNX Runtime; they only add in another order.
MAX_DIFFERENCE: Final = 1e-4
#: Largest change of a logit by rounding weights; more means other data or another network.
MAX_ROUNDING: Final = 0.1
_SAMPLE: Final = 64
_WARM_UP: Final = 3

Inputs = NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """Largest absolute differences over ``n`` real inputs."""

    data_set: str
    n: int
    logits: float
    map: float
    pooled: float


def places(n: int, count: int) -> NDArray[np.intp]:
    """At most ``count`` of the places 0 to n - 1, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(count, n)).astype(np.intp))


def sample(inputs: Inputs, count: int) -> Inputs:
    """At most ``count`` inputs, evenly spread over all."""
    return inputs[places(len(inputs), count)]


def session(path: Path) -> Any:  # Any: onnxruntime ships no types
    """The file opened as the service opens it: one thread, no spinning."""
    return open_session(path, SessionSettings())


def answers(opened: Any, inputs: Inputs) -> tuple[Inputs, ...]:  # Any: an onnxruntime session
    """All outputs, stacked over the inputs, asked one by one as in service."""
    each = [opened.run(list(OUTPUTS), {INPUT: row[None]}) for row in inputs]
    return tuple(np.concatenate(parts) for parts in zip(*each, strict=True))


def check_parity(net: nn.Module, path: Path, inputs: Inputs, *, data_set: str) -> Parity:
    """Compare torch and ONNX Runtime on real inputs.

    Raises
    ------
    InputRejected
        A logit differs by more than ``MAX_DIFFERENCE``.
    """
    chosen = sample(inputs, _SAMPLE)
    found = answers(session(path), chosen)
    net.eval()
    with torch.inference_mode():
        each = [net(torch.from_numpy(row[None])) for row in chosen]
    expected = [torch.cat(parts).numpy() for parts in zip(*each, strict=True)]
    apart = [float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True)]
    parity = Parity(data_set, len(chosen), *apart)
    if not parity.logits <= MAX_DIFFERENCE:
        raise InputRejected(
            "train.parity", difference=f"{parity.logits:.2g}", allowed=f"{MAX_DIFFERENCE:.0e}"
        )
    return parity


def check_scores(found: NDArray[np.floating], scored: NDArray[np.floating]) -> float:
    """Largest change of a logit between the run's own scores and the file that ships.

    Raises
    ------
    InputRejected
        Other recordings, or a change by more than ``MAX_ROUNDING``.
    """
    is_same_shape = found.shape == scored.shape
    change = float(np.abs(found - scored).max()) if is_same_shape else float("inf")
    if not change <= MAX_ROUNDING:
        raise InputRejected("train.scores_differ", difference=f"{change:.2g}", allowed=MAX_ROUNDING)
    return change


def paired_ms(first: Path, second: Path, inputs: Inputs, *, pairs: int) -> tuple[float, float]:
    """Median milliseconds of two files, run in turn so that another load slows both alike."""
    opened = session(first), session(second)
    taken = np.empty((pairs, 2))
    for turn in range(-_WARM_UP, pairs):
        feed = {INPUT: inputs[turn % len(inputs)][None]}
        for place in (0, 1) if turn % 2 else (1, 0):
            begun = time.perf_counter()
            opened[place].run(None, feed)
            taken[max(turn, 0), place] = (time.perf_counter() - begun) * 1e3
    low, high = np.median(taken, axis=0)
    return float(low), float(high)
