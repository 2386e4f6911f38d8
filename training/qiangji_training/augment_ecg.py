"""Random changes of a scaled ECG while training."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_training.config import EcgAugment

_WANDER_HZ: Final = (0.05, 0.5)
_LEAST_SD: Final = 1e-6


def augment_ecg(
    scaled: NDArray[np.float32],
    how: EcgAugment,
    rate_hz: int,
    rng: np.random.Generator,
    *,
    positions: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """One scaled recording, changed at random.

    Parameters
    ----------
    scaled
        (12, n), z-scores per lead.
    how
        How much of each change.
    rate_hz
        Samples per second.
    positions
        (n,) samples to read instead of a shifted strip; see ``heart_rate``.

    Returns
    -------
        (12, n), fresh memory.
    """
    if positions is None:
        positions = _shifted(scaled.shape[1], how, rate_hz, rng)
    changed = _read(scaled, positions)
    if rng.random() < how.chest:
        changed = _electrodes_moved(changed, rng)
    changed *= rng.uniform(1 - how.gain, 1 + how.gain, (12, 1)).astype(np.float32)
    changed += rng.normal(0, rng.uniform(0, how.noise), scaled.shape).astype(np.float32)
    changed += _wander(changed.shape, how.wander, rate_hz, rng)
    if rng.random() < how.lead_drop:
        changed[rng.integers(0, 12, rng.integers(1, 4))] = 0
    return np.asarray(changed, np.float32)


def _shifted(
    samples: int, how: EcgAugment, rate_hz: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Shift and stretch through one read position per sample."""
    factor = 1 + rng.uniform(-how.stretch, how.stretch)
    start = rng.uniform(-how.shift_s, how.shift_s) * rate_hz
    return np.asarray(start + factor * np.arange(samples), np.float64)


def _read(scaled: NDArray[np.float32], positions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Linear interpolation, wrapping at the ends."""
    at = positions % (scaled.shape[1] - 1)
    left = at.astype(np.intp)
    part = (at - left).astype(np.float32)
    return np.asarray(scaled[:, left] * (1 - part) + scaled[:, left + 1] * part, np.float32)


def _electrodes_moved(scaled: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Every chest electrode up to a third of the way to a neighbour, scaled again."""
    moved = scaled.copy()
    for lead in range(6, 12):
        other = np.clip(lead + rng.choice((-1, 1)), 6, 11)
        part = rng.uniform(0, 1 / 3)
        moved[lead] = (1 - part) * scaled[lead] + part * scaled[other]
    chest = moved[6:]
    centred = chest - chest.mean(axis=1, keepdims=True)
    moved[6:] = centred / np.maximum(centred.std(axis=1, keepdims=True), _LEAST_SD)
    return moved


def _wander(
    shape: tuple[int, ...], depth: float, rate_hz: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    phase, hertz = rng.uniform(0, 2 * np.pi, (shape[0], 1)), rng.uniform(*_WANDER_HZ)
    depths = rng.uniform(0, depth, (shape[0], 1))
    drift = depths * np.sin(2 * np.pi * hertz * np.arange(shape[1]) / rate_hz + phase)
    return np.asarray(drift, np.float32)
