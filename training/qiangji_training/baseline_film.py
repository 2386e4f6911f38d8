"""Hand-made features of a film as the network receives it: tone, edges, textures, symmetry."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GRID: Final = 8
_COARSE: Final = 4
_TONES: Final = np.linspace(-2.5, 2.5, 17)
_ORIENTATIONS: Final = 8
#: Standard deviations in px of the smoothing whose differences are the texture bands.
_SCALES: Final = (0.0, 1.0, 2.0, 4.0, 8.0)


def film_features(prepared: NDArray[np.float32]) -> Floats:
    """Features of standardised films.

    Parameters
    ----------
    prepared
        (n, 1, rows, cols), zero mean and unit variance, as the network takes them.

    Returns
    -------
        (n, features): mean and spread on an 8 x 8 grid, tones, edge orientations and energy of
        texture bands on a 4 x 4 grid, and left against right.
    """
    return np.stack([_of(picture[0].astype(np.float64)) for picture in prepared])


def _of(picture: Floats) -> Floats:
    means = _cells(picture, _GRID, np.mean)
    spreads = _cells(picture, _GRID, np.std)
    tones = np.histogram(np.clip(picture, _TONES[0], _TONES[-1]), _TONES)[0] / picture.size
    sides = means.reshape(_GRID, _GRID)
    asymmetry = np.abs(sides - sides[:, ::-1])[:, : _GRID // 2].ravel()
    return np.concatenate([means, spreads, tones, _edges(picture), _bands(picture), asymmetry])


def _edges(picture: Floats) -> Floats:
    """Gradient strength by direction (without sign) in each coarse cell, square-rooted."""
    down, across = np.gradient(picture)
    strength = np.hypot(down, across)
    direction = np.arctan2(down, across) % np.pi
    index = np.minimum((direction / np.pi * _ORIENTATIONS).astype(np.intp), _ORIENTATIONS - 1)
    found = [
        _cells(np.where(index == number, strength, 0), _COARSE, np.mean)
        for number in range(_ORIENTATIONS)
    ]
    return np.sqrt(np.concatenate(found))


def _bands(picture: Floats) -> Floats:
    """Mean absolute difference of Gaussians of neighbouring scales in each coarse cell."""
    from scipy.ndimage import gaussian_filter

    smooth = [gaussian_filter(picture, scale) if scale else picture for scale in _SCALES]
    bands = [np.abs(fine - coarse) for fine, coarse in itertools.pairwise(smooth)]
    return np.concatenate([_cells(band, _COARSE, np.mean) for band in bands])


def _cells(picture: Floats, count: int, statistic: Callable[[Floats], np.floating]) -> Floats:
    rows = np.array_split(picture, count, axis=0)
    cells = (cell for row in rows for cell in np.array_split(row, count, axis=1))
    return np.array([statistic(cell) for cell in cells])
