"""Hand-made features of an ECG as the network receives it: measured values, leads, median beat."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds
from qiangji_inference.ecg_measure import EcgMeasurements, measure

Floats = NDArray[np.float64]

#: A z-scored lead times this looks like millivolts to the detector; measured amplitudes mean
#: nothing then and are left out.
_MV_A_UNIT: Final = 0.2
_VALUES: Final = (
    "ventricular_bpm",
    "atrial_bpm",
    "rr_longest_ms",
    "rr_shortest_ms",
    "rr_variation",
    "p_ms",
    "pr_ms",
    "qrs_ms",
    "qt_ms",
    "qtc_ms",
)
_FACTS: Final = ("has_p", "is_irregularly_irregular", "is_flutter", "is_av_dissociated")
#: Frequency bands in Hz whose share of a lead's power is a feature.
_BANDS: Final = ((0.5, 3.0), (3.0, 8.0), (8.0, 15.0), (15.0, 25.0), (25.0, 40.0))
#: Median beat from 300 ms before to 500 ms after the R peak, every 20 ms.
_BEAT_S: Final = np.arange(-0.30, 0.501, 0.02)


def ecg_features(prepared: NDArray[np.float32], rate_hz: float) -> Floats:
    """Features of scaled recordings.

    Parameters
    ----------
    prepared
        (n, 12, samples), z-score per lead, as the network takes them.
    rate_hz
        Samples per second.

    Returns
    -------
        (n, features); NaN where a value could not be measured.
    """
    return np.stack([_of(signal, rate_hz) for signal in prepared])


def _of(scaled: NDArray[np.float32], rate_hz: float) -> Floats:
    record = EcgRecord(scaled * np.float32(_MV_A_UNIT), rate_hz, PersonIdentity(), StudyIds())
    measured = measure(record)
    signal = scaled.astype(np.float64)
    return np.concatenate(
        [_values(measured), _leads(signal, rate_hz), _median_beat(signal, rate_hz, measured)]
    )


def _values(measured: EcgMeasurements) -> Floats:
    found = [getattr(measured, name) for name in (*_VALUES, *_FACTS)]
    beats = max(len(measured.r_peaks_s), 1)
    unusual = len(measured.unusual_beats_s) / beats
    return np.array([*(np.nan if item is None else float(item) for item in found), unusual])


def _leads(signal: Floats, rate_hz: float) -> Floats:
    """Shape of the distribution and share of power in bands, lead by lead."""
    third = (signal**3).mean(axis=1)
    fourth = (signal**4).mean(axis=1)
    ends = np.percentile(signal, [1, 10, 90, 99], axis=1).ravel()
    steep = np.abs(np.diff(signal, axis=1)).mean(axis=1)
    power = np.abs(np.fft.rfft(signal, axis=1)) ** 2
    hertz = np.fft.rfftfreq(signal.shape[1], 1 / rate_hz)
    whole = np.maximum(power.sum(axis=1), 1e-9)
    shares = [power[:, (hertz >= low) & (hertz < high)].sum(axis=1) / whole for low, high in _BANDS]
    return np.concatenate([third, np.log1p(fourth), ends, steep, *shares])


def _median_beat(signal: Floats, rate_hz: float, measured: EcgMeasurements) -> Floats:
    """Median over beats at every offset and lead; NaN without a complete beat."""
    at = np.array(measured.r_peaks_s, np.float64)[:, None] + _BEAT_S  # (beat, offset)
    index = np.rint(at * rate_hz).astype(np.intp)
    is_whole = (index.min(axis=1, initial=0) >= 0) & (index.max(axis=1, initial=0) < len(signal[0]))
    if not is_whole.any():
        return np.full(len(signal) * len(_BEAT_S), np.nan)
    return np.asarray(np.median(signal[:, index[is_whole]], axis=1).ravel())
