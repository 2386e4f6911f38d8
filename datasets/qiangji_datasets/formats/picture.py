"""A film from a PNG or JPEG, with the facts a person stated."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_values import Notices
from qiangji_datasets.formats.limits import Limits, Stated
from qiangji_datasets.records import Modality, PersonIdentity, Radiograph, StudyIds, View

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

_GREY: Final = {"L": np.uint8, "I;16": np.uint16, "I;16B": np.uint16, "I": np.uint16}
_COLOUR: Final = ("RGB", "RGBA", "LA", "P")
#: Luminance of RGB, ITU-R BT.601.
_LUMINANCE: Final = np.array((0.299, 0.587, 0.114))


def read_picture(data: bytes, kind: str, stated: Stated, limits: Limits) -> Radiograph:
    """Read a picture as a film; its size is checked before it is decoded.

    Parameters
    ----------
    kind
        ``png`` or ``jpeg``; only that decoder is allowed to run.

    Raises
    ------
    InputRejected
        Nobody stated that it is a chest film, or it is too large, damaged, animated or of a
        kind that is no film.
    """
    if stated.modality is not Modality.CXR:
        raise InputRejected("file.needs_stated_facts", missing="modality")
    notices = Notices()
    notices.inform("picture.stated")
    pixels = _pixels(data, kind, limits, notices)
    return Radiograph(
        pixels=pixels,
        bits_stored=8 * pixels.dtype.itemsize,
        view=stated.view or View.UNKNOWN,
        person=PersonIdentity(
            patient_id=stated.patient_id, sex=stated.sex, age_years=stated.age_years
        ),
        ids=StudyIds(),
        source_kind=kind,
        notices=tuple(notices.found),
    )


def _pixels(data: bytes, kind: str, limits: Limits, notices: Notices) -> NDArray[Any]:
    def grey(picture: Image) -> NDArray[Any]:
        _check(picture)
        return _grey(upright(picture), notices)

    return decoded(data, kind, limits, grey)


def decoded(data: bytes, kind: str, limits: Limits, take: Callable[[Image], T]) -> T:
    """Open a picture with the one decoder allowed, check its size, and take what is wanted.

    Parameters
    ----------
    kind
        ``png``, ``jpeg`` or ``bmp``.
    take
        Called with the picture, not yet decoded, of one frame and bounded size.

    Raises
    ------
    InputRejected
        The picture is too large, animated or damaged.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow's own bomb limit is above ours; its remarks on metadata concern no pixel.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=(kind.upper(),)) as picture:
                _check_size(picture, limits)
                return take(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, KeyError, TypeError):
        # Pillow's decoders report damage by all of these.
        raise InputRejected("picture.damaged") from None


def upright(picture: Image) -> Image:
    """The picture turned as its metadata say."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture) or picture


def _check_size(picture: Image, limits: Limits) -> None:
    columns, rows = picture.size
    if rows < 1 or columns < 1:
        raise InputRejected("film.no_pixels")
    if max(rows, columns) > limits.side or rows * columns > limits.pixels:
        raise InputRejected("film.too_large", rows=rows, columns=columns)
    if getattr(picture, "n_frames", 1) > 1:
        raise InputRejected("picture.several_frames")


def _check(picture: Image) -> None:
    if picture.mode not in _GREY and picture.mode not in _COLOUR:
        raise InputRejected("picture.mode", mode=picture.mode)


def _grey(picture: Image, notices: Notices) -> NDArray[Any]:
    if picture.mode in _GREY:
        stored: NDArray[Any] = np.asarray(picture)
        if picture.mode == "I" and not 0 <= int(stored.min()) <= int(stored.max()) <= 65535:
            raise InputRejected("picture.mode", mode=picture.mode)
        return stored.astype(_GREY[picture.mode])
    colours: NDArray[Any] = np.asarray(picture.convert("RGB"))
    red = colours[..., 0]
    if np.array_equal(red, colours[..., 1]) and np.array_equal(red, colours[..., 2]):
        return red.copy()
    notices.warn("film.colour", photometric=picture.mode)
    luminance: NDArray[Any] = np.rint(colours @ _LUMINANCE).astype(np.uint8)
    return luminance
