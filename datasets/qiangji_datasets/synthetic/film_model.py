"""The statistical model behind demo chest films: means, components and spreads, no film.

``film_model.npz`` is written by ``qiangji_training.fit_film_generator`` from adult PA films of
the NIH ChestX-ray14 train split (NIH Clinical Center, free use with attribution).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]

#: Order of the covariates the means are shifted by.
COVARIATES: Final = ("male", "age", "effusion", "cardiomegaly", "pneumothorax")
#: Share of the films' own spread that samples are given: extremes look unnatural.
_SPREAD: Final = 0.75
_REST_SHARE: Final = 0.12
_REST_BLUR_PX: Final = 1.2


@dataclass(frozen=True, eq=False)
class FilmModel:
    """Arrays of the model file.

    Parameters
    ----------
    look_mean, look_slopes, look_axes, look_scale, look_rest
        Appearance on the template (side, side), 0 dark to 1 bright: mean, change per covariate,
        components (int8 times scale, one standard deviation each), spread left over.
    shape_mean, shape_slopes, shape_axes
        Displacement knots (2, grid, grid) in half-widths, x first.
    lungs
        Right (image left) and left lung on the template (2, side, side), 0 or 1.
    glyphs
        Bitmaps by name: ``demo`` (演示 DEMO) and ``left`` (side marker).
    """

    look_mean: Floats
    look_slopes: Floats
    look_axes: Floats
    look_scale: Floats
    look_rest: Floats
    shape_mean: Floats
    shape_slopes: Floats
    shape_axes: Floats
    lungs: Floats
    glyphs: dict[str, NDArray[np.uint8]]

    def draw_look(self, rng: np.random.Generator, covariates: Floats) -> Floats:
        """A new appearance on the template (side, side)."""
        weights = _bounded_normal(rng, len(self.look_axes)) * self.look_scale
        look = self.look_mean + np.tensordot(covariates, self.look_slopes, axes=1)
        look = look + _SPREAD * np.tensordot(weights, self.look_axes, axes=1)
        grain = ndimage.gaussian_filter(rng.standard_normal(look.shape), _REST_BLUR_PX)
        grain /= grain.std()
        return np.asarray(look + _REST_SHARE * self.look_rest * grain, dtype=np.float32)

    def draw_shape(self, rng: np.random.Generator, covariates: Floats) -> Floats:
        """New displacement knots (2, grid, grid) in half-widths, template to film, x first."""
        weights = _bounded_normal(rng, len(self.shape_axes))
        shape = self.shape_mean + np.tensordot(covariates, self.shape_slopes, axes=1)
        shape = shape + _SPREAD * np.tensordot(weights, self.shape_axes, axes=1)
        return np.asarray(shape, dtype=np.float32)


def _bounded_normal(rng: np.random.Generator, count: int) -> Floats:
    return np.clip(rng.standard_normal(count), -2, 2).astype(np.float32)


@cache
def film_model() -> FilmModel:
    """The model shipped with the package."""
    file = resources.files("qiangji_datasets.synthetic").joinpath("film_model.npz")
    with file.open("rb") as handle, np.load(handle) as arrays:
        glyphs = {key[6:]: arrays[key] for key in arrays.files if key.startswith("glyph_")}
        rest = {
            key: arrays[key].astype(np.float32)
            for key in arrays.files
            if not key.startswith("glyph_")
        }
    return FilmModel(glyphs=glyphs, **rest)
