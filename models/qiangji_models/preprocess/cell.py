"""Stained cells: from stored colours to optical density and on to a network's input.

Stages: stored colours (``CellImage``) → fit the field to the network's rectangle → optical
density → stain normalisation. Dyes absorb: density, unlike colour, adds up where layers overlap,
so a brighter lamp or another white balance shifts it and more dye scales it. Both cancel when
each channel is standardised. What is lost with them is the overall amount and hue of the dye,
which differs more between laboratories than between cells.

References
----------
Beer-Lambert law for stains: Ruifrok & Johnston 2001, Anal Quant Cytol Histol 23:291-299.
Normalisation of each channel's mean and spread: Reinhard et al. 2001, doi:10.1109/38.946629;
in optical density, and its limit for transparent pixels: Macenko et al. 2009,
doi:10.1109/ISBI.2009.5193250.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qiangji_datasets.records import CellImage
from qiangji_models.preprocess.specs import CellSpec, Fit, StainMode

#: Light of a channel that met no dye; one is added on both sides, so that black stays finite.
_UNSTAINED: Final = 256.0
#: Mean density above which a pixel is tissue (Macenko et al. 2009, beta).
_TISSUE_DENSITY: Final = 0.15
#: Smallest spread of a channel that is stretched to 1. Every fifth of 5,006 CRIC cells was
#: measured: none has a channel below 0.03, so only blank pictures stay below 1.
_MIN_SPREAD: Final = 0.02
#: Scale of ``StainMode.NONE``: mean of the density and of its spread in each of those CRIC cells.
_USUAL_DENSITY, _USUAL_SPREAD = 0.28, 0.18

#: (top, left, bottom, right) as fractions of the picture; below 0 and above 1 outside it.
Extent = tuple[float, float, float, float]


def to_model_input(cell: CellImage, spec: CellSpec) -> NDArray[np.float32]:
    """Prepare a picture as the network was trained on.

    Parameters
    ----------
    cell
        The picture as stored.
    spec
        Preprocessing of one bundle.

    Returns
    -------
        (1, 3, spec.rows, spec.cols), channels red, green, blue; density of each, high = dark.
    """
    small = fit(cell.pixels, map_extent(cell, spec), spec)
    normal = normalise_stain(optical_density(small), spec.stain)
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


def map_extent(cell: CellImage, spec: CellSpec) -> Extent:
    """Which part of the stored picture the network's rectangle covers.

    Returns
    -------
        (top, left, bottom, right) as fractions of the stored picture; a field that is larger
        than the picture reaches below 0 and above 1.
    """
    height, width = cell.pixels.shape[:2]
    if spec.field_um > 0 and cell.pixel_um is not None:
        pixel_um = spec.field_um / max(spec.rows, spec.cols)
        tall = spec.rows * pixel_um / (height * cell.pixel_um)
        wide = spec.cols * pixel_um / (width * cell.pixel_um)
    else:
        tall, wide = _parts(width / height, spec)
    return (1 - tall) / 2, (1 - wide) / 2, (1 + tall) / 2, (1 + wide) / 2


def fit(pixels: NDArray[np.uint8], extent: Extent, spec: CellSpec) -> NDArray[np.uint8]:
    """Resize what the extent covers to (spec.rows, spec.cols).

    Each pixel of the result is the mean of the stored light it covers, weighted by a triangle:
    reducing averages areas, enlarging interpolates, and nothing jumps in between. Outside the
    picture it is mirrored: a bar would tell the network where the picture comes from.

    Parameters
    ----------
    pixels
        (rows, cols, 3) uint8.
    extent
        (top, left, bottom, right), fractions of the picture.

    Returns
    -------
        (spec.rows, spec.cols, 3) uint8.
    """
    top, bottom = _span(extent[0], extent[2], spec.rows)
    left, right = _span(extent[1], extent[3], spec.cols)
    height, width = pixels.shape[:2]
    box = (
        max(extent[1], 0.0) * width,
        max(extent[0], 0.0) * height,
        min(extent[3], 1.0) * width,
        min(extent[2], 1.0) * height,
    )
    size = (right - left, bottom - top)
    inner = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, box=box)
    around = ((top, spec.rows - bottom), (left, spec.cols - right), (0, 0))
    return np.pad(np.asarray(inner), around, mode="symmetric")


def optical_density(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Density of each channel, 0 (white) to 2.4 (black), in the same shape."""
    light = (np.arange(256, dtype=np.float64) + 1) / _UNSTAINED
    table = -np.log10(light).astype(np.float32)
    return np.take(table, colours)


def normalise_stain(density: NDArray[np.float32], mode: StainMode) -> NDArray[np.float32]:
    """Make stains and cameras alike.

    Parameters
    ----------
    density
        (rows, cols, 3).
    mode
        See ``StainMode``.

    Returns
    -------
        (rows, cols, 3); with PICTURE zero mean and unit variance a channel.
    """
    if mode is StainMode.NONE:
        return (density - np.float32(_USUAL_DENSITY)) / np.float32(_USUAL_SPREAD)
    weight = np.ones(density.shape[:2])
    if mode is StainMode.TISSUE:
        weight = _tissue_weight(density)
    weight /= weight.sum()
    mean = np.tensordot(weight, density, 2)
    spread = np.sqrt(np.tensordot(weight, (density - mean) ** 2, 2))
    return ((density - mean) / np.maximum(spread, _MIN_SPREAD)).astype(np.float32)


def _tissue_weight(density: NDArray[np.float32]) -> NDArray[np.float64]:
    """0 for bare glass, rising to 1 for tissue; never 0 everywhere."""
    share = density.mean(axis=2, dtype=np.float64) / _TISSUE_DENSITY
    return np.asarray(np.clip(share, 1e-3, 1.0), np.float64)


def _parts(actual: float, spec: CellSpec) -> tuple[float, float]:
    """Height and width that the rectangle covers, as parts of the picture's."""
    wanted = spec.cols / spec.rows
    if spec.fit is Fit.STRETCH:
        return 1.0, 1.0
    # PAD grows the shorter side past the picture, CROP shrinks the longer one.
    keeps_height = (actual > wanted) == (spec.fit is Fit.CROP)
    return (1.0, wanted / actual) if keeps_height else (actual / wanted, 1.0)


def _span(start: float, end: float, size: int) -> tuple[int, int]:
    """First and last-plus-one cell of ``size`` that the picture, 0 to 1, fills; at least one."""
    first = round(max(0.0, -start) / (end - start) * size)
    last = round((min(1.0, end) - start) / (end - start) * size)
    first = min(first, size - 1)
    return first, max(last, first + 1)
