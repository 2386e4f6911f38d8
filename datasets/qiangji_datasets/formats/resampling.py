"""Channels sampled one after another brought onto one time grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected


def shift_samples(signal: NDArray[np.float64], skew: float) -> NDArray[np.float64]:
    """Values at whole sample times of a channel whose samples were taken ``skew`` later.

    Cubic Lagrange interpolation over the four nearest samples.

    Parameters
    ----------
    signal
        (n,), sample k taken at time k + skew, in sample intervals.
    skew
        Channel Sample Skew (DICOM 003A,0215).

    Returns
    -------
        (n,), NaN where the channel had not begun or had ended.

    Raises
    ------
    InputRejected
        The skew is as long as the recording.
    """
    if skew == 0:
        return signal
    count = len(signal)
    if abs(skew) >= count:
        raise InputRejected("ecg.skew", skew=skew)
    wanted = np.arange(count) - skew  # position in the signal, in samples
    left = np.floor(wanted).astype(np.int64)
    part = wanted - left
    padded = np.pad(signal, 2, mode="edge")
    around = [padded[np.clip(left + step + 2, 0, count + 3)] for step in (-1, 0, 1, 2)]
    weights = (
        -part * (part - 1) * (part - 2) / 6,
        (part + 1) * (part - 1) * (part - 2) / 2,
        -(part + 1) * part * (part - 2) / 2,
        (part + 1) * part * (part - 1) / 6,
    )
    shifted = np.sum([value * weight for value, weight in zip(around, weights, strict=True)], 0)
    # Less than one sample before the beginning or behind the end is within the picture.
    shifted[(wanted <= -1) | (wanted >= count)] = np.nan
    return np.asarray(shifted, np.float64)
