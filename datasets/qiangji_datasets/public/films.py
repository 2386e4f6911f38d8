"""Pictures of the film sets: the reduced ones as one array, whole ones film by film."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import read_path
from qiangji_datasets.formats.limits import Stated
from qiangji_datasets.records import Modality, Radiograph, Sex, View


def stack(paths: Iterable[Path], *, side: int) -> NDArray[np.uint8]:
    """Decode square 8-bit pictures.

    Returns
    -------
        (n, side, side), high = dense.

    Raises
    ------
    InputRejected
        A picture is missing or has another size.
    """
    pictures = []
    for path in paths:
        if not path.is_file():
            raise InputRejected("dataset.missing", file=path.name)
        with Image.open(path) as opened:
            picture = np.asarray(opened.convert("L"))
        if picture.shape != (side, side):
            raise InputRejected("dataset.picture_size", file=path.name, shape=str(picture.shape))
        pictures.append(picture)
    return np.stack(pictures)


def colour_stack(paths: Iterable[Path], *, side: int) -> NDArray[np.uint8]:
    """Decode small colour pictures; one cut by the edge of its image is completed by mirroring.

    Returns
    -------
        (n, side, side, 3), RGB; a smaller picture stands in the middle.

    Raises
    ------
    InputRejected
        A picture is missing, larger, or not over a third of a side.
    """
    pictures = []
    for path in paths:
        if not path.is_file():
            raise InputRejected("dataset.missing", file=path.name)
        with Image.open(path) as opened:
            picture = np.asarray(opened.convert("RGB"))
        rows, columns = picture.shape[:2]
        if not side // 3 < min(rows, columns) <= max(rows, columns) <= side:
            raise InputRejected("dataset.picture_size", file=path.name, shape=str(picture.shape))
        margins = [((side - have) // 2, (side - have + 1) // 2) for have in (rows, columns)]
        pictures.append(np.pad(picture, [*margins, (0, 0)], mode="symmetric"))
    return np.stack(pictures)


def film(
    path: Path, *, age_years: float | None = None, sex: Sex | None = None, view: View | None = None
) -> Radiograph:
    """Read one film of a set as production reads it; PNG, JPEG or DICOM.

    Raises
    ------
    InputRejected
        The file is missing, damaged, or no film.
    """
    if not path.is_file():
        raise InputRejected("dataset.missing", file=path.name)
    stated = Stated(modality=Modality.CXR, age_years=age_years, sex=sex, view=view)
    found = read_path(path, stated=stated)
    if not isinstance(found, Radiograph):
        raise InputRejected("dataset.recording_damaged", dataset="cxr", file=path.name)
    return found
