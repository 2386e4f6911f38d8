"""12-lead ECGs: from millivolts to a network's input.

Stages: zero-phase band-pass → resample → z-score per lead → crop or pad. Recordings in mV
pushed through this chain agree with PTB-XL's published reduced set (correlation > 0.9999 in
every lead). A set published already filtered and scaled enters as ``ScaledEcg`` at the last
stage. Amplitude is lost on purpose: the training set has none, and voltage criteria are
measured from the mV signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import LEADS, EcgRecord
from qiangji_models.preprocess.specs import EcgSpec

#: Below this spread in mV after filtering a lead is flat; it is not blown up to unit variance.
_FLAT_MV: Final = 0.002
#: Missing samples of a lead that are bridged by a straight line; more refuses the recording.
_MAX_GAP_FRACTION: Final = 0.02
#: Extra signal kept behind the window so that the filter does not see an edge there.
_MARGIN_S: Final = 2.0
_MAX_DENOMINATOR: Final = 500
#: The filter's extension at both ends. PTB-XL's reduced set was filtered at 500 Hz with scipy's
#: default of 27 samples; the same time at any rate gives the same edges.
_EDGE_S: Final = 27 / 500


@dataclass(frozen=True, eq=False)
class ScaledEcg:
    """A recording published already filtered and z-scored per lead.

    Parameters
    ----------
    scaled
        (12, n) float32, no unit, rows in the order of ``LEADS``.
    rate_hz
        Samples per second.
    """

    scaled: NDArray[np.float32]
    rate_hz: float

    def __post_init__(self) -> None:
        if self.scaled.ndim != 2 or self.scaled.shape[0] != len(LEADS):
            raise InputRejected("ecg.shape", shape=str(self.scaled.shape))


def to_model_input(ecg: EcgRecord | ScaledEcg, spec: EcgSpec) -> NDArray[np.float32]:
    """Resample, filter and scale a recording as the network was trained on.

    Parameters
    ----------
    ecg
        Signal (12, n) in mV at ``ecg.rate_hz``, NaN where a lead was off; or one already scaled.
    spec
        Preprocessing of one bundle.

    Returns
    -------
        (1, 12, spec.samples) without unit, zero-padded at the end; the first
        ``spec.samples / spec.rate_hz`` seconds of the recording.

    Raises
    ------
    InputRejected
        Fewer than ``spec.min_seconds`` recorded, a lead is off, or an already scaled recording
        has another rate.
    """
    if isinstance(ecg, ScaledEcg):
        if ecg.rate_hz != spec.rate_hz:
            raise InputRejected("ecg.scaled_rate", rate_hz=ecg.rate_hz, expected=spec.rate_hz)
        return crop_or_pad(ecg.scaled, spec)[None]
    if ecg.duration_s < spec.min_seconds:
        raise InputRejected(
            "ecg.too_short", seconds=round(ecg.duration_s, 2), needed=spec.min_seconds
        )
    kept = int(np.ceil((spec.samples / spec.rate_hz + _MARGIN_S) * ecg.rate_hz))
    whole = bridge_gaps(ecg.signal_mv[:, :kept])
    reduced = resample(bandpass(whole, ecg.rate_hz, spec), ecg.rate_hz, spec.rate_hz)
    return crop_or_pad(zscore(reduced[:, : spec.samples]), spec)[None]


def bridge_gaps(signal_mv: NDArray[np.float32]) -> NDArray[np.float64]:
    """Replace short runs of missing samples by straight lines.

    Raises
    ------
    InputRejected
        More than 2 % of a lead is missing.
    """
    whole = signal_mv.astype(np.float64)
    missing = ~np.isfinite(whole)
    for row in np.flatnonzero(missing.any(axis=1)):
        gap = missing[row]
        if gap.mean() > _MAX_GAP_FRACTION:
            raise InputRejected("ecg.lead_off", lead=LEADS[row])
        whole[row, gap] = np.interp(np.flatnonzero(gap), np.flatnonzero(~gap), whole[row, ~gap])
    return whole


def resample(signal: NDArray[np.float64], rate_hz: float, target_hz: float) -> NDArray[np.float64]:
    """Polyphase resampling with its own anti-alias filter (Kaiser window, zero phase).

    Expects a signal without offset: edges are extended by zeros, as in the published set. Rates
    are matched to a fraction with denominator up to 500: below 0.001 % off for devices' rates.
    """
    from scipy.signal import resample_poly

    ratio = Fraction(target_hz / rate_hz).limit_denominator(_MAX_DENOMINATOR)
    if ratio == 1:
        return signal
    result: NDArray[np.float64] = resample_poly(signal, ratio.numerator, ratio.denominator, axis=1)
    return result


def bandpass(signal: NDArray[np.float64], rate_hz: float, spec: EcgSpec) -> NDArray[np.float64]:
    """Zero-phase Butterworth band-pass (forward and backward) at the recording's own rate.

    Second-order sections: the plain polynomial form is unstable at 1000 Hz and above.

    Raises
    ------
    InputRejected
        The recording's rate cannot carry the band.
    """
    from scipy.signal import butter, sosfiltfilt

    if rate_hz <= 2 * spec.high_hz:
        raise InputRejected("ecg.rate_low", rate_hz=rate_hz, needed=2 * spec.high_hz)
    band = (spec.low_hz, spec.high_hz)
    sections = butter(spec.order, band, btype="bandpass", fs=rate_hz, output="sos")
    edge = round(_EDGE_S * rate_hz)
    return np.asarray(sosfiltfilt(sections, signal, axis=1, padlen=edge), np.float64)


def zscore(filtered: NDArray[np.float64]) -> NDArray[np.float32]:
    """Zero mean and unit variance per lead; a flat lead stays flat."""
    centred = filtered - filtered.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(spread, _FLAT_MV), np.float32)


def crop_or_pad(scaled: NDArray[np.float32], spec: EcgSpec) -> NDArray[np.float32]:
    """The first ``spec.samples`` samples; zeros follow where there are fewer."""
    result = np.zeros((len(LEADS), spec.samples), np.float32)
    kept = min(scaled.shape[1], spec.samples)
    result[:, :kept] = scaled[:, :kept]
    return result


def map_extent(spec: EcgSpec) -> tuple[float, float]:
    """Seconds of the recording that the network's input, and so its map, covers."""
    return 0.0, spec.samples / spec.rate_hz
