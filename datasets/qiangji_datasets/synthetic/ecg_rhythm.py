"""When atria and ventricles act in a synthetic ECG: schedules of P waves, beats and spikes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from qiangji_datasets.synthetic.ecg_waves import Conduction


class Rhythm(StrEnum):
    """Rhythms that the generator can make."""

    SINUS = "sinus"
    BRADYCARDIA = "bradycardia"
    TACHYCARDIA = "tachycardia"
    ATRIAL_FIBRILLATION = "atrial_fibrillation"
    ATRIAL_FLUTTER = "atrial_flutter"
    VENTRICULAR_TACHYCARDIA = "ventricular_tachycardia"
    VENTRICULAR_FIBRILLATION = "ventricular_fibrillation"
    ASYSTOLE = "asystole"
    PACED = "paced"
    COMPLETE_AV_BLOCK = "complete_av_block"


#: Ventricular rate where the recipe names none, beats per minute.
DEFAULT_BPM: Final[dict[Rhythm, float]] = {
    Rhythm.SINUS: 72.0,
    Rhythm.BRADYCARDIA: 46.0,
    Rhythm.TACHYCARDIA: 122.0,
    Rhythm.ATRIAL_FIBRILLATION: 92.0,
    Rhythm.ATRIAL_FLUTTER: 75.0,
    Rhythm.VENTRICULAR_TACHYCARDIA: 178.0,
    Rhythm.VENTRICULAR_FIBRILLATION: 0.0,
    Rhythm.ASYSTOLE: 0.0,
    Rhythm.PACED: 70.0,
    Rhythm.COMPLETE_AV_BLOCK: 34.0,
}
#: Relative standard deviation of RR.
_RR_SPREAD: Final[dict[Rhythm, float]] = {
    Rhythm.SINUS: 0.025,
    Rhythm.BRADYCARDIA: 0.025,
    Rhythm.TACHYCARDIA: 0.010,
    Rhythm.ATRIAL_FIBRILLATION: 0.20,
    Rhythm.ATRIAL_FLUTTER: 0.002,
    Rhythm.VENTRICULAR_TACHYCARDIA: 0.006,
    Rhythm.PACED: 0.0,
    Rhythm.COMPLETE_AV_BLOCK: 0.008,
}
_WITH_P: Final = frozenset({Rhythm.SINUS, Rhythm.BRADYCARDIA, Rhythm.TACHYCARDIA})
_NO_BEATS: Final = frozenset({Rhythm.VENTRICULAR_FIBRILLATION, Rhythm.ASYSTOLE})
_SHORTEST_RR_S: Final = 0.30
_AV_BLOCK_ATRIAL_BPM: Final = 82.0
_PVC_COUPLING: Final = 0.58  # of the RR interval before
_SPIKE_LEAD_S: Final = 0.012  # from the pacing spike to the onset of QRS


@dataclass(frozen=True)
class VentricularBeat:
    """One QRS: onset, the interval before it, and how it spreads."""

    onset_s: float
    rr_s: float
    kind: Conduction


@dataclass(frozen=True)
class Schedule:
    """All events of one recording, seconds from its start; some lie just outside of it."""

    beats: tuple[VentricularBeat, ...]
    p_onsets_s: tuple[float, ...]
    spikes_s: tuple[float, ...]


def make_schedule(
    rng: np.random.Generator,
    rhythm: Rhythm,
    *,
    bpm: float,
    conduction: Conduction,
    duration_s: float,
    pr_s: float,
    pvc_count: int,
) -> Schedule:
    """Draw the events of one recording."""
    if rhythm in _NO_BEATS:
        return Schedule((), (), ())
    onsets = _onsets(rng, rhythm, 60.0 / bpm, duration_s)
    kind = _kind_of(rhythm, conduction)
    beats = tuple(
        VentricularBeat(onset, _before(onsets, index), kind) for index, onset in enumerate(onsets)
    )
    p_onsets = tuple(onset - pr_s for onset in onsets) if rhythm in _WITH_P else ()
    if rhythm is Rhythm.COMPLETE_AV_BLOCK:
        p_onsets = _independent_p(rng, duration_s)
    if pvc_count:
        beats, p_onsets = _with_pvcs(rng, beats, p_onsets, pvc_count, duration_s)
    spikes = tuple(b.onset_s - _SPIKE_LEAD_S for b in beats) if rhythm is Rhythm.PACED else ()
    return Schedule(beats, p_onsets, spikes)


def _kind_of(rhythm: Rhythm, conduction: Conduction) -> Conduction:
    return {
        Rhythm.VENTRICULAR_TACHYCARDIA: Conduction.PVC,
        Rhythm.PACED: Conduction.PACED,
        Rhythm.COMPLETE_AV_BLOCK: Conduction.ESCAPE,
    }.get(rhythm, conduction)


def _onsets(
    rng: np.random.Generator, rhythm: Rhythm, mean_rr_s: float, duration_s: float
) -> list[float]:
    spread = _RR_SPREAD[rhythm]
    breath_hz, phase = rng.uniform(0.2, 0.3), rng.uniform(0, 2 * np.pi)
    onset = -mean_rr_s * float(rng.uniform(0.2, 1.0))
    onsets = []
    while onset < duration_s + mean_rr_s:
        onsets.append(onset)
        if rhythm is Rhythm.ATRIAL_FIBRILLATION:
            factor = float(rng.lognormal(-0.5 * spread**2, spread))
        else:
            breathing = np.sin(2 * np.pi * breath_hz * onset + phase)
            factor = float(1.0 + spread * breathing + 0.4 * spread * rng.standard_normal())
        onset += max(mean_rr_s * factor, _SHORTEST_RR_S)
    return onsets


def _before(onsets: list[float], index: int) -> float:
    if len(onsets) < 2:
        return 1.0
    return onsets[index] - onsets[index - 1] if index else onsets[1] - onsets[0]


def _independent_p(rng: np.random.Generator, duration_s: float) -> tuple[float, ...]:
    step = 60.0 / _AV_BLOCK_ATRIAL_BPM
    start = -step * float(rng.uniform(0.0, 1.0))
    count = int((duration_s - start) / step) + 2
    return tuple(start + step * i + 0.006 * float(rng.standard_normal()) for i in range(count))


def _with_pvcs(
    rng: np.random.Generator,
    beats: tuple[VentricularBeat, ...],
    p_onsets: tuple[float, ...],
    count: int,
    duration_s: float,
) -> tuple[tuple[VentricularBeat, ...], tuple[float, ...]]:
    """Replace beats by early wide ones; the sinus P before each is lost in the beat."""
    inside = [i for i, b in enumerate(beats) if 1.0 < b.onset_s < duration_s - 1.0][::2]
    if not inside:
        return beats, p_onsets
    chosen = set(rng.choice(inside, size=min(count, len(inside)), replace=False).tolist())
    changed = tuple(_early(beat) if i in chosen else beat for i, beat in enumerate(beats))
    kept = tuple(p for i, p in enumerate(p_onsets) if i not in chosen)
    return changed, kept


def _early(beat: VentricularBeat) -> VentricularBeat:
    onset = beat.onset_s - (1.0 - _PVC_COUPLING) * beat.rr_s
    return VentricularBeat(onset, _PVC_COUPLING * beat.rr_s, Conduction.PVC)
