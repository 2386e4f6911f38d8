"""May the AI read this picture of a stained cell at all: size, light, colour, contrast, sharpness.

What is judged is what spoils any reading. Hue is not: on CRIC the dyes of conventional
Papanicolaou smears reach every hue, and pictures with their channels exchanged lay within the
spread of the true ones, so a limit on hue would refuse other laboratories before other objects.
A refusal never stops the clinic: the picture can still be read by a person.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import CellImage, Notice, Severity
from qiangji_inference.results import GateResult
from qiangji_models.preprocess.cell import fit, optical_density
from qiangji_models.preprocess.specs import CellSpec


class CellCode(StrEnum):
    """Message keys of what a picture of a cell can be faulted for."""

    TOO_SMALL = "cell.too_small"
    LOW_RESOLUTION = "cell.low_resolution"
    TOO_NARROW = "cell.too_narrow"
    BLANK = "cell.blank"
    DARK = "cell.dark"
    GREY = "cell.grey"
    DRAWING = "cell.drawing"
    BLURRED = "cell.blurred"


#: Short side in px: below the first a nucleus has too few pixels to be judged, below the second
#: its chromatin has (CRIC cells have 100, 1 % of them, cut at a picture's edge, less than 62).
MIN_SIDE: Final = 32
LOW_SIDE: Final = 60
_MAX_ASPECT: Final = 3.0
#: Everything else is judged at this size, so that one limit fits cameras of any resolution.
_JUDGED_SIDE: Final = 64

# Limits set on the 5,006 cells of CRIC (conventional smears, one laboratory): two are refused, both
# blank, and 1.3 % are warned of. In brackets the most extreme of 99.9 % of them. D is the optical
# density averaged over the channels.
_MIN_CONTRAST: Final = 0.10  # 98th less 2nd percentile of D (0.15)
_MIN_LIGHT: Final = 60.0  # 98th percentile of the grey level: lamp off, fluorescence (83)
_MIN_COLOUR: Final = 10.0  # 95th percentile of largest less smallest channel (20)
_MAX_FLAT: Final = 0.60  # share of neighbours with the very same colours, not white (0.14)
#: 99th percentile of the Laplacian of D to the contrast: warn, refuse (0.11). Of CRIC cells with
#: a Gaussian blur of 2, 3 and 4 % of the field the first names 77, 97 and 99.6 %.
_SHARP_WARN, _SHARP_REFUSE = 0.13, 0.08
_WHITE: Final = 250


def check_cell(cell: CellImage) -> GateResult:
    """Check one picture.

    Parameters
    ----------
    cell
        The picture as read; refusing notices of the reader are carried over.

    Returns
    -------
        Notices; empty when there is nothing to say.
    """
    notices = [notice for notice in cell.notices if notice.severity is Severity.REFUSE]
    notices += _size_notices(cell)
    if not any(notice.severity is Severity.REFUSE for notice in notices):
        notices += _picture_notices(cell)
    return GateResult(tuple(notices))


def _size_notices(cell: CellImage) -> list[Notice]:
    rows, columns = cell.pixels.shape[:2]
    short, long = min(rows, columns), max(rows, columns)
    if short < MIN_SIDE:
        return [_notice(CellCode.TOO_SMALL, Severity.REFUSE, rows=rows, columns=columns)]
    if long > _MAX_ASPECT * short:
        return [_notice(CellCode.TOO_NARROW, Severity.REFUSE, rows=rows, columns=columns)]
    if short < LOW_SIDE:
        return [_notice(CellCode.LOW_RESOLUTION, Severity.WARN, rows=rows, columns=columns)]
    return []


def _picture_notices(cell: CellImage) -> list[Notice]:
    colours = _reduced(cell.pixels)
    density = optical_density(colours).mean(axis=2)
    low, high = np.percentile(density, [2, 98])
    contrast = float(high - low)
    if float(np.percentile(colours.mean(axis=2), 98)) < _MIN_LIGHT:
        return [_notice(CellCode.DARK, Severity.REFUSE)]
    if contrast < _MIN_CONTRAST:
        return [_notice(CellCode.BLANK, Severity.REFUSE)]
    found = []
    chroma = colours.max(axis=2).astype(np.int16) - colours.min(axis=2)
    if float(np.percentile(chroma, 95)) < _MIN_COLOUR:
        found.append(_notice(CellCode.GREY, Severity.REFUSE))
    if _flat_share(cell.pixels) > _MAX_FLAT:
        found.append(_notice(CellCode.DRAWING, Severity.REFUSE))
    sharpness = _fine_detail(density) / contrast
    if sharpness < _SHARP_WARN:
        severity = Severity.REFUSE if sharpness < _SHARP_REFUSE else Severity.WARN
        found.append(_notice(CellCode.BLURRED, severity))
    return found


def _notice(code: CellCode, severity: Severity, **params: str | int | float) -> Notice:
    return Notice(code.value, severity, params)


def _reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with its short side at ``_JUDGED_SIDE`` px; a smaller one as it is."""
    short = min(pixels.shape[:2])
    if short <= _JUDGED_SIDE:
        return pixels
    rows, columns = (round(side / short * _JUDGED_SIDE) for side in pixels.shape[:2])
    return fit(pixels, (0.0, 0.0, 1.0, 1.0), CellSpec(rows, columns))


def _fine_detail(density: NDArray[np.float32]) -> float:
    around = density[2:, 1:-1] + density[:-2, 1:-1] + density[1:-1, 2:] + density[1:-1, :-2]
    return float(np.percentile(np.abs(4 * density[1:-1, 1:-1] - around), 99))


def _flat_share(pixels: NDArray[np.uint8]) -> float:
    """Share of pixels with the very colours of their neighbour; overexposed glass left out."""
    left, right = pixels[:, :-1], pixels[:, 1:]
    is_stained = left.min(axis=2) < _WHITE
    if not is_stained.any():
        return 0.0
    return float((left == right).all(axis=2)[is_stained].mean())
