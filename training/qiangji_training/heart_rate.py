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
#: Readers draw the limit of tachycardia at 90 or at 100 a minute; on that of bradycardia they
#: agree. The chance that one calls a rate fast follows a logistic curve of this width.
_READER_BPM: Final = 7.0
#: So near to a limit a recorded label says nothing against a measured rate.
_DOUBT_BPM: Final = 3.0
_TARGET_BPM = (40.0, 150.0)
_FACTOR = (0.55, 1.9)
#: A faster strip also shortens PR and ST: beyond this change other labels are not known any more.
_SHAPE_KEPT: Final = 0.1
_RATE_LABELS: Final = ("sbrad", "stach")
#: These stay known at any rate: QRS width and rhythm are kept.
_RHYTHM_LABELS: Final = ("af_flutter", "cbbb", *_RATE_LABELS)
#: Half of a QRS, kept as it is: a faster heart does not conduct faster through the ventricles.
_QRS_S: Final = 0.06
#: Part of an RR interval that belongs to the beat before it.
_AFTER: Final = 0.62
_FEWEST_BEATS: Final = 4


@dataclass(frozen=True, eq=False)
class Rates:
    """Heart rate of every row in beats a minute; NaN where it must not be changed.

    ``peaks`` are the R peaks of every row in samples at ``rate_hz``.
    """

    bpm: NDArray[np.float64]
    labels: tuple[str, ...]
    peaks: tuple[NDArray[np.float64], ...]
    rate_hz: int

    def drawn(self, row: int, rng: np.random.Generator) -> float:
        """How much faster this row shall run; 1 where its rate is not known."""
        target = np.exp(rng.uniform(*np.log(_TARGET_BPM)))
        if np.isnan(self.bpm[row]):
            return 1.0
        return float(np.clip(target / self.bpm[row], *_FACTOR))

    def positions(
        self, row: int, factor: float, samples: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Where to read each sample of a strip that runs ``factor`` times faster.

        QRS complexes keep their width, what lies between them is compressed or drawn out. Beats
        follow each other in their order, from a drawn one on, and begin again after the last.
        """
        peaks, half = self.peaks[row], _QRS_S * self.rate_hz
        beat = int(rng.integers(1, len(peaks) - 1))
        pieces: list[NDArray[np.float64]] = []
        length = 0
        while length < 2 * samples:
            before = (1 - _AFTER) * (peaks[beat] - peaks[beat - 1])
            after = _AFTER * (peaks[beat + 1] - peaks[beat])
            left, right = max(before / factor, half), max(after / factor, half)
            out = np.arange(-left, right)
            read = np.interp(out, (-left, -half, half, right), (-before, -half, half, after))
            pieces.append(peaks[beat] + read)
            length += len(out)
            beat = beat + 1 if beat + 2 < len(peaks) else 1
        start = int(rng.integers(0, samples))
        return np.concatenate(pieces)[start : start + samples]

    def targets(
        self, row: int, recorded: NDArray[np.float32], factor: float
    ) -> NDArray[np.float32]:
        """What is true of a row that runs ``factor`` times faster; NaN where nobody knows.

        Tachycardia of a row whose rate is known is a chance, not yes or no. ``recorded`` may hold
        auxiliary statements behind the labels; of another rate they say nothing.
        """
        bpm = self.bpm[row] * factor
        if np.isnan(bpm):
            return recorded
        changed = recorded.copy()
        if factor != 1.0:
            changed[len(self.labels) :] = np.nan
        for column, name in enumerate(self.labels):
            if name == "stach":
                changed[column] = _chance_of_fast(bpm)
            elif name in _RATE_LABELS:
                changed[column] = recorded[column] if factor == 1.0 else _truth(name, bpm)
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
    peaks = tuple(_peaks(row, rate_hz) for row in signals)
    bpm = np.array([_bpm(found, rate_hz) for found in peaks])
    bpm[~is_sinus] = np.nan
    for column, name in enumerate(labels):
        if name in _RATE_LABELS:
            expected = np.array([_truth(name, rate) for rate in bpm])
            bpm[(targets[:, column] != expected) & ~np.isnan(expected)] = np.nan
    return Rates(bpm, labels, peaks, rate_hz)


def _peaks(scaled: NDArray[np.float32], rate_hz: int) -> NDArray[np.float64]:
    record = EcgRecord(
        signal_mv=scaled,
        rate_hz=float(rate_hz),
        person=PersonIdentity(),
        ids=StudyIds(),
        source_kind="reduced",
    )
    return np.asarray(detect_qrs(prepare(record)).peaks * (rate_hz / RATE_HZ), np.float64)


def _bpm(peaks: NDArray[np.float64], rate_hz: int) -> float:
    if len(peaks) < _FEWEST_BEATS:
        return float("nan")
    return float(60 * rate_hz / np.median(np.diff(peaks)))


def _truth(name: str, bpm: float) -> float:
    limit = _FAST_BPM if name == "stach" else _SLOW_BPM
    if np.isnan(bpm) or abs(bpm - limit) < _DOUBT_BPM:
        return float("nan")
    return float(bpm > limit if name == "stach" else bpm < limit)


def _chance_of_fast(bpm: float) -> float:
    """How likely a reader calls this rate fast."""
    return float(1 / (1 + np.exp((_FAST_BPM - bpm) / _READER_BPM)))
