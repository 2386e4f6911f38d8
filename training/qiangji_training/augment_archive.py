"""What a device or an archive may have done to a picture: blur, edge enhancement, compression."""

from __future__ import annotations

import io
from typing import Final, Protocol

import numpy as np
from PIL import Image, ImageFilter

_BLUR_FROM_PX: Final = 0.3
_SHARPEN_PERCENT: Final = (40, 160)
_JPEG_QUALITY: Final = (35, 90)


class Archive(Protocol):
    """Chance of each change, 0 to 1."""

    @property
    def blur(self) -> float: ...
    @property
    def sharpen(self) -> float: ...
    @property
    def jpeg(self) -> float: ...


def archived(
    picture: Image.Image, how: Archive, rng: np.random.Generator, *, blur_px: float
) -> Image.Image:
    """The picture as another archive may hold it.

    Parameters
    ----------
    blur_px
        Largest radius of the blur.
    """
    if rng.random() < how.blur:
        radius = rng.uniform(_BLUR_FROM_PX, blur_px)
        picture = picture.filter(ImageFilter.GaussianBlur(radius))
    if rng.random() < how.sharpen:
        percent = int(rng.integers(*_SHARPEN_PERCENT))
        picture = picture.filter(ImageFilter.UnsharpMask(1.0, percent, threshold=0))
    if rng.random() < how.jpeg:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=int(rng.integers(*_JPEG_QUALITY)))
        picture = Image.open(stream)
    return picture
