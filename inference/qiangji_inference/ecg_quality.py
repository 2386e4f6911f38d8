"""How clean each lead of a recording is: noise, mains hum, wander, clipping, flat stretches.

Figures only; ``gate_ecg`` holds the limits and says on which recordings they were set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qiangji_datasets.records import EcgRecord
from qiangji_inference.ecg_signal import RATE_HZ, Signal, band, prepare

MAINS_HZ: Final = (50.0, 60.0)  # China and most of the world; the Americas
_SEGMENT_S: Final = 1.0  # one beat or more at rest, and whole periods of both mains frequencies
#: Peak to peak in one second: an open input that shows rounding alone. Ours: the least in any lead
#: and second is 0.0075 mV in the 200 recordings of LUDB, 0.11 mV in 48 of PTB-XL.
_FLAT_MV: Final = 0.004
#: A rounded peak of QRS rests at its extreme for less; four samples at 500 Hz (LUDB: 4 runs at
#: most in a recording, ``gate_ecg``).
_CLIP_RUN_S: Final = 0.008
_CLIP_TOLERANCE_MV: Final = 0.002  # rounding of resampled and lossy files
_QRS_HALF_S: Final = 0.08  # a QRS of up to 160 ms around its R peak is not counted as noise


@dataclass(frozen=True, eq=False)
class LeadQuality:
    """Figures of the twelve leads in the order of ``LEADS``; each array is (12,).

    Parameters
    ----------
    missing_share, flat_share
        Part of the recording without samples, or without any movement.
    clipped_runs
        Stretches that rest at the lead's own highest or lowest value.
    noise_mv
        Deviation above 20 Hz between QRS complexes, mains hum taken out.
    mains_mv
        Amplitude of the hum; 0 where the sampling rate cannot carry it.
    wander_mv
        Range (1st to 99th percentile) below 0.7 Hz.
    jump_mv
        Largest step of the base line within 0.2 s.
    """

    missing_share: Signal
    flat_share: Signal
    clipped_runs: NDArray[np.intp]
    noise_mv: Signal
    mains_mv: Signal
    wander_mv: Signal
    jump_mv: Signal


def lead_quality(ecg: EcgRecord, r_peaks_s: tuple[float, ...]) -> LeadQuality:
    """Measure the quality of every lead; the R peaks tell where QRS is not noise."""
    raw = np.asarray(ecg.signal_mv, dtype=np.float64)
    missing = (~np.isfinite(raw)).mean(axis=1)
    known = np.nan_to_num(raw)
    prepared = prepare(ecg)
    mains = _mains(prepared.mv, ecg.rate_hz)
    slow = band(prepared.mv, 0, 0.7) if prepared.n > RATE_HZ else np.zeros_like(prepared.mv)
    wander = np.percentile(slow, 99, axis=1) - np.percentile(slow, 1, axis=1)
    return LeadQuality(
        missing_share=missing,
        flat_share=np.where(missing > 0.99, 0.0, _flat_share(known, ecg.rate_hz)),
        clipped_runs=_clipped_runs(known, ecg.rate_hz),
        noise_mv=_noise(prepared.mv, r_peaks_s, mains),
        mains_mv=np.asarray(np.max([np.abs(part) for part in mains.values()], axis=0)),
        wander_mv=np.asarray(wander),
        jump_mv=_jump(prepared.mv),
    )


def _segments(mv: Signal, rate_hz: float) -> Signal:
    """(leads, segments, samples) of one second each; the rest at the end is left out."""
    size = min(max(round(_SEGMENT_S * rate_hz), 2), mv.shape[1])
    count = mv.shape[1] // size
    return mv[:, : count * size].reshape(mv.shape[0], count, size)


def _flat_share(mv: Signal, rate_hz: float) -> Signal:
    is_flat = np.ptp(_segments(mv, rate_hz), axis=2) < _FLAT_MV
    return np.asarray(is_flat.mean(axis=1))


def _clipped_runs(mv: Signal, rate_hz: float) -> NDArray[np.intp]:
    """Runs of at least 8 ms (and 3 samples) at the highest and lowest value of each lead."""
    shortest = max(round(_CLIP_RUN_S * rate_hz), 3)
    runs = np.zeros(mv.shape[0], dtype=np.intp)
    for row, lead in enumerate(mv):
        if np.ptp(lead) < 10 * _CLIP_TOLERANCE_MV:
            continue
        for extreme in (lead.max(), lead.min()):
            at_edge = np.abs(lead - extreme) <= _CLIP_TOLERANCE_MV
            labels, _ = ndimage.label(at_edge)
            lengths = np.bincount(labels)[1:]
            runs[row] += int((lengths >= shortest).sum())
    return runs


def _mains(mv: Signal, source_hz: float) -> dict[float, Signal]:
    """Complex amplitude (12, segments) -> its median size (12,) for each mains frequency."""
    parts = _segments(mv, RATE_HZ)
    parts = parts - parts.mean(axis=2, keepdims=True)
    window = np.hanning(parts.shape[2])
    found = {}
    for hz in MAINS_HZ:
        if source_hz < 2.4 * hz:
            found[hz] = np.zeros(mv.shape[0])
            continue
        level = [_tone(parts, window, hz + step) for step in (-6.0, 0.0, 6.0)]
        # What stands out of its neighbours is hum; QRS and muscle noise spread evenly.
        found[hz] = np.median(np.maximum(level[1] - 0.5 * (level[0] + level[2]), 0.0), axis=1)
    return found


def _tone(parts: Signal, window: Signal, hz: float) -> Signal:
    at = np.arange(parts.shape[2]) / RATE_HZ
    wave = window * np.exp(-2j * np.pi * hz * at)
    return np.asarray(np.abs(parts @ wave) * 2.0 / window.sum())


def _noise(mv: Signal, r_peaks_s: tuple[float, ...], mains: dict[float, Signal]) -> Signal:
    """Deviation above 20 Hz in the typical second, from the parts between QRS complexes."""
    if mv.shape[1] <= RATE_HZ:
        return np.zeros(mv.shape[0])
    fast = mv - band(mv, 0, 20.0)
    between = np.ones(mv.shape[1], dtype=np.bool_)
    half = round(_QRS_HALF_S * RATE_HZ)
    for peak_s in r_peaks_s:
        centre = round(peak_s * RATE_HZ)
        between[max(centre - half, 0) : centre + half] = False
    if between.mean() < 0.2:
        between[:] = True
    spread = np.median(np.abs(fast[:, between]), axis=1) / 0.6745
    hum = sum(np.asarray(part) ** 2 for part in mains.values()) / 2.0
    return np.asarray(np.sqrt(np.maximum(spread**2 - hum, 0.0)))


def _jump(mv: Signal) -> Signal:
    size = round(0.2 * RATE_HZ)
    count = mv.shape[1] // size
    if count < 3:
        return np.zeros(mv.shape[0])
    levels = np.median(mv[:, : count * size].reshape(mv.shape[0], count, size), axis=2)
    return np.asarray(np.abs(np.diff(levels, axis=1)).max(axis=1))
