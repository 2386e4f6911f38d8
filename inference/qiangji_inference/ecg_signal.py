"""A recording made ready for measuring: 500 Hz, missing leads known, spikes taken out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from qiangji_datasets.records import LEADS, EcgRecord

#: All measuring happens at this rate; 2 ms resolution as in AHA/ACC/HRS 2007 (500 samples/s).
RATE_HZ: Final = 500.0
#: Rows of the independently recorded leads; the others are sums of I and II.
INDEPENDENT: Final = (0, 1, 6, 7, 8, 9, 10, 11)
_MAX_RATIO: Final = 400  # keeps odd rates such as 499.9 Hz from making a giant resampler

Signal = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Input of all measuring.

    Parameters
    ----------
    mv
        (12, n) at ``RATE_HZ``, zeros where a lead is unusable.
    is_usable
        (12,) False where a lead was off for most of the recording or never moves.
    source_rate_hz
        Rate of the recording itself.
    """

    mv: Signal
    is_usable: NDArray[np.bool_]
    source_rate_hz: float

    @property
    def n(self) -> int:
        """Samples at ``RATE_HZ``."""
        return int(self.mv.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n / RATE_HZ

    @property
    def independent(self) -> list[int]:
        """Usable rows among the independently recorded leads; all usable rows where none is."""
        rows = [row for row in INDEPENDENT if self.is_usable[row]]
        return rows or [row for row in range(len(LEADS)) if self.is_usable[row]]


def prepare(ecg: EcgRecord, signal_mv: Signal | None = None) -> Prepared:
    """Fill gaps, find unusable leads and bring the recording to 500 Hz.

    ``signal_mv`` replaces the record's samples, for example after pacing spikes were taken out.
    """
    raw = np.asarray(ecg.signal_mv if signal_mv is None else signal_mv, dtype=np.float64)
    is_missing = ~np.isfinite(raw)
    filled = _fill_gaps(raw, is_missing) if is_missing.any() else raw
    centred = filled - np.median(filled, axis=1, keepdims=True)
    mv = _resample(centred, ecg.rate_hz)
    is_usable = (is_missing.mean(axis=1) < 0.5) & (np.ptp(mv, axis=1) > 0)
    return Prepared(np.where(is_usable[:, None], mv, 0.0), is_usable, ecg.rate_hz)


def _fill_gaps(raw: Signal, is_missing: NDArray[np.bool_]) -> Signal:
    filled = np.where(is_missing, 0.0, raw)
    for row in np.flatnonzero(is_missing.any(axis=1) & ~is_missing.all(axis=1)):
        gone = is_missing[row]
        at = np.arange(gone.size)
        filled[row, gone] = np.interp(at[gone], at[~gone], raw[row, ~gone])
    return filled


def _resample(mv: Signal, rate_hz: float) -> Signal:
    if rate_hz == RATE_HZ:
        return mv
    ratio = Fraction(RATE_HZ / rate_hz).limit_denominator(_MAX_RATIO)
    return np.asarray(
        sps.resample_poly(mv, ratio.numerator, ratio.denominator, axis=1, padtype="line"),
        dtype=np.float64,
    )


@cache
def _sos(low_hz: float, high_hz: float) -> Signal:
    if low_hz <= 0:
        return np.asarray(sps.butter(2, high_hz, "low", fs=RATE_HZ, output="sos"))
    if high_hz <= 0:
        return np.asarray(sps.butter(2, low_hz, "high", fs=RATE_HZ, output="sos"))
    return np.asarray(sps.butter(2, (low_hz, high_hz), "band", fs=RATE_HZ, output="sos"))


def band(mv: Signal, low_hz: float, high_hz: float) -> Signal:
    """Zero-phase Butterworth filter along time; 0 leaves that side open."""
    pad = min(mv.shape[-1] - 1, round(RATE_HZ))
    return np.asarray(sps.sosfiltfilt(_sos(low_hz, high_hz), mv, axis=-1, padlen=pad))


def smooth(values: Signal, samples: int) -> Signal:
    """Centred moving mean over an odd number of samples; the edges use what is there."""
    half = samples // 2
    total = np.cumsum(np.pad(values, (1, 0)))
    at = np.arange(values.size)
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, values.size)
    return np.asarray((total[high] - total[low]) / (high - low))
