"""Made-up recordings that bring every stage into memory before the first patient."""

from __future__ import annotations

from typing import Final

import numpy as np

from qiangji_datasets.records import (
    LEADS,
    CellImage,
    EcgRecord,
    Modality,
    PersonIdentity,
    Radiograph,
    Record,
    StudyIds,
    View,
)

_RATE_HZ: Final = 500.0
_SECONDS: Final = 10
_BEATS_PER_S: Final = 1.2


def made_up(modality: Modality) -> Record:
    """A recording of the usual size that every stage accepts or refuses without a fault."""
    match modality:
        case Modality.CXR:
            return _film()
        case Modality.ECG:
            return _ecg()
        case Modality.PAP:
            return _cell()


def _film() -> Radiograph:
    rows, columns = np.mgrid[0:512, 0:512] / 511.0
    shade = 0.5 + 0.4 * np.cos(4 * np.pi * columns) * np.sin(np.pi * rows)
    pixels = np.round(shade * 4095).astype(np.uint16)
    return Radiograph(pixels, 12, View.PA, PersonIdentity(), StudyIds())


def _cell() -> CellImage:
    """A violet nucleus with grainy chromatin in rose cytoplasm on glass, as a camera sees it."""
    rows, columns = np.mgrid[0:100, 0:100] / 99.0 - 0.5
    from_centre = np.hypot(rows, columns)[..., None]
    grain = 0.1 * np.cos(60 * rows * columns) * np.cos(70 * (rows + columns))
    density = np.where(from_centre < 0.42, (0.06, 0.16, 0.10), (0.01, 0.01, 0.01))
    nucleus = np.array((0.55, 0.70, 0.40)) * (1 + 2 * grain[..., None])
    density = np.where(from_centre < 0.16, nucleus, density)
    noise = np.random.default_rng(0).normal(0, 1.5, density.shape)
    pixels = np.clip(np.round(255 * 10**-density + noise), 0, 255).astype(np.uint8)
    return CellImage(pixels, PersonIdentity(), StudyIds())


def _ecg() -> EcgRecord:
    at_s = np.arange(int(_SECONDS * _RATE_HZ)) / _RATE_HZ
    since_beat_s = (at_s * _BEATS_PER_S % 1) / _BEATS_PER_S
    beat = np.exp(-(((since_beat_s - 0.3) / 0.012) ** 2))
    wave = 0.25 * np.exp(-(((since_beat_s - 0.6) / 0.05) ** 2))
    one, two = 0.7 * (beat + wave), 1.0 * (beat + wave)
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    chest = [scale * beat + wave for scale in np.linspace(-0.8, 1.4, len(LEADS) - len(limb))]
    signal_mv = np.stack([*limb, *chest]).astype(np.float32)
    return EcgRecord(signal_mv, _RATE_HZ, PersonIdentity(), StudyIds())
