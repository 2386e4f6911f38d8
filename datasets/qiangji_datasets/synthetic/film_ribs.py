"""Ribs and clavicles on the template of a demo film, drawn along their textbook courses."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]

_PAIRS: Final = 9
_FIRST_Y, _STEP_Y = 0.125, 0.062  # where posterior ribs leave the spine, fractions of the height
_SPINE_X: Final = 0.045  # half-width of the spine
_WIDTH: Final = (0.013, 0.021)  # of the first and the last rib
_BODY, _CORTEX = 0.05, 0.04  # brightness to add
_FRONT_SHARE: Final = 0.6  # anterior parts are fainter on a PA film


def ribs(rng: np.random.Generator, lungs: Floats) -> Floats:
    """Posterior and anterior ribs and the clavicles, brightness to add, shape of one lung."""
    side = lungs.shape[1]
    body, cortex = np.zeros((2, side, side), np.float32)
    start = _FIRST_Y + rng.uniform(-0.012, 0.012)
    step = _STEP_Y * rng.uniform(0.94, 1.06)
    for lung_index in range(2):
        wall = _wall(lungs[lung_index], lung_index)
        for number in range(_PAIRS):
            y = start + step * number + rng.normal(0, 0.002)
            width = float(np.interp(number, [0, _PAIRS - 1], _WIDTH))
            _draw(body, cortex, _back(y, number, lung_index, wall), width, 1.0)
            _draw(body, cortex, _front(y, number, lung_index, wall), width, _FRONT_SHARE)
        _draw(body, cortex, _clavicle(rng, lung_index), 0.017, 1.3)
    chest = ndimage.gaussian_filter(lungs.max(0), 0.012 * side)
    drawn = _BODY * ndimage.gaussian_filter(body, 0.003 * side)
    drawn += _CORTEX * ndimage.gaussian_filter(cortex, 0.0014 * side)
    return np.asarray(drawn * (0.25 + 0.75 * chest), dtype=np.float32)


def _wall(lung: Floats, lung_index: int) -> Floats:
    """Outer edge of the lung at each row, as a fraction of the width; extended up and down."""
    side = lung.shape[0]
    inside = lung > 0.5
    rows = np.nonzero(inside.any(1))[0]
    from_left, from_right = inside.argmax(1), side - 1 - inside[:, ::-1].argmax(1)
    edge = (from_right if lung_index else from_left)[rows]
    smooth = ndimage.gaussian_filter1d(edge.astype(float), 0.02 * side)
    return np.asarray(np.interp(np.arange(side), rows, smooth) / side, dtype=np.float32)


def _at(wall: Floats, y: float, lung_index: int) -> float:
    row = int(np.clip(y, 0, 1) * (len(wall) - 1))
    return float(wall[row]) + (-0.012 if lung_index == 0 else 0.012)


def _back(y: float, number: int, lung_index: int, wall: Floats) -> Floats:
    """Posterior course (n, 2) as (x, y): out from the spine, arching, then down to the wall."""
    t = np.linspace(0, 1, 700)
    drop = 0.045 + 0.008 * number
    inner = 0.5 + (_SPINE_X if lung_index else -_SPINE_X)
    outer = _at(wall, y + drop, lung_index)
    across = inner + (outer - inner) * np.sin(t * np.pi / 2)
    down = y - 0.022 * np.sin(np.pi * np.minimum(t * 1.15, 1)) + drop * t**2.2
    return np.stack([across, down], 1).astype(np.float32)


def _front(y: float, number: int, lung_index: int, wall: Floats) -> Floats:
    """Anterior course (n, 2): from the wall inwards and down to the cartilage."""
    t = np.linspace(0, 1, 600)
    drop = 0.045 + 0.008 * number
    outer = _at(wall, y + drop, lung_index)
    reach = 0.15 - 0.006 * number
    inner = outer + (-reach if lung_index else reach)
    across = outer + (inner - outer) * (1 - np.cos(t * np.pi / 2))
    down = y + drop + (0.05 + 0.006 * number) * np.sin(t * np.pi / 2) + 0.02 * t
    return np.stack([across, down], 1).astype(np.float32)


def _clavicle(rng: np.random.Generator, lung_index: int) -> Floats:
    t = np.linspace(0, 1, 700)
    sign = 1 if lung_index else -1
    across = 0.5 + sign * (0.05 + 0.30 * t)
    down = 0.205 + rng.normal(0, 0.004) - 0.085 * t + 0.02 * np.sin(2 * np.pi * t)
    return np.stack([across, down], 1).astype(np.float32)


def _draw(body: Floats, cortex: Floats, course: Floats, width: float, strength: float) -> None:
    """Fill a band along a course and draw its two edges."""
    side = body.shape[0]
    along = np.gradient(course, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    across = np.linspace(-0.5, 0.5, int(width * side * 1.6))
    band = course[:, None] + width * across[None, :, None] * normal[:, None]
    cells = np.clip(band * side, 0, side - 1).astype(int)
    np.maximum.at(body, (cells[..., 1], cells[..., 0]), strength)
    edges = cells[:, [0, -1]]
    np.maximum.at(cortex, (edges[..., 1], edges[..., 0]), strength * 1.6)
