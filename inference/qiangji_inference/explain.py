"""Activation maps as overlays: what moved the number, not the outline of a lesion.

A map cell is that place's contribution to the label's logit (exact for a pooled linear head).
Only contributions that raise the number are drawn. ``CAPTION`` is the text every view of a map
carries.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Message key that must stand beside every overlay.
CAPTION: Final = "explain.caption"
#: Contributions below this (logit units a cell) stay invisible, however small the largest is.
FLOOR_LOGIT: Final = 0.5
_MAX_ALPHA: Final = 170
#: Anchors of the colour scale in OKLab (lightness, a, b): violet, magenta, orange, yellow.
#: Lightness rises evenly, so that the order also survives grey print and colour blindness.
_ANCHORS: Final = (
    (0.30, 0.06, -0.14),
    (0.50, 0.19, -0.04),
    (0.70, 0.11, 0.12),
    (0.90, -0.02, 0.16),
)


@cache
def colour_scale() -> NDArray[np.uint8]:
    """Colours of 0 (weak) to 255 (strong): (256, 3) sRGB, lightness rising evenly.

    References
    ----------
    Ottosson 2020, "A perceptual color space for image processing" (OKLab matrices).
    """
    anchors = np.array(_ANCHORS)
    at = np.linspace(0, len(anchors) - 1, 256)
    lab = np.stack([np.interp(at, range(len(anchors)), anchors[:, c]) for c in range(3)], axis=1)
    to_lms = np.array(
        [
            [1.0, 0.3963377774, 0.2158037573],
            [1.0, -0.1055613458, -0.0638541728],
            [1.0, -0.0894841775, -1.2914855480],
        ]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip((lab @ to_lms.T) ** 3 @ to_rgb.T, 0, 1)
    gamma = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colours: NDArray[np.uint8] = np.round(gamma * 255).astype(np.uint8)
    colours.setflags(write=False)
    return colours


def strength(activation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Contributions that raise the number as 0–1 of the largest; all 0 when none reaches the floor.

    Parameters
    ----------
    activation
        One label's map, any shape, logit units; NaN counts as no contribution.
    """
    raised = np.clip(np.nan_to_num(activation, nan=0.0, posinf=0.0, neginf=0.0), 0, None)
    largest = max(float(raised.max(initial=0.0)), FLOOR_LOGIT)
    return np.asarray(raised / largest, np.float32)


def film_overlay(
    activation: NDArray[np.float32], extent: tuple[float, ...], *, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Colour layer to lay over the whole film.

    Parameters
    ----------
    activation
        (rows, columns) map of one label.
    extent
        (top, left, bottom, right) that the map covers, as fractions of the stored picture.
    size
        (rows, columns) of the layer.

    Returns
    -------
        (rows, columns, 4) RGBA; transparent outside the extent and where nothing raised the
        number.
    """
    top, left, bottom, right = extent
    rows = _weights(size[0], top, bottom, activation.shape[0])
    columns = _weights(size[1], left, right, activation.shape[1])
    level = np.clip(rows @ strength(activation) @ columns.T, 0, 1)
    layer = np.empty((*size, 4), np.uint8)
    layer[..., :3] = colour_scale()[np.round(level * 255).astype(np.intp)]
    layer[..., 3] = np.round(level * _MAX_ALPHA)
    return layer


def ecg_strength(
    activation: NDArray[np.float32],
    extent: tuple[float, ...],
    *,
    samples: int,
    rate_hz: float,
) -> NDArray[np.float32]:
    """Weight 0–1 of each sample of the recording; 0 outside the stretch the model saw.

    Parameters
    ----------
    activation
        (time,) map of one label.
    extent
        (start_s, end_s) that the map covers.
    """
    length_s = samples / rate_hz
    rows = _weights(samples, extent[0] / length_s, extent[1] / length_s, len(activation))
    return np.asarray(np.clip(rows @ strength(activation), 0, 1), np.float32)


def _weights(size: int, start: float, end: float, cells: int) -> NDArray[np.float32]:
    """Linear interpolation from cells to positions: (size, cells), zero outside start–end."""
    at = (np.arange(size) + 0.5) / size
    position = (at - start) / (end - start) * cells - 0.5
    inside = (at >= start) & (at <= end)
    low = np.clip(np.floor(position), 0, cells - 1).astype(np.intp)
    high = np.minimum(low + 1, cells - 1)
    part = np.clip(position - low, 0, 1)
    weights = np.zeros((size, cells), np.float32)
    rows = np.arange(size)
    np.add.at(weights, (rows, low), 1 - part)
    np.add.at(weights, (rows, high), part)
    return weights * inside[:, None].astype(np.float32)
