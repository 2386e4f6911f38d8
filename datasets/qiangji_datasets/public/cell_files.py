"""Pictures of cells in colour: whole files, or the surroundings of a nucleus in a larger field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import CellImage, PersonIdentity, Stain, StudyIds


def cell(
    path: Path,
    *,
    stain: Stain,
    centre: tuple[int, int] | None = None,
    side: int = 0,
) -> CellImage:
    """Read a cell.

    Parameters
    ----------
    centre
        (row, column) of the nucleus; None for the whole picture.
    side
        Rows and columns around the centre; what lies beyond the field is mirrored inwards.

    Raises
    ------
    InputRejected
        The file is missing or no picture, or the centre lies outside it.
    """
    pixels = _colours(path)
    if centre is not None:
        pixels = _around(pixels, centre, side, path.name)
    return CellImage(
        pixels=pixels,
        person=PersonIdentity(),
        ids=StudyIds(),
        stain=stain,
        source_kind=path.suffix.lower().lstrip("."),
    )


def _colours(path: Path) -> NDArray[np.uint8]:
    if not path.is_file():
        raise InputRejected("dataset.missing", file=path.name)
    try:
        with Image.open(path, formats=("PNG", "BMP", "JPEG")) as opened:
            return np.array(opened.convert("RGB"), np.uint8)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise InputRejected("dataset.recording_damaged", dataset="cell", file=path.name) from None


def _around(
    pixels: NDArray[np.uint8], centre: tuple[int, int], side: int, name: str
) -> NDArray[np.uint8]:
    limits = pixels.shape[:2]
    if any(not 0 <= place <= limit for place, limit in zip(centre, limits, strict=True)):
        raise InputRejected("dataset.recording_damaged", dataset="cell", file=name)
    margin = side // 2
    padded = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    row, column = centre
    return np.ascontiguousarray(padded[row : row + side, column : column + side])
