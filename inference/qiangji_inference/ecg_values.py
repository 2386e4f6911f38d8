"""From samples to beats and boundaries: the steps every measured value starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from qiangji_datasets.records import EcgRecord
from qiangji_inference.ecg_atria import PTrain, flutter_period_s, p_train
from qiangji_inference.ecg_beats import Beats, median_beat, sort_beats
from qiangji_inference.ecg_delineate import PWave, QrsBounds, p_wave, qrs_bounds, t_end
from qiangji_inference.ecg_detect import Detection, detect_qrs
from qiangji_inference.ecg_pacing import Pacing, find_pacing
from qiangji_inference.ecg_signal import RATE_HZ, Prepared, Signal, band, prepare

# Engineering values. What they decide is held by tests/conformance: test_ludb_gate.py (good
# recordings are not refused) and test_synthetic_ecg_measures.py (asystole, fibrillation are found).
_FIRST_LEVEL_S: Final = -0.070  # isoelectric before an average QRS, for the first pass
_LEVEL_BEFORE_ONSET_S: Final = 0.014
_FLAT_MV: Final = 0.05  # peak to peak, 1-30 Hz, of the liveliest lead in most seconds
_CHAOS_LEAST_BEATS: Final = 6
#: Muscle noise lies above, most of QRS and all of ventricular fibrillation below.
_BELOW_MUSCLE_HZ: Final = 15.0
_CHAOS_USUAL_SHARE: Final = 0.40  # fewer beats than this share one shape
_SPIKE_REACH: Final = 110  # samples before the fiducial point
_REGULAR: Final = 0.10  # coefficient of variation of RR


@dataclass(frozen=True, eq=False)
class Values:
    """Intermediate results of one recording; sample counts at ``RATE_HZ``.

    ``usual`` is the median beat (12, m) or None; ``level_mv`` its isoelectric level per lead.
    """

    prepared: Prepared
    pacing: Pacing
    detection: Detection
    beats: Beats
    is_flat: bool
    is_chaotic: bool
    usual: Signal | None = None
    level_mv: Signal | None = None
    qrs: QrsBounds | None = None
    t_end: int | None = None
    p: PWave | None = None
    flutter_s: float | None = None
    train: PTrain | None = None


def take_values(ecg: EcgRecord) -> Values:
    """Run the whole chain; stops early where there is nothing to measure."""
    pacing = find_pacing(ecg)
    prepared = prepare(ecg, pacing.cleaned_mv)
    detection, beats = _sorted(prepared)
    start = Values(
        prepared,
        pacing,
        detection,
        beats,
        is_flat=_is_flat(prepared),
        is_chaotic=_is_chaotic(beats),
    )
    if start.is_flat or start.is_chaotic or beats.usual.size == 0:
        return start
    first = median_beat(prepared.mv, beats.usual, _FIRST_LEVEL_S)
    if first is None or not prepared.independent:
        return start
    return _delineated(start, first)


def _sorted(prepared: Prepared) -> tuple[Detection, Beats]:
    """Beats by shape; where hardly two look alike, once more without the band of muscle noise.

    QRS complexes under muscle noise come out alike then; ventricular fibrillation does not.
    """
    detection = detect_qrs(prepared)
    beats = sort_beats(prepared, detection.peaks)
    if not _is_chaotic(beats):
        return detection, beats
    calm = replace(prepared, mv=band(prepared.mv, 0, _BELOW_MUSCLE_HZ))
    found = detect_qrs(calm)
    again = sort_beats(calm, found.peaks)
    return (detection, beats) if _is_chaotic(again) else (found, again)


def _delineated(start: Values, first: Signal) -> Values:
    rows = start.prepared.independent
    spike = _spike(start)
    rough = qrs_bounds(first, rows, spike=spike)
    level_s = rough.onset / RATE_HZ - _LEVEL_BEFORE_ONSET_S
    usual = median_beat(start.prepared.mv, start.beats.usual, level_s)
    if usual is None:
        return start
    qrs = qrs_bounds(usual, rows, spike=spike)
    rr = np.diff(start.beats.fiducials)
    shortest = float(np.percentile(rr, 25)) if rr.size else RATE_HZ
    end = t_end(usual, rows, qrs, shortest)
    usual_rr = float(np.median(rr)) if rr.size else RATE_HZ
    last = min(end if end is not None else 150, round(0.7 * usual_rr))
    variation = float(np.std(rr) / np.mean(rr)) if rr.size else 0.0
    usual_beats = start.beats.usual.tolist()
    p = p_wave(
        usual,
        start.prepared,
        usual_beats,
        qrs,
        t_end_before=last - usual_rr,
        rr_variation=variation,
    )
    flutter_s = flutter_period_s(start.prepared, start.beats, qrs, last) if rr.size > 2 else None
    return Values(
        start.prepared,
        start.pacing,
        start.detection,
        start.beats,
        is_flat=False,
        is_chaotic=False,
        usual=usual,
        level_mv=_level(usual, qrs),
        qrs=qrs,
        t_end=end,
        p=None if flutter_s else p,
        flutter_s=flutter_s,
        train=_train(start, qrs, last) if p is None and flutter_s is None else None,
    )


def _spike(start: Values) -> int | None:
    """Usual place of the spike before QRS, samples from the fiducial point; None unpaced."""
    spikes = np.asarray(start.pacing.spikes_s) * RATE_HZ
    near = [spikes[(spikes > f - _SPIKE_REACH) & (spikes < f)] for f in start.beats.usual.tolist()]
    last = [found[-1] - f for found, f in zip(near, start.beats.usual, strict=True) if found.size]
    return round(float(np.median(last))) if len(last) >= 0.5 * start.beats.usual.size else None


def _train(start: Values, qrs: QrsBounds, last: int) -> PTrain | None:
    """Independent P waves are looked for only where QRS is regular; else fibrillation fools it."""
    rr = np.diff(start.beats.fiducials)
    if rr.size < 3 or float(np.std(rr) / np.mean(rr)) > _REGULAR:
        return None
    return p_train(start.prepared, start.beats, qrs, last)


def _level(usual: Signal, qrs: QrsBounds) -> Signal:
    """(12,) mean of the 12 ms that end 4 ms before QRS."""
    from qiangji_inference.ecg_delineate import FIDUCIAL

    onset = FIDUCIAL + qrs.onset
    return np.asarray(usual[:, max(onset - 8, 0) : max(onset - 2, 1)].mean(axis=1))


def _is_flat(prepared: Prepared) -> bool:
    """True when most seconds show nothing that moves in any lead."""
    if not prepared.is_usable.any():
        return True
    if prepared.n < RATE_HZ:
        return False
    moving = band(prepared.mv[prepared.is_usable], 1.0, 30.0)
    seconds = [np.ptp(part, axis=1).max() for part in np.array_split(moving, _seconds(prepared), 1)]
    return float(np.median(seconds)) < _FLAT_MV


def _seconds(prepared: Prepared) -> int:
    return max(int(prepared.duration_s / 2), 1)


def _is_chaotic(beats: Beats) -> bool:
    """True when deflections are plenty but hardly two look alike, as in fibrillation."""
    count = beats.fiducials.size
    return count >= _CHAOS_LEAST_BEATS and beats.usual.size < _CHAOS_USUAL_SHARE * count
