"""Random changes of a film while training, before the same preprocessing that serves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import FilmSpec, Fit
from qiangji_training.augment_archive import archived
from qiangji_training.config import FilmAugment

_EDGE_PX = 12
_KERNELS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
_BLUR_PX = 1.0


def augment_film(
    shown: NDArray[np.uint8], how: FilmAugment, spec: FilmSpec, rng: np.random.Generator
) -> NDArray[np.float32]:
    """One film in the display range, changed at random and then preprocessed as in service.

    Returns
    -------
        (1, spec.rows, spec.cols).
    """
    toned = _tone(shown, how, rng)
    picture = Image.fromarray(np.pad(toned, _EDGE_PX, mode="edge"))
    angle = rng.uniform(-how.rotate_deg, how.rotate_deg)
    picture = picture.rotate(angle, Image.Resampling.BILINEAR)
    picture = archived(picture, how, rng, blur_px=_BLUR_PX)
    kernel = Image.Resampling.BOX
    if rng.random() < how.kernel:
        kernel = _KERNELS[rng.integers(len(_KERNELS))]
    size = (spec.cols, spec.rows)
    small = picture.resize(size, kernel, box=_box(shown.shape, how, rng))
    grain = rng.normal(0, rng.uniform(0, how.noise), (spec.rows, spec.cols))
    ready = np.clip(np.rint(np.asarray(small) + grain), 0, 255).astype(np.uint8)
    if spec.equalise:
        ready = films.equalise(ready)
    result = films.standardise(ready, spec)
    if rng.random() < how.erase:
        _erase(result, rng)
    return np.asarray(result[None], np.float32)


def plain_film(shown: NDArray[np.uint8], spec: FilmSpec) -> NDArray[np.float32]:
    """One film in the display range as the service sees it, (1, spec.rows, spec.cols)."""
    prepared: NDArray[np.float32] = films.to_model_input(films.ReducedFilm(shown), spec)[0]
    return prepared


def sized(spec: FilmSpec, side: int) -> FilmSpec:
    """The same preprocessing at another input size."""
    return FilmSpec(
        rows=side,
        cols=side,
        fit=Fit(spec.fit),
        low_percentile=spec.low_percentile,
        high_percentile=spec.high_percentile,
        equalise=spec.equalise,
        border_fraction=spec.border_fraction,
    )


def _tone(
    shown: NDArray[np.uint8], how: FilmAugment, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Another device's window: clipped ends and another gamma, through one table."""
    low, high = rng.uniform(0, how.clip), 1 - rng.uniform(0, how.clip)
    gamma = np.exp(rng.uniform(-how.gamma, how.gamma))
    levels = np.clip((np.arange(256) / 255 - low) / (high - low), 0, 1) ** gamma
    return np.asarray(np.rint(255 * levels).astype(np.uint8)[shown], np.uint8)


def _box(
    shape: tuple[int, ...], how: FilmAugment, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Where to cut from the padded picture: left, top, right, bottom; aspect varies by 5 %."""
    height, width = shape
    zoom = rng.uniform(1 - how.zoom, 1 + how.zoom)
    aspect = np.exp(rng.uniform(-0.05, 0.05))
    wide, tall = width * min(zoom * aspect, 1.1), height * min(zoom / aspect, 1.1)
    across, down = rng.uniform(-how.shift, how.shift, 2)
    full_width, full_height = width + 2 * _EDGE_PX, height + 2 * _EDGE_PX
    left = np.clip((full_width - wide) / 2 + across * width, 0, full_width - wide)
    top = np.clip((full_height - tall) / 2 + down * height, 0, full_height - tall)
    return float(left), float(top), float(left + wide), float(top + tall)


def _erase(picture: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Blank one rectangle of up to a quarter of each side: markers must not carry a call."""
    rows, cols = picture.shape
    tall, wide = rng.integers(rows // 12, rows // 4), rng.integers(cols // 12, cols // 4)
    top, left = rng.integers(0, rows - tall), rng.integers(0, cols - wide)
    picture[top : top + tall, left : left + wide] = 0
