"""May the AI read this ECG at all, and which of its calls would be invalid.

A refusal never stops the clinic: the recording can still be submitted and read by a person.
Limits of noise, hum and wander lie above what the odd records of LUDB show. Of the recordings they
were not set on, the even ones and 48 of PTB-XL in mV, none is refused for them;
``tests/conformance/test_ludb_gate.py`` holds all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import LEADS, EcgRecord, Notice, Severity
from qiangji_inference.ecg_beats import sort_beats
from qiangji_inference.ecg_detect import detect_qrs
from qiangji_inference.ecg_quality import LeadQuality, lead_quality
from qiangji_inference.ecg_signal import Signal, prepare
from qiangji_inference.ecg_types import (
    HIGHEST_PLAUSIBLE_MV,
    LOW_CHEST_MV,
    LOW_LIMB_MV,
    EcgMeasurements,
    Why,
)
from qiangji_inference.ecg_wiring import CHEST_WIRINGS
from qiangji_inference.results import GateResult


class EcgCode(StrEnum):
    """Message keys of the gate, each with advice for the desk."""

    TOO_SHORT = "ecg.gate.too_short"
    LEAD_MISSING = "ecg.gate.lead_missing"
    LEAD_FLAT = "ecg.gate.lead_flat"
    SCALE_LARGE = "ecg.gate.scale_large"
    SCALE_SMALL = "ecg.gate.scale_small"
    NO_QRS = "ecg.gate.no_qrs"
    CHAOTIC = "ecg.gate.chaotic"
    CLIPPED = "ecg.gate.clipped"
    CLIPPED_SOME = "ecg.gate.clipped_some"
    NOISE = "ecg.gate.noise"
    NOISE_SOME = "ecg.gate.noise_some"
    MAINS = "ecg.gate.mains"
    MAINS_SOME = "ecg.gate.mains_some"
    WANDER = "ecg.gate.wander"
    WANDER_SOME = "ecg.gate.wander_some"
    REVERSAL_RA_LA = "ecg.gate.reversal_ra_la"
    REVERSAL_RA_LL = "ecg.gate.reversal_ra_ll"
    REVERSAL_LA_LL = "ecg.gate.reversal_la_ll"
    REVERSAL_V1_V2 = "ecg.gate.reversal_v1_v2"
    REVERSAL_V2_V3 = "ecg.gate.reversal_v2_v3"
    REVERSAL_V3_V4 = "ecg.gate.reversal_v3_v4"
    REVERSAL_V4_V5 = "ecg.gate.reversal_v4_v5"
    REVERSAL_V5_V6 = "ecg.gate.reversal_v5_v6"
    PACING = "ecg.gate.pacing"
    LOW_AMPLITUDE = "ecg.gate.low_amplitude"
    SPIKES_UNSEEN = "ecg.gate.spikes_unseen"


#: A lead may be off or unmoving for less than this part of the recording.
_GONE_SHARE: Final = 0.25
#: Runs at a lead's extreme value from which it counts as clipped (LUDB: 4 at most).
_CLIPPED_RUNS: Final = 5
#: (some leads: warn at this value, most leads: refuse at this value), in mV.
#: Highest third-largest lead, odd LUDB / even LUDB / PTB-XL: noise 0.025 / 0.036 / 0.019,
#: hum 0.003 / 0.005 / 0.009, wander 2.3 / 1.4 / 1.6. Laid on 50 held-out records, white noise of
#: 0.15, muscle noise of 0.1, hum of 0.3 and wander of 2 mV all separate with an AUC above 0.999.
_NOISE_MV: Final = (0.060, 0.100)
_MAINS_MV: Final = (0.030, 0.150)
_WANDER_MV: Final = (2.0, 2.5)
_LEADS_FOR_REFUSAL: Final = 3

#: Calls that a condition makes invalid; rates and rhythm stay.
_NOT_IF_REVERSED: Final = ("norm", "mi", "sttc", "cd", "hyp")
_NOT_IF_CHEST_REVERSED: Final = ("norm", "mi", "sttc", "hyp")
_NOT_IF_PACED: Final = ("norm", "mi", "sttc", "cd", "hyp", "cbbb")
_NOT_IF_LOW: Final = ("norm", "sttc", "hyp")
_SUPPRESSED: Final[dict[str, tuple[str, ...]]] = {
    EcgCode.REVERSAL_RA_LA: _NOT_IF_REVERSED,
    EcgCode.REVERSAL_RA_LL: _NOT_IF_REVERSED,
    EcgCode.REVERSAL_LA_LL: _NOT_IF_REVERSED,
    **{EcgCode(f"ecg.gate.reversal_{wiring}"): _NOT_IF_CHEST_REVERSED for wiring in CHEST_WIRINGS},
    EcgCode.PACING: _NOT_IF_PACED,
    EcgCode.LOW_AMPLITUDE: _NOT_IF_LOW,
}


@dataclass(frozen=True)
class _Graded:
    """One disturbance: its figures per lead, limits, and the codes for some and for most leads."""

    values: Signal
    limits: tuple[float, float]
    some: EcgCode
    most: EcgCode


def check_ecg(
    ecg: EcgRecord, measurements: EcgMeasurements, *, min_seconds: float = 9.5
) -> GateResult:
    """Check one recording.

    Parameters
    ----------
    measurements
        Of the same recording, from ``ecg_measure.measure``.
    min_seconds
        Shortest length that may be read; each bundle states its own on top.

    Returns
    -------
        Notices, refusals first, and the labels whose calls are withheld with their reason.
    """
    notices = [notice for notice in ecg.notices if notice.severity is Severity.REFUSE]
    notices += _length(ecg, min_seconds)
    scale = _scale(ecg, measurements)
    if scale is not None:
        return _result([*notices, scale])
    quality = lead_quality(ecg, measurements.r_peaks_s)
    notices += [*_leads(quality), *_rhythm(measurements), *_disturbances(quality)]
    if all(notice.severity is not Severity.REFUSE for notice in notices):
        notices += _limits(ecg, measurements)
    return _result(notices)


def _result(notices: list[Notice]) -> GateResult:
    order = {Severity.REFUSE: 0, Severity.WARN: 1, Severity.INFO: 2}
    notices = sorted(notices, key=lambda notice: order[notice.severity])
    suppresses: dict[str, str] = {}
    for notice in notices:
        for label in _SUPPRESSED.get(notice.code, ()):
            suppresses.setdefault(label, str(notice.code))
    return GateResult(tuple(notices), suppresses)


def _length(ecg: EcgRecord, min_seconds: float) -> Iterator[Notice]:
    if ecg.duration_s < min_seconds:
        yield _refuse(
            EcgCode.TOO_SHORT, seconds=round(ecg.duration_s, 1), least=round(min_seconds, 1)
        )


def _scale(ecg: EcgRecord, measurements: EcgMeasurements) -> Notice | None:
    if measurements.reasons.get("r_mv") is Why.SCALE or _tallest_mv(ecg) > 5 * HIGHEST_PLAUSIBLE_MV:
        return _refuse(EcgCode.SCALE_LARGE, mv=round(_tallest_mv(ecg)))
    if measurements.is_flat and _has_qrs_when_enlarged(ecg):
        return _refuse(EcgCode.SCALE_SMALL, mv=round(_tallest_mv(ecg), 4))
    return None


def _tallest_mv(ecg: EcgRecord) -> float:
    known = np.nan_to_num(ecg.signal_mv)
    spread = np.percentile(known, 99.5, axis=1) - np.percentile(known, 0.5, axis=1)
    return float(np.median(spread))


def _has_qrs_when_enlarged(ecg: EcgRecord) -> bool:
    """True when a thousandfold signal shows complexes that look alike: the unit is wrong."""
    enlarged = prepare(ecg, np.asarray(ecg.signal_mv, dtype=np.float64) * 1000.0)
    beats = sort_beats(enlarged, detect_qrs(enlarged).peaks)
    return beats.fiducials.size >= 4 and beats.usual.size >= 0.7 * beats.fiducials.size


def _leads(quality: LeadQuality) -> Iterator[Notice]:
    missing = _names(quality.missing_share >= _GONE_SHARE)
    if missing:
        yield _refuse(EcgCode.LEAD_MISSING, leads=missing)
    flat = quality.flat_share >= _GONE_SHARE
    if flat.any() and not flat.all():
        yield _refuse(EcgCode.LEAD_FLAT, leads=_names(flat))


def _rhythm(measurements: EcgMeasurements) -> Iterator[Notice]:
    if measurements.is_flat or measurements.is_without_qrs:
        yield _refuse(EcgCode.NO_QRS)
    elif measurements.is_chaotic:
        yield _refuse(EcgCode.CHAOTIC)


def _disturbances(quality: LeadQuality) -> Iterator[Notice]:
    runs = quality.clipped_runs.astype(np.float64)
    few = float(_CLIPPED_RUNS)
    graded = (
        _Graded(runs, (few, few), EcgCode.CLIPPED_SOME, EcgCode.CLIPPED),
        _Graded(quality.noise_mv, _NOISE_MV, EcgCode.NOISE_SOME, EcgCode.NOISE),
        _Graded(quality.mains_mv, _MAINS_MV, EcgCode.MAINS_SOME, EcgCode.MAINS),
        _Graded(quality.wander_mv, _WANDER_MV, EcgCode.WANDER_SOME, EcgCode.WANDER),
    )
    for row in graded:
        some_mv, most_mv = row.limits
        if int((row.values >= most_mv).sum()) >= _LEADS_FOR_REFUSAL:
            yield _refuse(row.most, leads=_names(row.values >= most_mv))
        elif (row.values >= some_mv).any():
            yield Notice(row.some, Severity.WARN, {"leads": _names(row.values >= some_mv)})


def _limits(ecg: EcgRecord, measurements: EcgMeasurements) -> Iterator[Notice]:
    """What may be read, but not for everything."""
    reversal = measurements.limb_reversal or measurements.chest_reversal
    if reversal is not None:
        yield Notice(EcgCode(f"ecg.gate.reversal_{reversal}"), Severity.WARN)
    if measurements.is_paced:
        yield Notice(EcgCode.PACING, Severity.WARN, {"spikes": len(measurements.spikes_s)})
    if measurements.is_paced is None:
        yield Notice(EcgCode.SPIKES_UNSEEN, Severity.INFO, {"rate_hz": round(ecg.rate_hz)})
    if _is_low(measurements):
        yield Notice(EcgCode.LOW_AMPLITUDE, Severity.WARN)


def _is_low(measurements: EcgMeasurements) -> bool:
    """Low voltage in limb and chest leads together; of any age, as it is the signal that counts."""
    heights = [
        (measurements.r_mv.get(lead) or 0.0) + (measurements.s_mv.get(lead) or 0.0)
        for lead in LEADS
        if measurements.r_mv.get(lead) is not None
    ]
    if len(heights) < len(LEADS):
        return False
    return max(heights[:6]) < LOW_LIMB_MV and max(heights[6:]) < LOW_CHEST_MV


def _names(chosen: NDArray[np.bool_]) -> str:
    return " ".join(lead for lead, holds in zip(LEADS, chosen, strict=True) if holds)


def _refuse(code: EcgCode, **params: str | int | float) -> Notice:
    return Notice(code, Severity.REFUSE, params)
