"""Where P, QRS and T begin and end in the usual beat, over all leads together.

The boundaries are global: the first activity in any lead to the last, as AHA/ACCF/HRS 2009
(Part III, doi:10.1161/CIRCULATIONAHA.108.191095) asks for intervals of simultaneous leads. They
are found where the spatial velocity, the root of the summed squared slopes of all leads, falls
to a share of its largest value. T ends by the tangent method (Lepeschkin and Surawicz 1952,
doi:10.1161/01.CIR.6.3.378). The shares were set on the odd records of LUDB; the even ones
are the test (``tests/conformance/test_ludb_delineation.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from qiangji_inference.ecg_beats import BEFORE_S
from qiangji_inference.ecg_signal import RATE_HZ, Prepared, Signal, band

#: Index of the fiducial point in a median beat.
FIDUCIAL: Final = round(BEFORE_S * RATE_HZ)

_QRS_HIGH_HZ, _QRS_ON_SLOPE_HALF, _QRS_OFF_SLOPE_HALF = 40.0, 3, 4
_QRS_CORE_SHARE: Final = 0.25
_QRS_ON_SHARE, _QRS_OFF_SHARE, _QRS_NOISE_TIMES = 0.02, 0.03, 3.0
_QRS_QUIET: Final = 5  # consecutive quiet samples that end a wave
_QRS_BEFORE, _QRS_AFTER = 110, 130  # farthest boundaries from the fiducial point, samples
_QRS_LONGEST: Final = 105  # samples (210 ms, the longest of LUDB is 202): beyond, T was taken in

_T_HIGH_HZ: Final = 20.0
_T_LEAST_SHARE: Final = 0.25  # of the largest T; smaller ones do not vote on the end
_T_VOTE_PERCENTILE: Final = 60.0
_T_LATEST_S: Final = 0.62
_T_FALL: Final = 70  # samples after the peak within which the steepest slope lies

_P_HIGH_HZ, _P_SLOPE_HALF = 25.0, 5
_P_EARLIEST_S: Final = 0.29  # before the onset of QRS
_P_SHARE, _P_NOISE_TIMES = 0.20, 2.0
_P_HALF_WIDTH: Final = 30  # samples around the peak that are compared between beats
_P_LEAST_MV: Final = 0.008  # root mean square over leads
_P_LEAST_LIKENESS: Final = 0.75  # median correlation of single beats with the usual P
_P_LEAST_LIKENESS_IRREGULAR: Final = 0.88  # where RR varies, and fibrillation waves may mimic P
_IRREGULAR: Final = 0.08  # coefficient of variation of RR


@dataclass(frozen=True)
class PWave:
    """A P wave in the usual beat; samples from the fiducial point."""

    onset: int
    offset: int
    amplitude_mv: float


@dataclass(frozen=True)
class QrsBounds:
    """QRS of the usual beat; samples from the fiducial point.

    ``is_open`` is True where no quiet stretch follows or precedes it within reach.
    """

    onset: int
    offset: int
    is_open: bool


def qrs_bounds(beat: Signal, rows: list[int], *, spike: int | None = None) -> QrsBounds:
    """Global onset and offset of QRS in a median beat (12, m).

    ``spike`` is the place of a pacing spike in samples from the fiducial point: what it started
    cannot begin before it, although the filter smears what is left of the spike.
    """
    narrow = band(beat[rows], 0, _QRS_HIGH_HZ)
    onset = _qrs_edge(narrow, -1)
    if spike is not None:
        onset = max(onset, FIDUCIAL + spike + 1)
    offset = _qrs_edge(narrow, +1)
    is_open = (
        onset <= FIDUCIAL - _QRS_BEFORE
        or offset >= FIDUCIAL + _QRS_AFTER
        or offset - onset > _QRS_LONGEST
    )
    return QrsBounds(onset - FIDUCIAL, offset - FIDUCIAL, is_open)


def _qrs_edge(narrow: Signal, step: int) -> int:
    """Walk from the steep core of QRS to the left (-1) or right (+1) until it is quiet."""
    is_onset = step < 0
    speed = _speed(narrow, _QRS_ON_SLOPE_HALF if is_onset else _QRS_OFF_SLOPE_HALF)
    top = float(speed[FIDUCIAL - 40 : FIDUCIAL + 60].max())
    noise = _QRS_NOISE_TIMES * float(np.percentile(speed[FIDUCIAL - 80 : FIDUCIAL + 150], 10))
    core = np.flatnonzero(speed[FIDUCIAL - 50 : FIDUCIAL + 70] > _QRS_CORE_SHARE * top)
    start = int(core[0 if is_onset else -1]) + FIDUCIAL - 50
    share, reach = (_QRS_ON_SHARE, _QRS_BEFORE) if is_onset else (_QRS_OFF_SHARE, _QRS_AFTER)
    return _walk(speed, start, step, max(share * top, noise), reach)


def _speed(mv: Signal, half: int) -> Signal:
    """Spatial velocity in mV/s, zero at the very ends."""
    slope = np.zeros_like(mv)
    slope[:, half:-half] = (mv[:, 2 * half :] - mv[:, : -2 * half]) * (RATE_HZ / (2 * half))
    return np.asarray(np.sqrt(np.sum(slope**2, axis=0)))


def _walk(speed: Signal, start: int, step: int, threshold: float, reach: int) -> int:
    """First sample from ``start`` on where the speed stays below the threshold."""
    at, end = start, FIDUCIAL + step * reach
    while step * (end - at) > 0:
        stretch = speed[at : at + _QRS_QUIET] if step > 0 else speed[at - _QRS_QUIET + 1 : at + 1]
        if (stretch < threshold).all():
            return at
        at += step
    return end


def t_end(beat: Signal, rows: list[int], qrs: QrsBounds, shortest_rr: float) -> int | None:
    """End of T in samples from the fiducial point; None where no lead shows a T wave.

    ``shortest_rr`` (samples) keeps the search out of the next beat.
    """
    mv = band(beat[rows], 0, _T_HIGH_HZ)
    start = FIDUCIAL + qrs.offset + 30
    latest = min(_T_LATEST_S * RATE_HZ, 0.9 * shortest_rr + qrs.onset - 15)
    stop = min(FIDUCIAL + int(latest), mv.shape[1] - 5)
    if stop - start < 40:
        return None
    ends = [_tangent(row[start:stop]) for row in mv]
    voting = [(end, size) for end, size in ends if end is not None]
    if not voting:
        return None
    largest = max(size for _, size in voting)
    votes = [end for end, size in voting if size >= _T_LEAST_SHARE * largest]
    return round(float(np.percentile(votes, _T_VOTE_PERCENTILE))) + start - FIDUCIAL


def _tangent(mv: Signal) -> tuple[float | None, float]:
    """(end, height) of the T wave of one lead, by the steepest slope after its peak."""
    chord = np.linspace(mv[0], mv[-1], mv.size)
    away = mv - chord
    peak = int(np.argmax(np.abs(away[5:-5]))) + 5
    sign = 1.0 if away[peak] >= 0 else -1.0
    slope = np.gradient(mv) * sign
    steepest = peak + int(np.argmin(slope[peak : peak + _T_FALL]))
    if steepest >= mv.size - 2 or slope[steepest] >= 0:
        return None, 0.0
    upright = mv * sign
    base = float(upright[steepest : steepest + 60].min())
    end = steepest + (float(upright[steepest]) - base) / -float(slope[steepest])
    return end, float(abs(away[peak]))


def p_wave(
    beat: Signal,
    prepared: Prepared,
    fiducials: list[int],
    qrs: QrsBounds,
    *,
    t_end_before: float,
    rr_variation: float,
) -> PWave | None:
    """P wave that most beats share; None in fibrillation, dissociation and buried P waves.

    Parameters
    ----------
    fiducials
        Of the usual beats, in samples.
    t_end_before
        End of the preceding T wave, samples from the fiducial point (negative).
    """
    rows = prepared.independent
    earliest = FIDUCIAL + qrs.onset - round(_P_EARLIEST_S * RATE_HZ)
    start = max(earliest, FIDUCIAL + round(t_end_before) + 8, 8)
    stop = FIDUCIAL + qrs.onset - 2
    if stop - start < 35:
        return None
    wave = _level(band(beat[rows], 0, _P_HIGH_HZ)[:, start:stop])
    size = np.sqrt(np.mean(wave**2, axis=0))
    peak = int(np.argmax(size[6:-8])) + 6
    likeness = _likeness(prepared, fiducials, wave, start, peak)
    if size[peak] < _P_LEAST_MV or likeness < _least_likeness(rr_variation):
        return None
    onset, offset = _p_bounds(_speed(wave, _P_SLOPE_HALF), peak)
    shift = start - FIDUCIAL
    return PWave(onset + shift, offset + shift, float(size[peak]))


def _least_likeness(rr_variation: float) -> float:
    return _P_LEAST_LIKENESS_IRREGULAR if rr_variation > _IRREGULAR else _P_LEAST_LIKENESS


def _level(wave: Signal) -> Signal:
    """Take off the straight line from the first samples to the last ones."""
    first = wave[:, :8].mean(axis=1, keepdims=True)
    last = wave[:, -5:].mean(axis=1, keepdims=True)
    return np.asarray(wave - first - (last - first) * np.linspace(0, 1, wave.shape[1]))


def _likeness(
    prepared: Prepared, fiducials: list[int], wave: Signal, start: int, peak: int
) -> float:
    """Median correlation of the single beats with the usual P wave, all leads together."""
    mv = band(prepared.mv[prepared.independent], 0.5, _P_HIGH_HZ)
    near = slice(max(peak - _P_HALF_WIDTH, 0), peak + _P_HALF_WIDTH)
    usual = wave[:, near] - wave[:, near].mean(axis=1, keepdims=True)
    found = []
    for fiducial in fiducials:
        first = fiducial - FIDUCIAL + start
        if first < 0 or first + wave.shape[1] > mv.shape[1]:
            continue
        single = _level(mv[:, first : first + wave.shape[1]])[:, near]
        single = single - single.mean(axis=1, keepdims=True)
        power = float(np.sum(single**2) * np.sum(usual**2))
        found.append(float(np.sum(single * usual)) / np.sqrt(power + 1e-12))
    return float(np.median(found)) if found else 0.0


def _p_bounds(speed: Signal, peak: int) -> tuple[int, int]:
    low, high = max(peak - 40, 0), min(peak + 40, speed.size)
    noise = _P_NOISE_TIMES * float(np.percentile(speed[5:-5], 10))
    threshold = max(_P_SHARE * float(speed[low:high].max()), noise)
    left = max(peak - 35, 0)
    onset = left + int(np.argmax(speed[left : peak + 1]))
    while onset > 4 and not (speed[onset - 4 : onset + 1] < threshold).all():
        onset -= 1
    offset = peak + int(np.argmax(speed[peak:high]))
    while offset < speed.size - 4 and not (speed[offset : offset + 5] < threshold).all():
        offset += 1
    return onset, offset
