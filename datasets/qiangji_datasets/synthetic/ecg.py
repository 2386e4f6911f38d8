"""Synthetic 12-lead ECGs of chosen rhythm, conduction, ST segment and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds
from qiangji_datasets.synthetic.ecg_faults import (
    QUIET,
    EcgFaults,
    Reversal,
    apply_to_leads,
    electrodes_of,
    leads_of,
    noise_mv,
    reverse,
)
from qiangji_datasets.synthetic.ecg_rhythm import DEFAULT_BPM, Rhythm, Schedule, make_schedule
from qiangji_datasets.synthetic.ecg_waves import (
    DOWER,
    P_WAVES,
    Conduction,
    StTerritory,
    Wave,
    make_beat,
    st_leads_mv,
    st_shape,
    wave_shape,
)

__all__ = [
    "Conduction",
    "EcgFaults",
    "EcgRecipe",
    "Reversal",
    "Rhythm",
    "StTerritory",
    "make_ecg",
]

_BEFORE_S, _AFTER_S = 0.05, 0.75  # window of the ventricular waves around the onset of QRS
_SPIKE_MV: Final = (0.9, -1.1, 0.6)  # dipole of a unipolar pacing spike
_SPIKE_S: Final = 0.002
_LVH_GAIN, _LVH_STRAIN, _LOW_VOLTAGE_GAIN = 1.9, 0.75, 0.24


@dataclass(frozen=True)
class EcgRecipe:
    """What a synthetic recording shows.

    Parameters
    ----------
    bpm
        Ventricular rate; None takes the usual one of the rhythm.
    st_mv
        ST elevation in the leads of ``st_territory``; 0 for none.
    pr_s
        PR interval of conducted beats.
    """

    rhythm: Rhythm = Rhythm.SINUS
    bpm: float | None = None
    conduction: Conduction = Conduction.NORMAL
    st_territory: StTerritory = StTerritory.ANTERIOR
    st_mv: float = 0.0
    pr_s: float = 0.16
    pvc_count: int = 0
    is_lvh: bool = False
    is_low_voltage: bool = False
    faults: EcgFaults = field(default_factory=lambda: QUIET)
    rate_hz: float = 500.0
    duration_s: float = 10.0


def make_ecg(
    rng: np.random.Generator,
    recipe: EcgRecipe,
    *,
    person: PersonIdentity | None = None,
    acquired_at: datetime | None = None,
) -> EcgRecord:
    """Make one recording; the same generator state gives the same samples and identifiers.

    Returns
    -------
        Signal in mV, rows in the order of ``LEADS``, marked "synthetic" by its device model.
    """
    n = round(recipe.duration_s * recipe.rate_hz)
    time_s = np.arange(n) / recipe.rate_hz
    schedule = _schedule(rng, recipe)
    dipole = _atria(rng, recipe, schedule, time_s)  # (3, n)
    ventricles, st = _ventricles(rng, recipe, schedule, time_s)
    recorded = _patient_axes(rng) @ (dipole + ventricles)  # (8, n)
    recorded += st_leads_mv(recipe.st_territory, recipe.st_mv)[:, None] * st
    electrodes = electrodes_of(recorded) + noise_mv(rng, recipe.faults, n, recipe.rate_hz)
    leads = apply_to_leads(leads_of(reverse(electrodes, recipe.faults.reversal)), recipe.faults)
    return EcgRecord(
        leads.astype(np.float32),
        recipe.rate_hz,
        person or PersonIdentity(),
        _ids(rng, acquired_at),
        source_kind="synthetic",
    )


def _schedule(rng: np.random.Generator, recipe: EcgRecipe) -> Schedule:
    return make_schedule(
        rng,
        recipe.rhythm,
        bpm=recipe.bpm or DEFAULT_BPM[recipe.rhythm],
        conduction=recipe.conduction,
        duration_s=recipe.duration_s,
        pr_s=recipe.pr_s,
        pvc_count=recipe.pvc_count,
    )


def _patient_axes(rng: np.random.Generator) -> NDArray[np.float64]:
    """Lead vectors (8, 3) of one body: the heart turned a little, leads a little stronger."""
    angle = float(rng.normal(0.0, 0.12))
    turn = np.array(
        [
            [np.cos(angle), -np.sin(angle), 0.0],
            [np.sin(angle), np.cos(angle), 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
    gains = rng.lognormal(0.0, 0.08, size=(len(DOWER), 1)) * rng.lognormal(0.0, 0.08)
    return np.asarray(gains * (DOWER @ turn), dtype=np.float64)


def _ventricles(
    rng: np.random.Generator,
    recipe: EcgRecipe,
    schedule: Schedule,
    time_s: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dipole (3, n) of QRS, T and pacing spikes, and the shape (n,) of the ST segments."""
    dipole, st = np.zeros((3, time_s.size)), np.zeros(time_s.size)
    if recipe.rhythm is Rhythm.VENTRICULAR_FIBRILLATION:
        return _fibrillation(rng, time_s), st
    gain, strain = _amplitude(recipe)
    for event in schedule.beats:
        beat = make_beat(event.kind, event.rr_s, qrs_gain=gain, strain=strain)
        inside = _between(time_s, event.onset_s - _BEFORE_S, event.onset_s + _AFTER_S)
        at = time_s[inside] - event.onset_s
        jitter = float(rng.normal(1.0, 0.025))
        for wave in (*beat.qrs, beat.t):
            _add(dipole[:, inside], wave.scaled(jitter), at)
        st[inside] = np.maximum(st[inside], st_shape(at, beat))
    for spike_s in schedule.spikes_s:
        inside = _between(time_s, spike_s, spike_s + max(_SPIKE_S, 1.0 / recipe.rate_hz))
        dipole[:, inside] += np.asarray(_SPIKE_MV)[:, None]
    return dipole, st


