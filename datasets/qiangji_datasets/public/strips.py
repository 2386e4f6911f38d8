"""ECG strips: recordings of a few leads, with annotations where the publisher gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import PersonIdentity


@dataclass(frozen=True, eq=False)
class Beats:
    """Annotations along a strip.

    Parameters
    ----------
    samples
        (n,) place of each, counted in samples from the start of the strip.
    symbols
        (n,) code of each, as the publisher writes it.
    """

    samples: NDArray[np.int64]
    symbols: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Strip:
    """An ECG of a few leads.

    Parameters
    ----------
    signal_mv
        (leads, n) float32 in mV; NaN where nothing was recorded.
    leads
        Name of each row, as published ("MLII", "V5", "ECG").
    rate_hz
        Samples per second.
    beats
        None where the set has no annotations along the strip.
    """

    signal_mv: NDArray[np.float32]
    leads: tuple[str, ...]
    rate_hz: float
    person: PersonIdentity
    beats: Beats | None = None

    def __post_init__(self) -> None:
        if self.signal_mv.ndim != 2 or self.signal_mv.shape[0] != len(self.leads):
            raise InputRejected("ecg.shape", shape=str(self.signal_mv.shape))
        if self.signal_mv.shape[1] == 0:
            raise InputRejected("ecg.no_samples")
