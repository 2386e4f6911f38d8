"""Shapes of one synthetic heartbeat: Gaussian waves of a moving dipole, seen by eight leads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Leads that a 12-lead machine records independently; the other four follow from I and II.
RECORDED: Final = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")

#: (lead, x y z) Dower transform: x to the left, y to the feet, z to the back.
#: Dower GE, Machado HB, Osborne JA. On deriving the electrocardiogram from vectorcardiographic
#: leads. Clin Cardiol 1980;3:87-95.
DOWER: Final = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)


class Conduction(StrEnum):
    """Spread of excitation through the ventricles."""

    NORMAL = "normal"
    LBBB = "lbbb"
    RBBB = "rbbb"
    PVC = "pvc"  # one ectopic beat, also the beats of ventricular tachycardia
    PACED = "paced"  # right ventricular apex
    ESCAPE = "escape"  # idioventricular


class StTerritory(StrEnum):
    """Wall whose leads show the ST elevation."""

    ANTERIOR = "anterior"
    INFERIOR = "inferior"
    LATERAL = "lateral"


#: ST deviation of the recorded leads as a part of the wanted elevation; reciprocal leads negative.
_ST_SHARE: Final[dict[StTerritory, tuple[float, ...]]] = {
    StTerritory.ANTERIOR: (0.2, -0.1, 0.7, 1.0, 1.0, 0.8, 0.4, 0.15),
    StTerritory.INFERIOR: (-0.25, 0.9, -0.1, -0.25, -0.2, -0.1, 0.1, 0.2),
    StTerritory.LATERAL: (0.9, -0.1, -0.3, -0.25, -0.1, 0.3, 0.9, 1.0),
}


@dataclass(frozen=True)
class Wave:
    """A Gaussian in time, with its own width on each side, along one dipole direction.

    ``peak_s`` counts from the onset of QRS; ``vector_mv`` is (x, y, z) in mV.
    """

    peak_s: float
    rise_s: float
    fall_s: float
    vector_mv: tuple[float, float, float]

    def scaled(self, gain: float) -> Wave:
        """The same wave, larger or smaller."""
        x, y, z = self.vector_mv
        return replace(self, vector_mv=(x * gain, y * gain, z * gain))


@dataclass(frozen=True)
class Beat:
    """Ventricular part of one heartbeat."""

    qrs: tuple[Wave, ...]
    t: Wave
    qrs_s: float


P_WAVES: Final = (
    Wave(0.036, 0.015, 0.017, (0.035, 0.075, -0.045)),  # right atrium, towards the front
    Wave(0.066, 0.018, 0.015, (0.065, 0.055, 0.020)),  # left atrium
)

_QRS: Final[dict[Conduction, tuple[Wave, ...]]] = {
    Conduction.NORMAL: (
        Wave(0.014, 0.0055, 0.006, (-0.16, -0.06, -0.30)),  # septum
        Wave(0.039, 0.0085, 0.0085, (1.15, 0.62, 0.22)),  # free walls
        Wave(0.061, 0.0075, 0.0085, (-0.12, -0.05, 0.52)),  # base
    ),
    Conduction.LBBB: (
        Wave(0.022, 0.009, 0.012, (0.22, 0.10, -0.12)),
        Wave(0.066, 0.019, 0.020, (0.95, 0.32, 0.85)),
        Wave(0.108, 0.018, 0.014, (0.85, 0.15, 0.70)),
    ),
    Conduction.RBBB: (
        Wave(0.014, 0.0055, 0.006, (-0.16, -0.06, -0.30)),
        Wave(0.039, 0.0085, 0.009, (1.08, 0.58, 0.20)),
        Wave(0.064, 0.010, 0.012, (-0.10, 0.02, 0.22)),
        Wave(0.100, 0.015, 0.015, (-0.52, 0.02, -0.55)),
    ),
    Conduction.PVC: (
        Wave(0.050, 0.016, 0.022, (-0.55, 1.00, -0.30)),
        Wave(0.095, 0.022, 0.020, (-0.75, 0.65, 0.75)),
    ),
    Conduction.PACED: (
        Wave(0.050, 0.018, 0.020, (0.45, -0.75, 0.65)),
        Wave(0.100, 0.022, 0.019, (0.40, -0.85, 0.75)),
    ),
    Conduction.ESCAPE: (
        Wave(0.045, 0.016, 0.018, (-0.20, -0.45, -0.55)),
        Wave(0.092, 0.022, 0.018, (-0.60, -0.70, -0.60)),
    ),
}

#: Direction of the T wave and length of QRS; wide beats repolarise against QRS.
_T_VECTOR: Final[dict[Conduction, tuple[float, float, float]]] = {
    Conduction.NORMAL: (0.27, 0.22, -0.17),
    Conduction.LBBB: (-0.30, -0.04, -0.42),
    Conduction.RBBB: (0.30, 0.20, 0.05),
    Conduction.PVC: (0.38, -0.45, -0.25),
    Conduction.PACED: (-0.20, 0.45, -0.45),
    Conduction.ESCAPE: (0.30, 0.35, 0.30),
}
_QRS_S: Final[dict[Conduction, float]] = {
    Conduction.NORMAL: 0.086,
    Conduction.LBBB: 0.152,
    Conduction.RBBB: 0.140,
    Conduction.PVC: 0.150,
    Conduction.PACED: 0.156,
    Conduction.ESCAPE: 0.148,
}

_QT_AT_60_S: Final = 0.395  # QT of a healthy adult at 60 beats/min
_T_RISE_S, _T_FALL_S = 0.050, 0.032
_T_END_IN_FALLS: Final = 2.2  # where the tangent of a Gaussian meets the base line, in widths


def make_beat(kind: Conduction, rr_s: float, *, qrs_gain: float = 1.0, strain: float = 0.0) -> Beat:
    """Beat of one kind for the RR interval before it; QT follows the cube root of RR.

    ``strain`` turns the T wave against QRS (0 not at all, 1 fully), as in hypertrophy.
    """
    wide_s = _QRS_S[kind] - _QRS_S[Conduction.NORMAL]
    qt_s = min(_QT_AT_60_S * float(np.cbrt(rr_s)) + 0.6 * wide_s, 0.92 * rr_s + 0.02)
    room_s = max(qt_s - _QRS_S[kind], 0.06)
    shrink = min(1.0, room_s / 0.26)
    t_peak_s = qt_s - _T_END_IN_FALLS * _T_FALL_S * shrink
    t_wave = Wave(t_peak_s, _T_RISE_S * shrink, _T_FALL_S * shrink, _T_VECTOR[kind])
    qrs = tuple(wave.scaled(qrs_gain) for wave in _QRS[kind])
    t_gain = min(1.0, 2.0 * qrs_gain) - 1.7 * strain  # a small QRS comes with a small T
    return Beat(qrs, t_wave.scaled(t_gain), _QRS_S[kind])


def wave_shape(time_s: NDArray[np.float64], wave: Wave) -> NDArray[np.float64]:
    """Values 0–1 of one wave at times counted from the onset of QRS."""
    from_peak = time_s - wave.peak_s
    width = np.where(from_peak < 0, wave.rise_s, wave.fall_s)
    return np.asarray(np.exp(-0.5 * (from_peak / width) ** 2), dtype=np.float64)


def st_shape(time_s: NDArray[np.float64], beat: Beat) -> NDArray[np.float64]:
    """Values 0–1 of an ST segment that stays up from J until the T wave falls."""
    rise = 1.0 / (1.0 + np.exp(-np.clip((time_s - beat.qrs_s + 0.012) / 0.004, -60, 60)))
    after = np.maximum(time_s - beat.t.peak_s, 0.0)
    return np.asarray(rise * np.exp(-0.5 * (after / beat.t.fall_s) ** 2), dtype=np.float64)


def st_leads_mv(territory: StTerritory, elevation_mv: float) -> NDArray[np.float64]:
    """(8,) ST deviation of the recorded leads in mV."""
    return np.asarray(_ST_SHARE[territory], dtype=np.float64) * elevation_mv
