"""Another heart rate for a training ECG, and what then is true about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds
from qiangji_inference.ecg_detect import detect_qrs
from qiangji_inference.ecg_signal import RATE_HZ, prepare

#: Adult sinus tachycardia is over 100, bradycardia under 60 a minute (AHA/ACCF/HRS 2009).
_FAST_BPM, _SLOW_BPM = 100.0, 60.0
#: So near to a limit a reader might say either.
_DOUBT_BPM: Final = 3.0
_TARGET_BPM = (40.0, 150.0)
_FACTOR = (0.55, 1.9)
#: A faster strip also narrows QRS and ST: beyond this change other labels are not known any more.
_SHAPE_KEPT: Final = 0.1
_RATE_LABELS: Final = ("sbrad", "stach")
#: Of these the strip stays true at any rate.
_RHYTHM_LABELS: Final = ("af_flutter", *_RATE_LABELS)


@dataclass(frozen=True, eq=False)
class Rates:
    """Heart rate of every row in beats a minute; NaN where it must not be changed."""

    bpm: NDArray[np.float64]
    labels: tuple[str, ...]

    def drawn(self, row: int, rng: np.random.Generator) -> float:
        """How much faster this row shall run; 1 where its rate is not known."""
        target = np.exp(rng.uniform(*np.log(_TARGET_BPM)))
        if np.isnan(self.bpm[row]):
            return 1.0
        return float(np.clip(target / self.bpm[row], *_FACTOR))

    def targets(
        self, row: int, recorded: NDArray[np.float32], factor: float
    ) -> NDArray[np.float32]:
        """What is true of a row that runs ``factor`` times faster; NaN where nobody knows."""
        if factor == 1.0:
            return recorded
        bpm = self.bpm[row] * factor
        changed = recorded.copy()
        for column, name in enumerate(self.labels):
            if name in _RATE_LABELS:
                changed[column] = _truth(name, bpm)
            elif name not in _RHYTHM_LABELS and abs(np.log(factor)) > _SHAPE_KEPT:
                changed[column] = np.nan
        return changed


def sinus_rates(
    signals: NDArray[np.float32],
    rate_hz: int,
    targets: NDArray[np.float32],
    labels: tuple[str, ...],
    is_sinus: NDArray[np.bool_],
) -> Rates:
    """Measure the rate of sinus rhythms.

    Parameters
    ----------
    signals
        (n, 12, samples), z-scores per lead.
    rate_hz
        Samples per second.
    targets
        (n, labels); a row whose measured rate contradicts its own label is left alone.
    is_sinus
        (n,) True where the rhythm is known to be sinus.
    """
    bpm = np.array([_measured(row, rate_hz) for row in signals])
    bpm[~is_sinus] = np.nan
    for column, name in enumerate(labels):
        if name in _RATE_LABELS:
            expected = np.array([_truth(name, rate) for rate in bpm])
            bpm[(targets[:, column] != expected) & ~np.isnan(expected)] = np.nan
    return Rates(bpm, labels)


def _measured(scaled: NDArray[np.float32], rate_hz: int) -> float:
    record = EcgRecord(
        signal_mv=scaled,
        rate_hz=float(rate_hz),
        person=PersonIdentity(),
        ids=StudyIds(),
        source_kind="reduced",
    )
    peaks = detect_qrs(prepare(record)).peaks
    if len(peaks) < 4:
        return float("nan")
    return float(60 * RATE_HZ / np.median(np.diff(peaks)))


def _truth(name: str, bpm: float) -> float:
    limit = _FAST_BPM if name == "stach" else _SLOW_BPM
    if np.isnan(bpm) or abs(bpm - limit) < _DOUBT_BPM:
        return float("nan")
    return float(bpm > limit if name == "stach" else bpm < limit)
