"""Chest films: from stored values to the display range and on to a network's input.

Stages: stored values → modality values → VOI (window or table of the device, else robust
percentiles) → polarity → display range (uint8, high = dense) → fit to the network's rectangle
→ equalise → standardise → mask border. A set that was published already reduced to 8 bits
enters as ``ReducedFilm`` after the display range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import Radiograph, Window
from qiangji_models.preprocess.specs import FilmSpec, Fit

_DISPLAY_MAX: Final = 255.0
#: Values sampled for percentiles; more changes the result by less than one grey level.
_PERCENTILE_SAMPLES: Final = 120_000
#: A device window that clips more than this part of the picture is not used by the model.
_MAX_CLIPPED: Final = 0.75


@dataclass(frozen=True, eq=False)
class ReducedFilm:
    """A film published already in the display range: (rows, cols) uint8, high = dense."""

    display: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.display.ndim != 2 or 0 in self.display.shape:
            raise InputRejected("film.not_two_dimensional", shape=str(self.display.shape))
        if self.display.dtype != np.uint8:
            raise InputRejected("film.pixel_type", dtype=str(self.display.dtype))


def values(film: Radiograph) -> NDArray[np.float32]:
    """Modality values of a film.

    Parameters
    ----------
    film
        The film as stored.

    Returns
    -------
        (rows, cols): stored value through the modality LUT where there is one, else
        ``stored * slope + intercept``. Polarity is not touched.

    References
    ----------
    DICOM PS3.3 C.11.1.
    """
    return np.take(_modality_table(film), _index(film))


def display(
    film: Radiograph,
    window: Window | None = None,
    *,
    percentiles: tuple[float, float] = (0.5, 99.5),
) -> NDArray[np.uint8]:
    """Picture as it is shown: VOI applied, MONOCHROME1 undone.

    Parameters
    ----------
    film
        The film as stored.
    window
        Window to use; None takes the device's LUT or first window, and robust percentiles
        where there is none or where it clips nearly everything.
    percentiles
        Low and high percentile for that fall-back, 0–100.

    Returns
    -------
        (rows, cols) uint8, high = dense (bone white).

    References
    ----------
    DICOM PS3.3 C.11.2 and C.7.6.3.1.2.
    """
    table = _display_table(film, window, percentiles)
    if film.is_monochrome1:
        table = np.uint8(255) - table
    return np.take(table, _index(film))


def to_model_input(film: Radiograph | ReducedFilm, spec: FilmSpec) -> NDArray[np.float32]:
    """Prepare a film as the network was trained on.

    Parameters
    ----------
    film
        A film as stored, or one that enters after the display range.
    spec
        Preprocessing of one bundle.

    Returns
    -------
        (1, 1, spec.rows, spec.cols), zero mean and unit variance over the unmasked picture;
        the masked border is 0.
    """
    if isinstance(film, ReducedFilm):
        shown = film.display
    else:
        shown = display(film, percentiles=(spec.low_percentile, spec.high_percentile))
    small = fit(shown, spec)
    return standardise(equalise(small) if spec.equalise else small, spec)[None, None]


def fit(shown: NDArray[np.uint8], spec: FilmSpec) -> NDArray[np.uint8]:
    """Area-resize to (spec.rows, spec.cols) by the spec's treatment of the aspect ratio."""
    picture = Image.fromarray(shown)
    top, left, bottom, right = map_extent(shown.shape, spec)
    height, width = shown.shape
    if spec.fit is Fit.PAD:
        inner = (round(spec.cols / (right - left)), round(spec.rows / (bottom - top)))
        canvas = Image.new("L", (spec.cols, spec.rows), 0)
        offset = ((spec.cols - inner[0]) // 2, (spec.rows - inner[1]) // 2)
        canvas.paste(picture.resize(inner, Image.Resampling.BOX), offset)
        return np.asarray(canvas)
    box = (left * width, top * height, right * width, bottom * height)
    return np.asarray(picture.resize((spec.cols, spec.rows), Image.Resampling.BOX, box=box))


def equalise(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Histogram equalisation: grey level becomes the part of the picture that is darker."""
    counts = np.bincount(small.ravel(), minlength=256)
    below = np.cumsum(counts) - counts / 2
    table = np.round(below / small.size * _DISPLAY_MAX).astype(np.uint8)
    return table[small]


def standardise(small: NDArray[np.uint8], spec: FilmSpec) -> NDArray[np.float32]:
    """Zero mean and unit variance over the inside of the border; the border becomes 0."""
    rows, cols = inside(spec)
    kept = small[rows, cols].astype(np.float32)
    spread = max(float(kept.std()), 1.0)  # one grey level: a blank film stays near zero
    result = np.zeros(small.shape, np.float32)
    result[rows, cols] = (kept - kept.mean()) / spread
    return result


def inside(spec: FilmSpec) -> tuple[slice, slice]:
    """Rows and columns of the input that the border mask leaves."""
    top = round(spec.border_fraction * spec.rows)
    left = round(spec.border_fraction * spec.cols)
    return slice(top, spec.rows - top), slice(left, spec.cols - left)


def map_extent(shape: tuple[int, ...], spec: FilmSpec) -> tuple[float, float, float, float]:
    """Which part of the stored picture the network's rectangle covers.

    Parameters
    ----------
    shape
        (rows, cols) of the stored picture.
    spec
        Preprocessing of one bundle.

    Returns
    -------
        (top, left, bottom, right) as fractions of the stored picture; padding reaches below 0
        and above 1.
    """
    if spec.fit is Fit.STRETCH:
        return 0.0, 0.0, 1.0, 1.0
    wanted = spec.cols / spec.rows
    actual = shape[1] / shape[0]
    # PAD grows the shorter side past the picture, CROP shrinks the longer one.
    keeps_height = (actual > wanted) == (spec.fit is Fit.CROP)
    tall, wide = (1.0, wanted / actual) if keeps_height else (actual / wanted, 1.0)
    return (1 - tall) / 2, (1 - wide) / 2, (1 + tall) / 2, (1 + wide) / 2


def _index(film: Radiograph) -> NDArray[np.unsignedinteger]:
    """Stored values as unsigned integers of the same bits, to look tables up with."""
    unsigned: np.dtype[np.unsignedinteger] = np.dtype(f"u{film.pixels.dtype.itemsize}")
    native = film.pixels.dtype.newbyteorder("=")
    return np.ascontiguousarray(film.pixels, native).view(unsigned)


def _stored(film: Radiograph) -> NDArray[np.int64]:
    """Stored value of every index that ``_index`` can give."""
    return (
        np.arange(256**film.pixels.dtype.itemsize, dtype=np.uint16)
        .astype(film.pixels.dtype.newbyteorder("="))
        .astype(np.int64)
    )


def _modality_table(film: Radiograph) -> NDArray[np.float32]:
    stored = _stored(film)
    if film.modality_lut is not None:
        first, table = film.modality_lut
        return np.take(table, np.clip(stored - first, 0, len(table) - 1)).astype(np.float32)
    return (stored * film.slope + film.intercept).astype(np.float32)


def _display_table(
    film: Radiograph, window: Window | None, percentiles: tuple[float, float]
) -> NDArray[np.uint8]:
    modality = _modality_table(film)
    if window is not None:
        return _windowed(modality, window)
    if film.voi_lut is not None:
        return _through_lut(modality, film.voi_lut)
    sample = _sample(film)
    if film.windows and _clipped(modality[sample], film.windows[0]) <= _MAX_CLIPPED:
        return _windowed(modality, film.windows[0])
    low, high = np.percentile(modality[sample], percentiles)
    width = max(float(high - low), 1e-6)
    return _to_byte((modality - np.float32(low)) / np.float32(width))


def _sample(film: Radiograph) -> NDArray[np.int64]:
    step = max(1, int(np.sqrt(film.pixels.size / _PERCENTILE_SAMPLES)))
    return _index(film)[::step, ::step].astype(np.int64)


def _clipped(sample: NDArray[np.float32], window: Window) -> float:
    half = window.width / 2
    return float(np.mean((sample <= window.centre - half) | (sample >= window.centre + half)))


def _windowed(modality: NDArray[np.float32], window: Window) -> NDArray[np.uint8]:
    # DICOM PS3.3 C.11.2.1.2.1, VOI LUT function LINEAR
    width = max(window.width - 1.0, 1e-6)
    return _to_byte((modality - np.float32(window.centre - 0.5)) / np.float32(width) + 0.5)


def _through_lut(
    modality: NDArray[np.float32], lut: tuple[int, NDArray[np.uint16]]
) -> NDArray[np.uint8]:
    first, table = lut
    index = np.clip(np.rint(modality).astype(np.int64) - first, 0, len(table) - 1)
    low, high = float(table.min()), float(table.max())
    return _to_byte((np.take(table, index).astype(np.float32) - low) / max(high - low, 1.0))


def _to_byte(fraction: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(fraction, 0.0, 1.0) * _DISPLAY_MAX), np.uint8)
