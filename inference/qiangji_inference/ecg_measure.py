"""Measure a resting 12-lead ECG: rates, intervals, axis, ST level, voltages."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Final

import numpy as np

from qiangji_datasets.records import LEADS, EcgRecord, Sex
from qiangji_inference.ecg_amplitude import judge_amplitudes
from qiangji_inference.ecg_delineate import FIDUCIAL
from qiangji_inference.ecg_reversal import suspected_wiring
from qiangji_inference.ecg_rules import statements_of
from qiangji_inference.ecg_signal import RATE_HZ
from qiangji_inference.ecg_types import (
    AF_LEAST_VARIATION,
    HIGHEST_PLAUSIBLE_MV,
    QTC_HIGHEST_BPM,
    TACHYCARDIA_BPM,
    WIDE_QRS_MS,
    EcgMeasurements,
    Statement,
    Why,
    with_reason,
)
from qiangji_inference.ecg_values import Values, take_values
from qiangji_inference.ecg_wiring import LIMB_WIRINGS

__all__ = ["EcgMeasurements", "Statement", "Why", "measure"]

_MS: Final = 1000.0 / RATE_HZ
_J60: Final = round(0.060 * RATE_HZ)
#: Spikes in one recording from which the rhythm counts as paced; one or two are often artefacts
#: (3 of 190 unpaced LUDB recordings have two, none has three).
_PACED_SPIKES: Final = 3


def measure(
    ecg: EcgRecord, *, age_years: float | None = None, sex: Sex | None = None
) -> EcgMeasurements:
    """Measure one recording and apply the enabled rules of ``ecg_rules.toml``.

    Parameters
    ----------
    age_years, sex
        As confirmed at the desk; limits that depend on them are not judged without them.
    """
    values = take_values(ecg)
    measured = _rhythm(values)
    measured = _atria(measured, values)
    measured = _intervals(measured, values)
    measured = _amplitudes(measured, values)
    measured = _wired(measured, values)
    measured = judge_amplitudes(measured, age_years, sex)
    return replace(measured, statements=statements_of(measured, age_years, sex))


def _wired(measured: EcgMeasurements, values: Values) -> EcgMeasurements:
    wiring = suspected_wiring(values)
    is_limb = wiring in LIMB_WIRINGS
    return replace(
        measured,
        limb_reversal=wiring if is_limb else None,
        chest_reversal=None if is_limb else wiring,
    )


def _rhythm(values: Values) -> EcgMeasurements:
    peaks = [] if values.is_flat else values.beats.fiducials.tolist()
    spikes = values.pacing.spikes_s
    measured = EcgMeasurements(
        is_without_qrs=not peaks,
        is_flat=values.is_flat,
        is_chaotic=values.is_chaotic,
        is_paced=len(spikes) >= _PACED_SPIKES if values.pacing.is_measurable else None,
        spikes_s=spikes,
    )
    if not values.pacing.is_measurable:
        measured = with_reason(measured, Why.RATE_TOO_LOW, "spikes_s", "is_paced")
    rates = ("ventricular_bpm", "rr_mean_ms", "rr_longest_ms", "rr_shortest_ms", "rr_variation")
    if values.is_chaotic:
        return with_reason(measured, Why.CHAOTIC, *rates)
    if not peaks:
        return with_reason(measured, Why.NO_QRS, *rates)
    unusual = values.beats.fiducials[values.beats.group > 0]
    measured = replace(
        measured,
        r_peaks_s=tuple(round(peak / RATE_HZ, 4) for peak in peaks),
        unusual_beats_s=tuple(round(peak / RATE_HZ, 4) for peak in unusual.tolist()),
        longest_pause_s=_longest_pause_s(peaks, values.prepared.duration_s),
    )
    if len(peaks) < 2:
        return with_reason(measured, Why.TOO_FEW_BEATS, *rates)
    return _rr(measured, np.diff(peaks) * _MS)


def _longest_pause_s(peaks: list[int], duration_s: float) -> float:
    edges = [0.0, *(peak / RATE_HZ for peak in peaks), duration_s]
    return round(max(b - a for a, b in itertools.pairwise(edges)), 3)


def _rr(measured: EcgMeasurements, rr_ms: np.ndarray) -> EcgMeasurements:
    mean = float(rr_ms.mean())
    measured = replace(
        measured,
        ventricular_bpm=round(60000.0 / mean, 1),
        rr_mean_ms=round(mean, 1),
        rr_longest_ms=float(rr_ms.max()),
        rr_shortest_ms=float(rr_ms.min()),
    )
    if rr_ms.size < 3:
        return with_reason(measured, Why.TOO_FEW_BEATS, "rr_variation")
    return replace(measured, rr_variation=round(float(rr_ms.std()) / mean, 4))


def _atria(measured: EcgMeasurements, values: Values) -> EcgMeasurements:
    names = ("atrial_bpm", "has_p", "is_flutter", "is_irregularly_irregular", "is_av_dissociated")
    if values.qrs is None:
        return with_reason(measured, _no_beat(values), *names)
    measured = replace(
        measured,
        has_p=values.p is not None,
        is_flutter=values.flutter_s is not None,
        is_av_dissociated=values.train is not None,
        is_irregularly_irregular=_is_irregular(measured, values),
    )
    if values.flutter_s is not None:
        return replace(measured, atrial_bpm=round(60.0 / values.flutter_s, 0))
    if values.train is not None:
        return replace(measured, atrial_bpm=round(60.0 / values.train.period_s, 0))
    if values.p is not None:
        return replace(measured, atrial_bpm=measured.ventricular_bpm)
    return with_reason(measured, Why.NO_P, "atrial_bpm")


def _no_beat(values: Values) -> Why:
    if values.is_chaotic:
        return Why.CHAOTIC
    return Why.NO_QRS if not values.beats.fiducials.size else Why.TOO_FEW_BEATS


def _is_irregular(measured: EcgMeasurements, values: Values) -> bool | None:
    """Irregular without a shared P wave, as in atrial fibrillation."""
    if measured.rr_variation is None:
        return None
    is_irregular = measured.rr_variation > AF_LEAST_VARIATION
    return is_irregular and values.p is None and values.flutter_s is None and not measured.is_paced


def _intervals(measured: EcgMeasurements, values: Values) -> EcgMeasurements:
    if values.qrs is None:
        names = ("p_ms", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "qtc_bazett_ms", "axis_deg")
        return with_reason(
            measured, _no_beat(values), *names, "is_wide_qrs", "is_wide_qrs_tachycardia"
        )
    qrs_ms = (values.qrs.offset - values.qrs.onset) * _MS
    is_wide = values.qrs.is_open or qrs_ms >= WIDE_QRS_MS
    measured = replace(
        measured,
        qrs_ms=None if values.qrs.is_open else qrs_ms,
        is_wide_qrs=is_wide,
        is_wide_qrs_tachycardia=is_wide and (measured.ventricular_bpm or 0.0) > TACHYCARDIA_BPM,
    )
    if values.qrs.is_open:
        measured = with_reason(measured, Why.NO_ISOELECTRIC, "qrs_ms")
    measured = _p_intervals(measured, values)
    return _qt(measured, values)


def _p_intervals(measured: EcgMeasurements, values: Values) -> EcgMeasurements:
    if values.p is None or values.qrs is None:
        return with_reason(measured, Why.NO_P, "p_ms", "pr_ms")
    return replace(
        measured,
        p_ms=(values.p.offset - values.p.onset) * _MS,
        pr_ms=(values.qrs.onset - values.p.onset) * _MS,
    )


def _qt(measured: EcgMeasurements, values: Values) -> EcgMeasurements:
    if values.t_end is None or values.qrs is None:
        return with_reason(measured, Why.NO_T, "qt_ms", "qtc_ms", "qtc_bazett_ms")
    qt_ms = (values.t_end - values.qrs.onset) * _MS
    measured = replace(measured, qt_ms=qt_ms, qtc_doubts=_qtc_doubts(measured))
    if measured.rr_mean_ms is None:
        return with_reason(measured, Why.TOO_FEW_BEATS, "qtc_ms", "qtc_bazett_ms")
    rr_s = measured.rr_mean_ms / 1000.0
    return replace(
        measured,
        qtc_ms=round(qt_ms / math.cbrt(rr_s), 0),
        qtc_bazett_ms=round(qt_ms / math.sqrt(rr_s), 0),
    )


def _qtc_doubts(measured: EcgMeasurements) -> tuple[Why, ...]:
    doubts = (
        (Why.ATRIAL_FIBRILLATION, measured.is_irregularly_irregular or measured.is_flutter),
        (Why.WIDE_QRS, measured.is_wide_qrs),
        (Why.FAST, (measured.ventricular_bpm or 0.0) > QTC_HIGHEST_BPM),
        (Why.PACED, measured.is_paced),
    )
    return tuple(why for why, holds in doubts if holds)


def _amplitudes(measured: EcgMeasurements, values: Values) -> EcgMeasurements:
    if values.usual is None or values.qrs is None or values.level_mv is None:
        return _without_amplitudes(measured, _no_beat(values))
    above = values.usual - values.level_mv[:, None]
    if np.ptp(above, axis=1).max() > HIGHEST_PLAUSIBLE_MV:
        return _without_amplitudes(measured, Why.SCALE)
    onset, j = FIDUCIAL + values.qrs.onset, FIDUCIAL + values.qrs.offset
    complexes = above[:, onset : j + 1]

    def by_lead(column: np.ndarray) -> dict[str, float | None]:
        return {
            lead: round(float(value), 3) if usable else None
            for lead, value, usable in zip(LEADS, column, values.prepared.is_usable, strict=True)
        }

    measured = replace(
        measured,
        r_mv=by_lead(np.maximum(complexes.max(axis=1), 0.0)),
        s_mv=by_lead(np.maximum(-complexes.min(axis=1), 0.0)),
        st_j_mv=by_lead(above[:, j - 1 : j + 2].mean(axis=1)),
        st_j60_mv=by_lead(above[:, j + _J60 - 1 : j + _J60 + 2].mean(axis=1)),
    )
    if not values.prepared.is_usable.all():
        measured = with_reason(measured, Why.LEADS_MISSING, "st_j_mv", "st_j60_mv", "r_mv", "s_mv")
    return _axis(measured, complexes, values)


def _without_amplitudes(measured: EcgMeasurements, why: Why) -> EcgMeasurements:
    nothing: dict[str, float | None] = dict.fromkeys(LEADS)
    measured = replace(measured, st_j_mv=nothing, st_j60_mv=nothing, r_mv=nothing, s_mv=nothing)
    return with_reason(measured, why, "st_j_mv", "st_j60_mv", "r_mv", "s_mv", "axis_deg")


def _axis(measured: EcgMeasurements, complexes: np.ndarray, values: Values) -> EcgMeasurements:
    """Frontal axis from the areas of QRS in I and aVF (aVF scaled for its weaker lead)."""
    i, avf = LEADS.index("I"), LEADS.index("aVF")
    if not values.prepared.is_usable[[i, avf]].all():
        return with_reason(measured, Why.LEADS_MISSING, "axis_deg")
    x, y = float(complexes[i].sum()), float(complexes[avf].sum()) * 2.0 / math.sqrt(3.0)
    return replace(measured, axis_deg=round(math.degrees(math.atan2(y, x)), 0))
