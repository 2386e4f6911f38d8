"""Where the QRS complexes are, over all leads together; and whether there are any.

An envelope of the band of QRS with a threshold and a search back after Pan and Tompkins 1985
(doi:10.1109/TBME.1985.325532): there 5-15 Hz, 150 ms, 200 ms refractory, T within 360 ms at under
half the slope, search back after 166 % of RR at half the threshold. Where ours differ, they are
engineering values for twelve leads: F1 at least .998 on the cardiologists' beats of LUDB
(``tests/conformance/test_ludb_delineation.py``).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from qiangji_inference.ecg_signal import RATE_HZ, Prepared, Signal, band, smooth

_BAND_HZ: Final = (7.0, 30.0)
_NOISE_FLOOR_MV: Final = 0.012
_SMOOTH_S: Final = 0.090
_REFRACTORY_S: Final = 0.20
_BLOCK_S: Final = 1.5
_SHARE: Final = 0.36  # of the usual complex's height
_SEARCH_BACK_SHARE: Final = 0.5  # of the threshold, where a gap is long
_T_WINDOW_S, _T_SHARE = 0.36, 0.50
_LEAST_QRS_MV: Final = 0.030  # of the band-passed envelope; P waves and hum stay below


@dataclass(frozen=True, eq=False)
class Detection:
    """QRS positions at ``RATE_HZ`` and the envelope they were found on.

    ``peaks`` are samples of largest band-passed magnitude; ``envelope_mv`` is (n,).
    """

    peaks: NDArray[np.intp]
    envelope_mv: Signal


def detect_qrs(prepared: Prepared) -> Detection:
    """Find QRS complexes on the envelope of all usable leads."""
    rows = prepared.independent
    if not rows or prepared.n < RATE_HZ:
        return Detection(np.empty(0, dtype=np.intp), np.zeros(prepared.n))
    narrow = band(prepared.mv[rows], *_BAND_HZ)
    magnitude = _magnitude(narrow)
    envelope = smooth(magnitude, round(_SMOOTH_S * RATE_HZ) | 1)
    found = _pick(envelope)
    return Detection(_refine(magnitude, found), envelope)


def _magnitude(narrow: Signal) -> Signal:
    """Root mean square over leads in mV; noisy leads count less."""
    noise = np.maximum(np.median(np.abs(narrow), axis=1, keepdims=True), _NOISE_FLOOR_MV)
    weight = 1.0 / noise
    weight /= weight.mean()
    return np.asarray(np.sqrt(np.mean((narrow * weight) ** 2, axis=0)))


def _pick(envelope: Signal) -> NDArray[np.intp]:
    candidates, _ = sps.find_peaks(envelope, distance=round(_REFRACTORY_S * RATE_HZ))
    usual = _usual_height(envelope)
    if usual < _LEAST_QRS_MV:
        return np.empty(0, dtype=np.intp)
    threshold = max(_SHARE * usual, 0.6 * _LEAST_QRS_MV)
    chosen = _without_t(candidates[envelope[candidates] >= threshold], envelope)
    return _search_back(chosen, candidates, envelope, _SEARCH_BACK_SHARE * threshold)


def _usual_height(envelope: Signal) -> float:
    """Typical height of a QRS: median over blocks of the largest value in each."""
    block = round(_BLOCK_S * RATE_HZ)
    count = max(envelope.size // block, 1)
    tops = [float(part.max()) for part in np.array_split(envelope, count)]
    return float(np.median(tops))


def _without_t(peaks: NDArray[np.intp], envelope: Signal) -> NDArray[np.intp]:
    kept: list[int] = []
    for peak in peaks.tolist():
        is_t = (
            bool(kept)
            and peak - kept[-1] < _T_WINDOW_S * RATE_HZ
            and envelope[peak] < _T_SHARE * envelope[kept[-1]]
        )
        if not is_t:
            kept.append(peak)
    return np.asarray(kept, dtype=np.intp)


def _search_back(
    chosen: NDArray[np.intp],
    candidates: NDArray[np.intp],
    envelope: Signal,
    threshold: float,
) -> NDArray[np.intp]:
    """Look again, less strictly, where the gap to the next complex is long."""
    if chosen.size < 3:
        return chosen
    usual_rr = float(np.median(np.diff(chosen)))
    extra: list[int] = []
    for left, right in itertools.pairwise(chosen.tolist()):
        if right - left < 1.6 * usual_rr:
            continue
        guard = _T_WINDOW_S * RATE_HZ
        inside = candidates[(candidates > left + guard) & (candidates < right - guard)]
        inside = inside[envelope[inside] >= max(threshold, 0.6 * _LEAST_QRS_MV)]
        if inside.size:
            extra.append(int(inside[np.argmax(envelope[inside])]))
    return np.sort(np.concatenate([chosen, np.asarray(extra, dtype=np.intp)]))


def _refine(magnitude: Signal, peaks: NDArray[np.intp]) -> NDArray[np.intp]:
    """Move each peak to the largest magnitude near it."""
    reach = round(0.06 * RATE_HZ)
    refined = []
    for peak in peaks.tolist():
        low = max(peak - reach, 0)
        refined.append(low + int(np.argmax(magnitude[low : peak + reach + 1])))
    return np.unique(np.asarray(refined, dtype=np.intp))
