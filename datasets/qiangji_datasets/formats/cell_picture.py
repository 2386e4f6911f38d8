"""A stained cell or a field of a smear from a PNG, JPEG or BMP, with the facts a person stated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_values import Notices
from qiangji_datasets.formats.limits import Limits, Stated
from qiangji_datasets.formats.picture import decoded, upright
from qiangji_datasets.records import CELL_PIXEL_UM, CellImage, PersonIdentity, StudyIds

if TYPE_CHECKING:
    from PIL.Image import Image

#: Kinds of pixels that convert to 8-bit colours without loss of what a camera saw.
_MODES: Final = ("RGB", "RGBA", "L", "LA", "P")
_UM_PER_INCH: Final = 25_400.0


def read_cell(data: bytes, kind: str, stated: Stated, limits: Limits) -> CellImage:
    """Read a picture as a cell; its size is checked before it is decoded.

    The size of a pixel is what a person stated, else the picture's own resolution where a
    microscope can have that: cameras and screens write 72 or 96 dots per inch, which none has.

    Parameters
    ----------
    kind
        ``png``, ``jpeg`` or ``bmp``; only that decoder is allowed to run.

    Raises
    ------
    InputRejected
        The picture is too large, damaged, animated or of a kind that is no colour picture, or
        the stated size of a pixel is out of range.
    """
    notices = Notices()
    notices.inform("cell.stated")
    pixels, own_um = decoded(data, kind, limits, _taken)
    return CellImage(
        pixels=pixels,
        person=PersonIdentity(
            patient_id=stated.patient_id, sex=stated.sex, age_years=stated.age_years
        ),
        ids=StudyIds(),
        pixel_um=own_um if stated.pixel_um is None else stated.pixel_um,
        source_kind=kind,
        notices=tuple(notices.found),
    )


def _taken(picture: Image) -> tuple[NDArray[np.uint8], float | None]:
    if picture.mode not in _MODES:
        raise InputRejected("cell.mode", mode=picture.mode)
    pixel_um = _pixel_um(picture.info.get("dpi"))
    return np.array(_on_glass(upright(picture)), np.uint8), pixel_um


def _on_glass(picture: Image) -> Image:
    """The picture in colours, laid on white where it is transparent."""
    from PIL import Image as Images

    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    glass = Images.new("RGBA", layer.size, "white")
    return Images.alpha_composite(glass, layer).convert("RGB")


def _pixel_um(dots_per_inch: Any) -> float | None:  # Any: what the decoder found in the file
    """Side of a square pixel; None where the file gives none that a microscope can have."""
    try:
        across, down = (float(value) for value in dots_per_inch)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not (across > 0 and math.isclose(across, down, rel_tol=0.01)):
        return None
    low, high = CELL_PIXEL_UM
    um = _UM_PER_INCH / across
    return um if low <= um <= high else None
