"""Atrial activity apart from the ventricles: flutter waves, and P waves that march on their own.

The shares and heights below are engineering values without a clinical source, set so as to raise
no false alarm. Measured with them on LUDB (200 recordings, cardiologists' labels): flutter called
in 0 of 197 without and 1 of 3 with it; independent P waves in 0 of 195 without and 1 of 5 with
third-degree block; on 400 normal recordings of PTB-XL in 2 and 0. What is missed is left to the
network and the reader. To measure again: ``measure`` every recording, count ``is_flutter`` and
``is_av_dissociated`` by label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qiangji_inference.ecg_beats import Beats
from qiangji_inference.ecg_delineate import QrsBounds
from qiangji_inference.ecg_signal import RATE_HZ, Prepared, Signal, band

_STEP: Final = 5  # decimation: 100 Hz is enough for atrial waves
#: 200-375 waves/min: typical flutter runs at about 240-300/min, slower under drugs (ACC/AHA/HRS
#: 2015 guideline on supraventricular tachycardia, doi:10.1161/CIR.0000000000000311); the margin on
#: either side is ours.
_FLUTTER_S: Final = (0.16, 0.30)
_FLUTTER_LEAST: Final = 0.5  # autocorrelation at one, and on average at two and three periods
#: 43-150 P waves/min: sinus rates at rest with a margin either way (ours).
_TRAIN_S: Final = (0.40, 1.40)
_TRAIN_LEAST: Final = 3.0  # height of the train over the usual height between QRS complexes
_TRAIN_COVER: Final = 0.6  # of the expected P waves lie outside of QRS complexes
_TOLERANCE_S: Final = 0.03  # a P wave may come this much early or late (ours)
_RR_MULTIPLE: Final = 0.06  # a period this close to RR / 1, 2, 3 … is not independent


@dataclass(frozen=True)
class PTrain:
    """Regular P waves without a fixed relation to QRS."""

    period_s: float
    strength: float


def flutter_period_s(prepared: Prepared, beats: Beats, qrs: QrsBounds, t_end: int) -> float | None:
    """Period of flutter waves seen between T and the next QRS; None where there are none.

    Flutter conducted 2:1 or faster hides in the T waves and is not measurable this way.
    """
    mv = band(prepared.mv[prepared.independent], 1.0, 25.0)[:, ::_STEP]
    seen = _seen(prepared.n, beats, qrs.onset - 6, t_end + 15, other_after=210)[::_STEP]
    similarity = _autocorrelation(mv, seen, round(3.2 * _FLUTTER_S[1] * RATE_HZ / _STEP))
    low, high = (round(edge * RATE_HZ / _STEP) for edge in _FLUTTER_S)
    lag = low + int(np.argmax(similarity[low : high + 1]))
    is_peak = low < lag < high and similarity[lag] >= _FLUTTER_LEAST
    if not is_peak:
        return None
    echoes = [_best_near(similarity, times * lag) for times in (2, 3)]
    known = [echo for echo in echoes if np.isfinite(echo)]
    if not known or float(np.mean(known)) < _FLUTTER_LEAST:
        return None
    return lag * _STEP / RATE_HZ


def _seen(n: int, beats: Beats, first: int, last: int, *, other_after: int) -> NDArray[np.bool_]:
    """(n,) False within [first, last] samples of each beat; unusual beats hide longer."""
    seen = np.ones(n, dtype=np.bool_)
    for fiducial, group in zip(beats.fiducials.tolist(), beats.group.tolist(), strict=True):
        until = last if group == 0 else max(last, other_after)
        seen[max(fiducial + first, 0) : max(fiducial + until, 0)] = False
    return seen


def _autocorrelation(mv: Signal, seen: NDArray[np.bool_], longest: int) -> Signal:
    """Likeness at each lag over what is seen; minus infinity where less than 0.8 s overlap."""
    weight = seen.astype(np.float64)
    mean = (mv * weight).sum(axis=1, keepdims=True) / max(float(weight.sum()), 1.0)
    centred = (mv - mean) * weight
    power = np.sum(centred**2, axis=0)
    overlap = _correlate_all(weight[None], weight[None], longest)
    product = _correlate_all(centred, centred, longest)
    early = _correlate_all(power[None], weight[None], longest)
    late = _correlate_all(weight[None], power[None], longest)
    likeness = product / np.sqrt(np.maximum(early * late, 1e-12))
    return np.where(overlap >= 0.8 * RATE_HZ / _STEP, likeness, -np.inf)


def _correlate_all(early: Signal, late: Signal, longest: int) -> Signal:
    """Sum over rows and time of early(t) * late(t + lag), for lags 0 to ``longest``."""
    size = 2 ** int(np.ceil(np.log2(early.shape[1] + longest + 1)))
    spectrum = np.conj(np.fft.rfft(early, size, axis=1)) * np.fft.rfft(late, size, axis=1)
    return np.asarray(np.fft.irfft(spectrum.sum(axis=0), size)[: longest + 1])


def _best_near(similarity: Signal, lag: int) -> float:
    return float(similarity[lag - 2 : lag + 3].max()) if lag + 2 < similarity.size else -np.inf


def p_train(prepared: Prepared, beats: Beats, qrs: QrsBounds, t_end: int) -> PTrain | None:
    """Find P waves at a steady pace of their own, as in complete AV block.

    The usual QRST is subtracted, so that P waves on T count; those within QRS are not seen.
    """
    rest = _without_ventricles(prepared, beats, qrs.onset - 8, t_end + 20)
    size = np.sqrt(np.mean(band(rest, 3.0, 20.0) ** 2, axis=0))
    seen = _seen(prepared.n, beats, qrs.onset - 8, qrs.offset + 12, other_after=210)
    reach = 2 * round(_TOLERANCE_S * RATE_HZ) + 1
    near = ndimage.maximum_filter1d(np.where(seen, size, 0.0), reach)[::_STEP]
    seen = seen[::_STEP]
    usual = float(np.median(size[::_STEP][seen])) if seen.any() else 0.0
    if usual <= 0:
        return None
    best = _best_comb(near / usual, seen)
    rr_s = float(np.median(np.diff(beats.fiducials))) / RATE_HZ
    if best is None or _is_multiple(rr_s, best.period_s):
        return None
    return best


def _without_ventricles(prepared: Prepared, beats: Beats, first: int, last: int) -> Signal:
    mv = band(prepared.mv[prepared.independent], 1.0, 25.0)
    length = last - first
    ramp = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)) / 12.0
    rest = mv.copy()
    for group in range(int(beats.group.max()) + 1):
        starts = beats.fiducials[beats.group == group] + first
        starts = starts[(starts >= 0) & (starts + length <= mv.shape[1])]
        if starts.size < 3:
            continue
        usual = np.median(np.stack([mv[:, s : s + length] for s in starts.tolist()]), axis=0)
        for start in starts.tolist():
            rest[:, start : start + length] -= usual * np.minimum(ramp, 1.0)
    return rest


def _best_comb(near: Signal, seen: NDArray[np.bool_]) -> PTrain | None:
    """Strongest steady pace: the lower quartile of the height at its teeth."""
    low, high = (round(edge * RATE_HZ / _STEP) for edge in _TRAIN_S)
    heights = np.where(seen, near, np.inf)
    scores = np.array([_comb_score(heights, period) for period in range(low, high + 1)])
    best = int(np.argmax(scores))
    if scores[best] < _TRAIN_LEAST:
        return None
    return PTrain((low + best) * _STEP / RATE_HZ, float(scores[best]))


def _comb_score(heights: Signal, period: int) -> float:
    """Best phase of one period; ``heights`` is infinite where QRS hides the atria."""
    rows = -(-heights.size // period)
    padded = np.full(rows * period, np.inf)
    padded[: heights.size] = heights
    teeth = np.sort(padded.reshape(rows, period), axis=0)  # (teeth, phase), hidden ones last
    known = np.isfinite(teeth).sum(axis=0)
    quartile = np.take_along_axis(teeth, np.maximum((known - 1) // 4, 0)[None], axis=0)[0]
    is_enough = known >= max(4.0, _TRAIN_COVER * rows)
    return float(np.max(np.where(is_enough, quartile, 0.0), initial=0.0))


def _is_multiple(rr_s: float, period_s: float) -> bool:
    ratio = rr_s / period_s
    nearest = max(round(ratio), 1)
    return abs(ratio / nearest - 1.0) < _RR_MULTIPLE
