"""Noise every recording has, and the faults of a bad one, laid on at the electrodes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from qiangji_datasets.records import LEADS

ELECTRODES: Final = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")


class Reversal(StrEnum):
    """Two electrodes exchanged: of the limbs, or neighbours on the chest."""

    NONE = "none"
    RA_LA = "ra_la"
    RA_LL = "ra_ll"
    LA_LL = "la_ll"
    V1_V2 = "v1_v2"
    V2_V3 = "v2_v3"
    V3_V4 = "v3_v4"
    V4_V5 = "v4_v5"
    V5_V6 = "v5_v6"


@dataclass(frozen=True)
class EcgFaults:
    """What is wrong with a recording.

    Parameters
    ----------
    muscle_mv
        Standard deviation of muscle noise at each electrode.
    mains_mv
        Amplitude of the mains hum; each electrode gets its own part of it.
    mains_hz
        50 in China.
    wander_mv
        Amplitude of slow base line swings.
    clip_mv
        Leads are cut off at plus and minus this value; None leaves them alone.
    leads_off
        Leads written as missing (NaN).
    flat_leads
        Leads written as a constant zero.
    reversal
        Electrodes exchanged.
    scale
        Factor on all values, for wrongly declared units.
    """

    muscle_mv: float = 0.0
    mains_mv: float = 0.0
    mains_hz: float = 50.0
    wander_mv: float = 0.0
    clip_mv: float | None = None
    leads_off: tuple[str, ...] = ()
    flat_leads: tuple[str, ...] = ()
    reversal: Reversal = Reversal.NONE
    scale: float = 1.0


#: Restlessness of a good recording in mV.
QUIET: Final = EcgFaults(muscle_mv=0.006, mains_mv=0.002, wander_mv=0.03)
_MUSCLE_BAND_HZ: Final = (15.0, 150.0)


def electrodes_of(recorded_mv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Potentials (9, n) in the order of ``ELECTRODES`` from the eight recorded leads.

    The potentials are against Wilson's terminal: (RA + LA + LL) / 3 is zero.
    """
    lead_i, lead_ii = recorded_mv[0], recorded_mv[1]
    ra = -(lead_i + lead_ii) / 3.0
    return np.vstack([ra, ra + lead_i, ra + lead_ii, recorded_mv[2:]])


def leads_of(electrodes_mv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leads (12, n) in the order of ``LEADS`` from potentials."""
    ra, la, ll = electrodes_mv[:3]
    wilson = (ra + la + ll) / 3.0
    limbs = [la - ra, ll - ra, ll - la]
    augmented = [ra - (la + ll) / 2.0, la - (ra + ll) / 2.0, ll - (ra + la) / 2.0]
    return np.vstack([*limbs, *augmented, electrodes_mv[3:] - wilson])


def noise_mv(
    rng: np.random.Generator, faults: EcgFaults, n: int, rate_hz: float
) -> NDArray[np.float64]:
    """Disturbance (9, n) of the electrodes in mV."""
    time_s = np.arange(n) / rate_hz
    total = _muscle(rng, faults.muscle_mv, n, rate_hz)
    total += faults.mains_mv * _mains(rng, faults.mains_hz, time_s)
    return np.asarray(total + faults.wander_mv * _wander(rng, time_s), dtype=np.float64)


def apply_to_leads(leads_mv: NDArray[np.float64], faults: EcgFaults) -> NDArray[np.float64]:
    """Faults that arise behind the electrodes: clipping, lost leads, wrong units."""
    spoiled = leads_mv.copy()
    if faults.clip_mv is not None:
        spoiled = np.clip(spoiled, -faults.clip_mv, faults.clip_mv)
    spoiled[[LEADS.index(lead) for lead in faults.flat_leads]] = 0.0
    spoiled[[LEADS.index(lead) for lead in faults.leads_off]] = np.nan
    return np.asarray(spoiled * faults.scale, dtype=np.float64)


def reverse(electrodes_mv: NDArray[np.float64], reversal: Reversal) -> NDArray[np.float64]:
    """Potentials as recorded with two electrodes exchanged."""
    order = list(range(len(ELECTRODES)))
    if reversal is not Reversal.NONE:
        a, b = (ELECTRODES.index(name.upper()) for name in reversal.value.split("_"))
        order[a], order[b] = order[b], order[a]
    return electrodes_mv[order]


def _muscle(
    rng: np.random.Generator, deviation_mv: float, n: int, rate_hz: float
) -> NDArray[np.float64]:
    white = rng.standard_normal((len(ELECTRODES), n))
    if deviation_mv == 0:
        return np.zeros_like(white)
    high_hz = min(_MUSCLE_BAND_HZ[1], 0.45 * rate_hz)
    sos = sps.butter(2, (_MUSCLE_BAND_HZ[0], high_hz), "band", fs=rate_hz, output="sos")
    coloured = sps.sosfilt(sos, white, axis=1)
    return np.asarray(coloured / coloured.std() * deviation_mv, dtype=np.float64)


def _mains(
    rng: np.random.Generator, mains_hz: float, time_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    drift = mains_hz + rng.uniform(-0.05, 0.05)
    parts = rng.uniform(0.4, 1.0, size=(len(ELECTRODES), 1)) * rng.choice(
        [-1.0, 1.0], size=(len(ELECTRODES), 1)
    )
    return np.asarray(parts * np.sin(2 * np.pi * drift * time_s + rng.uniform(0, 6.28)))


def _wander(rng: np.random.Generator, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Breathing and slow electrode drift, amplitude about 1, each electrode its own mixture."""
    count = len(ELECTRODES)
    breath = np.sin(2 * np.pi * rng.uniform(0.2, 0.32) * time_s + rng.uniform(0, 6.28))
    total = rng.uniform(0.3, 1.0, size=(count, 1)) * breath
    for _ in range(3):
        phase = rng.uniform(0, 2 * np.pi, size=(count, 1))
        hz = rng.uniform(0.05, 0.45, size=(count, 1))
        total = total + 0.35 * np.sin(2 * np.pi * hz * time_s + phase)
    return np.asarray(total, dtype=np.float64)