def _amplitude(recipe: EcgRecipe) -> tuple[float, float]:
    """Gain of QRS and T-wave strain."""
    if recipe.is_lvh:
        return _LVH_GAIN, _LVH_STRAIN
    return (_LOW_VOLTAGE_GAIN if recipe.is_low_voltage else 1.0), 0.0


def _atria(
    rng: np.random.Generator,
    recipe: EcgRecipe,
    schedule: Schedule,
    time_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Dipole (3, n) of P, flutter or fibrillation waves."""
    if recipe.rhythm is Rhythm.ATRIAL_FLUTTER:
        return _flutter(rng, time_s, 4.0 * (recipe.bpm or DEFAULT_BPM[recipe.rhythm]) / 60.0)
    if recipe.rhythm is Rhythm.ATRIAL_FIBRILLATION:
        return _f_waves(rng, time_s)
    dipole = np.zeros((3, time_s.size))
    gain = 0.5 if recipe.is_low_voltage else 1.0
    for onset_s in schedule.p_onsets_s:
        inside = _between(time_s, onset_s - 0.05, onset_s + 0.20)
        for wave in P_WAVES:
            _add(dipole[:, inside], wave.scaled(gain), time_s[inside] - onset_s)
    return dipole


def _flutter(
    rng: np.random.Generator, time_s: NDArray[np.float64], hz: float
) -> NDArray[np.float64]:
    """Typical flutter: a saw tooth, negative in the inferior leads, four to a QRS."""
    tooth = sps.sawtooth(2 * np.pi * hz * time_s + rng.uniform(0, 2 * np.pi), width=0.72)
    smooth = tooth + 0.3 * np.sin(2 * np.pi * hz * time_s)
    return np.outer([0.015, -0.13, -0.055], smooth)


def _f_waves(rng: np.random.Generator, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Waves of 5-8 Hz that wander in frequency and size, largest in V1."""
    steps = rng.standard_normal(time_s.size) / np.sqrt(time_s.size)
    hz = rng.uniform(5.2, 7.2) + 1.2 * np.cumsum(steps)
    phase = 2 * np.pi * np.cumsum(hz) * (time_s[1] - time_s[0]) if time_s.size > 1 else time_s
    swell = 1.0 + 0.35 * np.sin(2 * np.pi * rng.uniform(0.3, 0.7) * time_s)
    waves = swell * (np.sin(phase) + 0.25 * np.sin(2 * phase + 1.0))
    return np.outer([0.012, 0.030, -0.055], waves)


def _fibrillation(rng: np.random.Generator, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ventricular fibrillation: three unrelated waves of 3-7 Hz that swell and fade."""
    rate_hz = 1.0 / (time_s[1] - time_s[0])
    sos = sps.butter(2, (3.2, 6.8), "band", fs=rate_hz, output="sos")
    waves = sps.sosfilt(sos, rng.standard_normal((3, time_s.size + round(2 * rate_hz))), axis=1)
    waves = waves[:, -time_s.size :]
    return np.asarray(waves / waves.std() * 0.30, dtype=np.float64)


def _between(time_s: NDArray[np.float64], start_s: float, end_s: float) -> slice:
    first, last = np.searchsorted(time_s, [start_s - 1e-9, end_s - 1e-9])
    return slice(int(first), int(last))


def _add(dipole: NDArray[np.float64], wave: Wave, at_s: NDArray[np.float64]) -> None:
    """Lay one wave on a view of the dipole, in place."""
    dipole += np.outer(wave.vector_mv, wave_shape(at_s, wave))


def _ids(rng: np.random.Generator, acquired_at: datetime | None) -> StudyIds:
    study, series, instance = (_uid(rng) for _ in range(3))
    return StudyIds(
        study_uid=study,
        series_uid=series,
        instance_uid=instance,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.9.1.1",  # 12-lead ECG Waveform Storage
        acquired_at=acquired_at,
        manufacturer="Qiangji",
        device_model="synthetic ECG 演示",
    )


def _uid(rng: np.random.Generator) -> str:
    """UID in the form of DICOM PS3.5 B.2, from the generator so that it repeats."""
    return f"2.25.{int.from_bytes(rng.bytes(16), 'big')}"
