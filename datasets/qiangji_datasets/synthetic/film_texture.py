"""Detail finer than the public films hold, and findings, on the template of a demo film.

Everything here works on the template at ``TEMPLATE`` x ``TEMPLATE`` pixels, row 0 at the head,
column 0 at the patient's right; brightness 0 (air) to 1 (bone).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]

TEMPLATE: Final = 1024
_HILA: Final = ((0.405, 0.50), (0.605, 0.47))  # (x, y) of the right and left hilum, fractions
_HEART: Final = (0.565, 0.68)
_LEVELS: Final = ((6.0, 0.06), (3.6, 0.045), (2.2, 0.032), (1.4, 0.022))  # blur px, brightness
_FLUID: Final = 0.80  # brightness of fluid, about that of the heart


@dataclass(frozen=True)
class _Branch:
    x: float
    y: float
    angle: float
    length: float
    level: int


def vessels(rng: np.random.Generator, lungs: Floats) -> Floats:
    """Pulmonary vessels branching from the hila, brightness to add (TEMPLATE, TEMPLATE)."""
    layers = [np.zeros((TEMPLATE, TEMPLATE), np.float32) for _ in _LEVELS]
    for side, (x, y) in enumerate(_HILA):
        outward = np.pi if side == 0 else 0.0
        for angle in np.linspace(-1.3, 1.4, 7) + rng.normal(0, 0.12, 7):
            turn = angle if side == 1 else -angle
            branch = _Branch(x * TEMPLATE, y * TEMPLATE, outward + turn, 105.0, 0)
            _grow(rng, branch, layers, lungs[side])
    drawn = np.zeros((TEMPLATE, TEMPLATE), np.float32)
    for layer, (blur, brightness) in zip(layers, _LEVELS, strict=True):
        drawn += brightness * np.minimum(ndimage.gaussian_filter(layer, blur) * blur * 2.5, 1.3)
    return drawn


def _grow(rng: np.random.Generator, branch: _Branch, layers: list[Floats], lung: Floats) -> None:
    steps = int(branch.length * rng.uniform(0.7, 1.3))
    bends = branch.angle + np.cumsum(rng.normal(0, 0.02, steps))
    x = branch.x + np.cumsum(np.cos(bends))
    y = branch.y + np.cumsum(np.sin(bends))
    columns = np.clip(x, 0, TEMPLATE - 1).astype(int)
    rows = np.clip(y, 0, TEMPLATE - 1).astype(int)
    np.add.at(layers[branch.level], (rows, columns), lung[rows, columns] * 0.8 + 0.05)
    if branch.level + 1 == len(layers):
        return
    for spread in (-0.45, 0.35):
        at = steps - 1 if spread > 0 else int(steps * rng.uniform(0.4, 0.9))
        angle = float(bends[at] + spread * rng.uniform(0.5, 1.6))
        child = _Branch(float(x[at]), float(y[at]), angle, branch.length * 0.85, branch.level + 1)
        _grow(rng, child, layers, lung)


def sharpen(look: Floats) -> Floats:
    """Steepen the edges that up-sampling blurred (unsharp masks at two widths)."""
    fine = look - ndimage.gaussian_filter(look, 5)
    coarse = look - ndimage.gaussian_filter(look, 12)
    return np.asarray(look + 0.9 * fine + 0.6 * coarse, dtype=np.float32)


def grain(rng: np.random.Generator, shape: tuple[int, int], roughness: float) -> Floats:
    """Noise with power falling as frequency to the given power, spread 1."""
    rows = np.fft.fftfreq(shape[0])[:, None]
    columns = np.fft.rfftfreq(shape[1])[None]
    frequency = np.maximum(np.hypot(rows, columns), 4 / max(shape))
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) / frequency**roughness
    field = np.fft.irfft2(spectrum, s=shape)
    return np.asarray(field / field.std(), dtype=np.float32)


def enlarge_heart(coordinates: Floats, share: float) -> Floats:
    """Template coordinates (2, h, w) in fractions, row first, that show a wider heart."""
    centre = np.array([_HEART[1], _HEART[0]], np.float32)[:, None, None]
    away = coordinates - centre
    near = np.exp(-(away[0] ** 2 + (away[1] * 0.8) ** 2) / (2 * 0.13**2))
    return np.asarray(centre + away * (1 - share * near), dtype=np.float32)


def add_effusion(
    rng: np.random.Generator, look: Floats, lungs: Floats, *, side: int, height: float
) -> Floats:
    """Fluid that blunts the angle and rises towards the side wall (a meniscus).

    Parameters
    ----------
    side
        0 the patient's right, 1 the left.
    height
        Share of the lung's height covered at the wall.
    """
    rows, columns = np.nonzero(lungs[side] > 0.5)
    top, bottom = float(rows.min()), float(rows.max())
    wall = float(columns.min() if side == 0 else columns.max())
    inner = float(columns.max() if side == 0 else columns.min())
    y, x = np.mgrid[0:TEMPLATE, 0:TEMPLATE].astype(np.float32)
    from_wall = np.clip(np.abs(x - wall) / abs(inner - wall), 0, 1.2)
    level = bottom - height * (bottom - top) * (1 - 0.65 * np.sqrt(from_wall))
    wobble = ndimage.gaussian_filter1d(rng.standard_normal(TEMPLATE), 60) * 60
    depth = 1 / (1 + np.exp(-(y - level - wobble[None]) / 14))
    room = ndimage.gaussian_filter(_widened(lungs[side], 40), 10)
    share = (0.93 * depth * room).astype(np.float32)
    fluid = np.maximum(look, _FLUID + 0.15 * (look - look.mean()))
    return np.asarray(look * (1 - share) + fluid * share, dtype=np.float32)


def _widened(mask: Floats, pixels: int) -> Floats:
    small = ndimage.zoom(mask, 0.25, order=0) > 0.5
    grown = ndimage.binary_dilation(small, iterations=pixels // 4)
    return np.asarray(ndimage.zoom(grown.astype(np.float32), 4, order=1), dtype=np.float32)


def pneumothorax_share(lungs: Floats, *, side: int, collapse: float) -> tuple[Floats, Floats]:
    """Where air lies outside the lung (0 to 1), and the thin line of the visceral pleura.

    ``collapse`` is the share of its width and height that the lung has lost towards the hilum.
    """
    x0, y0 = _HILA[side]
    y, x = np.mgrid[0:TEMPLATE, 0:TEMPLATE].astype(np.float32)
    anchor_y = (y0 + 0.22) * TEMPLATE  # the base stays near the diaphragm
    shrunk = ndimage.map_coordinates(
        lungs[side],
        [
            anchor_y + (y - anchor_y) / (1 - 0.6 * collapse),
            x0 * TEMPLATE + (x - x0 * TEMPLATE) / (1 - collapse),
        ],
        order=1,
    )
    inside = ndimage.gaussian_filter(shrunk, 5)
    line = np.clip(ndimage.gaussian_gradient_magnitude(shrunk, 2.2) * 7, 0, 1)
    lung = ndimage.gaussian_filter(lungs[side], 4)
    outward = np.clip((0.9 * TEMPLATE * (y0 + 0.25) - y) / (0.15 * TEMPLATE), 0, 1)
    sign = 1 if side else -1
    outer = 1 / (1 + np.exp(-(sign * (x - x0 * TEMPLATE) + 10) / 14))
    air = lung * (1 - inside) * outward * outer
    return air.astype(np.float32), (line * lung * outward * outer).astype(np.float32)
