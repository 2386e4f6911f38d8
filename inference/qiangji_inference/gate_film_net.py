"""A tiny convolutional network in plain numpy: is this an upright frontal chest film?

The weights ``gate_film_net.npz`` are written by ``qiangji_training.fit_film_gate``; where they
come from and what was measured stands in the file's own ``card`` entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

SIDE: Final = 48  # of the thumbnail the network sees
_REDUCED: Final = 192  # side at which borders are looked for
_FLAT_SPREAD: Final = 4.0  # grey levels: a row or column below this is border
_MAX_BORDER: Final = 0.22  # share of the side that may be trimmed from one edge


class PictureClass(StrEnum):
    """What a picture shows, in the order of the network's outputs."""

    FRONTAL = "frontal"
    INVERTED = "inverted"
    SIDEWAYS = "sideways"
    UPSIDE_DOWN = "upside_down"
    NOT_CHEST = "not_chest"
    LATERAL = "lateral"
    CUT_OFF = "cut_off"
    MIRRORED = "mirrored"


@dataclass(frozen=True, eq=False)
class GateNet:
    """Strided convolutions and two dense layers.

    Parameters
    ----------
    kernels
        (out, in, 3, 3) each, stride 2, one pixel of zeros around.
    dense
        (in, out) each.
    biases
        Of the kernels, then of the dense layers.
    thresholds
        Least probabilities, by name; see ``gate_film``.
    """

    kernels: tuple[Floats, ...]
    dense: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    thresholds: dict[str, float]

    def probabilities(self, thumbnails: NDArray[np.uint8]) -> Floats:
        """Probability of each ``PictureClass`` (n, 8) for thumbnails (n, SIDE, SIDE)."""
        logits = self.logits(channels(thumbnails))
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)

    def logits(self, signal: Floats) -> Floats:
        """Outputs (n, out) for ``channels`` (n, 2, side, side)."""
        for kernel, bias in zip(self.kernels, self.biases, strict=False):
            signal = np.maximum(_convolve(signal, kernel) + bias[:, None, None], 0)
        flat = signal.reshape(len(signal), -1)
        hidden = np.maximum(flat @ self.dense[0] + self.biases[-2], 0)
        return np.asarray(hidden @ self.dense[1] + self.biases[-1])


def _convolve(signal: Floats, kernel: Floats) -> Floats:
    """(n, in, h, w) with (out, in, 3, 3), stride 2: (n, out, h/2, w/2)."""
    padded = np.pad(signal, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
    out = np.tensordot(windows, kernel, axes=((1, 4, 5), (1, 2, 3)))
    return np.asarray(np.moveaxis(out, 3, 1), dtype=np.float32)


def channels(thumbnails: NDArray[np.uint8]) -> Floats:
    """Standardised and equalised copies (n, 2, side, side) of thumbnails (n, side, side)."""
    grey = thumbnails.astype(np.float32)
    spread = np.maximum(grey.std(axis=(1, 2), keepdims=True), 2.0)
    standard = (grey - grey.mean(axis=(1, 2), keepdims=True)) / spread
    flat = thumbnails.reshape(len(thumbnails), -1)
    ranks = np.stack([_ranks(row) for row in flat]).reshape(grey.shape)
    return np.stack([standard, ranks], axis=1).astype(np.float32)


def _ranks(grey: NDArray[np.uint8]) -> Floats:
    counts = np.bincount(grey, minlength=256)
    below = (np.cumsum(counts) - counts / 2) / grey.size
    return (3.4 * (below[grey] - 0.5)).astype(np.float32)  # spread about 1


def thumbnail(shown: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """Shrink a picture as shown (rows, cols; high = dense), without its even borders, to side."""
    picture = Image.fromarray(shown)
    small = np.asarray(picture.resize((_REDUCED, _REDUCED), Image.Resampling.BOX))
    rows, columns = _inside(small.std(axis=1)), _inside(small.std(axis=0))
    cut = Image.fromarray(small[rows, columns])
    return np.asarray(cut.resize((side, side), Image.Resampling.BOX))


def _inside(spread: NDArray[np.floating]) -> slice:
    """Rows or columns between even borders."""
    varied = np.nonzero(spread > _FLAT_SPREAD)[0]
    if len(varied) == 0:
        return slice(0, len(spread))
    limit = int(_MAX_BORDER * len(spread))
    return slice(min(int(varied[0]), limit), max(int(varied[-1]) + 1, len(spread) - limit))


@cache
def gate_net() -> GateNet:
    """The network shipped with the package."""
    return stored_net("gate_film_net.npz")


def stored_net(name: str) -> GateNet:
    """A network of the package by the name of its file."""
    file = resources.files("qiangji_inference").joinpath(name)
    with file.open("rb") as handle, np.load(handle) as arrays:
        return net_of({key: arrays[key] for key in arrays.files})


def net_of(arrays: dict[str, NDArray[np.generic]]) -> GateNet:
    """A network from the arrays of its file."""

    def part(prefix: str) -> tuple[Floats, ...]:
        names = sorted(name for name in arrays if name.startswith(prefix))
        return tuple(np.asarray(arrays[name], dtype=np.float32) for name in names)

    names = [name for name in arrays if name.startswith("threshold_")]
    thresholds = {name.removeprefix("threshold_"): float(arrays[name]) for name in names}
    return GateNet(part("kernel_"), part("dense_"), part("bias_"), thresholds)
