"""Demo chest films drawn from a statistical model: synthetic, marked 演示, never a patient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from qiangji_datasets.records import (
    PersonIdentity,
    Radiograph,
    Sex,
    SpacingKind,
    StudyIds,
    View,
    Window,
)
from qiangji_datasets.synthetic import film_texture as texture
from qiangji_datasets.synthetic.film_dicom import write_film_dicom
from qiangji_datasets.synthetic.film_model import FilmModel, film_model
from qiangji_datasets.synthetic.film_ribs import ribs

__all__ = ["Appearance", "FilmRecipe", "sample_film", "write_film_dicom"]

Floats = NDArray[np.float32]

_BITS: Final = 12
_BLACK, _WHITE = 180.0, 3650.0  # stored values of air and of bone
_FIELD_MM: Final = 410.0  # width of the detector, an adult cassette of 16 inches
_AP_HEART: Final = 0.10  # an AP film magnifies the heart
_NOISE: Final = (9.0, 16.0)  # stored values, in air and in bone


class Appearance(StrEnum):
    """What a demo film resembles; not a diagnosis, and no truth for evaluation."""

    NORMAL = "normal"
    EFFUSION = "effusion-like"
    CARDIOMEGALY = "cardiomegaly-like"
    PNEUMOTHORAX = "pneumothorax-like"


@dataclass(frozen=True)
class FilmRecipe:
    """What to draw.

    Parameters
    ----------
    age_years
        18–95; the model knows adults only.
    side
        ``R`` or ``L`` for one-sided appearances, empty for a drawn one.
    rows, columns
        Size of the film, 256–4096 pixels.
    """

    appearance: Appearance = Appearance.NORMAL
    age_years: float = 55
    sex: Sex = Sex.M
    view: View = View.PA
    side: str = ""
    rows: int = 2048
    columns: int = 2048

    def __post_init__(self) -> None:
        if not (256 <= self.rows <= 4096 and 256 <= self.columns <= 4096):
            raise ValueError(f"film of {self.rows} x {self.columns} px, 256 to 4096 allowed")
        if not 18 <= self.age_years <= 95:
            raise ValueError(f"age {self.age_years}, 18 to 95 allowed")
        if self.view not in {View.PA, View.AP}:
            raise ValueError(f"view {self.view}, only PA and AP are modelled")
        if self.side not in {"", "R", "L"}:
            raise ValueError(f"side {self.side!r}, R, L or empty allowed")


def sample_film(
    rng: np.random.Generator,
    recipe: FilmRecipe | None = None,
    *,
    person: PersonIdentity | None = None,
    ids: StudyIds | None = None,
    modality_code: str = "DX",
) -> Radiograph:
    """Draw one film.

    Parameters
    ----------
    rng
        All randomness; equal generators draw equal films.
    person, ids
        Facts to carry; by default nobody, with the recipe's age and sex.

    Returns
    -------
        12-bit film, bright bone (MONOCHROME2), 演示 DEMO burned into the upper left corner.
    """
    recipe = recipe or FilmRecipe()
    model = film_model()
    brightness = _project(rng, recipe, model)
    pixels = _expose(rng, brightness, model)
    spacing_mm = round(_FIELD_MM / recipe.columns, 4)
    return Radiograph(
        pixels=pixels,
        bits_stored=_BITS,
        view=recipe.view,
        person=person or PersonIdentity(sex=recipe.sex, age_years=recipe.age_years),
        ids=ids or StudyIds(),
        windows=(Window(1950.0, 3700.0, "NORMAL"), Window(1500.0, 2300.0, "LUNG")),
        spacing_mm=(spacing_mm, spacing_mm),
        spacing_kind=SpacingKind.DETECTOR,
        body_part="CHEST",
        modality_code=modality_code,
    )


def _covariates(recipe: FilmRecipe) -> Floats:
    """In the order of ``film_model.COVARIATES``, scaled as in the fit."""
    male = {Sex.M: 0.5, Sex.F: -0.5}.get(recipe.sex, 0.0)
    signs = [float(recipe.appearance is kind) for kind in list(Appearance)[1:]]
    return np.array([male, (recipe.age_years - 50) / 20, *signs], dtype=np.float32)


def _project(rng: np.random.Generator, recipe: FilmRecipe, model: FilmModel) -> Floats:
    """The film's brightness (rows, columns), about 0 to 1, without noise or marks."""
    covariates = _covariates(recipe)
    template = _dress(rng, recipe, model, model.draw_look(rng, covariates))
    shift = _inverse(model.draw_shape(rng, covariates))
    rows = np.linspace(0, 1, recipe.rows, dtype=np.float32)
    columns = np.linspace(0, 1, recipe.columns, dtype=np.float32)
    knots = (shift.shape[1] - 1) * np.stack(np.meshgrid(rows, columns, indexing="ij"))
    across, down = (ndimage.map_coordinates(part, knots, order=1) for part in shift)
    end = texture.TEMPLATE - 1
    where = [(rows[:, None] + down) * end, (columns[None] + across) * end]
    return np.asarray(
        ndimage.map_coordinates(template, where, order=1, mode="mirror"), dtype=np.float32
    )


def _inverse(knots: Floats) -> Floats:
    """Displacement film to template (2, 129, 129), fractions of the film, x first."""
    side = 129
    line = np.linspace(0, 1, side, dtype=np.float32)
    down, across = np.meshgrid(line, line, indexing="ij")
    dense = np.stack([_zoom(part, side) for part in knots]) / 2  # half-widths to fractions
    back = np.zeros_like(dense)
    for _ in range(12):
        where = [(down + back[1]) * (side - 1), (across + back[0]) * (side - 1)]
        back = -np.stack(
            [ndimage.map_coordinates(part, where, order=1, mode="nearest") for part in dense]
        )
    return np.asarray(back, dtype=np.float32)


def _zoom(picture: Floats, side: int) -> Floats:
    line = np.linspace(0, picture.shape[0] - 1, side)
    where = np.meshgrid(line, line, indexing="ij")
    return np.asarray(ndimage.map_coordinates(picture, where, order=3, mode="nearest"), np.float32)


def _dress(rng: np.random.Generator, recipe: FilmRecipe, model: FilmModel, look: Floats) -> Floats:
    """Up-sample an appearance to the template and add fine detail and the finding."""
    line = np.linspace(0, 1, texture.TEMPLATE, dtype=np.float32)
    where = np.stack(np.meshgrid(line, line, indexing="ij"))
    heart = 0.24 if recipe.appearance is Appearance.CARDIOMEGALY else 0.0
    where = texture.enlarge_heart(where, heart + _AP_HEART * (recipe.view is View.AP))
    fine = ndimage.map_coordinates(look, where * (look.shape[0] - 1), order=3, mode="nearest")
    lungs = np.stack([np.clip(_zoom(lung, texture.TEMPLATE), 0, 1) for lung in model.lungs])
    fine = texture.sharpen(fine)
    fine = fine + ribs(rng, lungs)
    detail = texture.vessels(rng, lungs)
    detail += 0.006 * texture.grain(rng, (texture.TEMPLATE, texture.TEMPLATE), 1.0)
    side = {"R": 0, "L": 1}.get(recipe.side, int(rng.integers(2)))
    if recipe.appearance is Appearance.PNEUMOTHORAX:
        air, line_of_pleura = texture.pneumothorax_share(
            lungs, side=side, collapse=float(rng.uniform(0.18, 0.30))
        )
        return np.asarray(fine - 0.13 * air + 0.08 * line_of_pleura + detail * (1 - air))
    fine = fine + detail
    if recipe.appearance is Appearance.EFFUSION:
        height = float(rng.uniform(0.3, 0.5))
        fine = texture.add_effusion(rng, fine, lungs, side=side, height=height)
    return np.asarray(fine, dtype=np.float32)


def _expose(rng: np.random.Generator, brightness: Floats, model: FilmModel) -> NDArray[np.uint16]:
    """Stored values with quantum noise, shutter border and marks (rows, columns)."""
    curve = np.clip(brightness, -0.06, 1.12)
    curve = np.where(curve > 0.9, 0.9 + 0.2 * np.tanh((curve - 0.9) / 0.2), curve)
    values = _BLACK + (_WHITE - _BLACK) * (curve + 0.05) / 1.12
    spread = np.interp(curve, [0.0, 1.0], _NOISE).astype(np.float32)
    noise = ndimage.gaussian_filter(rng.standard_normal(values.shape, dtype=np.float32), 0.6)
    values = values + spread * noise / noise.std()
    _close_shutter(rng, values)
    _burn_in(values, model.glyphs["demo"], top=0.025, left=0.02, height=0.032)
    _burn_in(values, model.glyphs["left"], top=0.06, left=0.93, height=0.03)
    return np.asarray(np.clip(np.round(values), 0, 2**_BITS - 1), dtype=np.uint16)


def _close_shutter(rng: np.random.Generator, values: Floats) -> None:
    rows, columns = values.shape
    top, bottom = (int(rows * edge) for edge in rng.uniform(0.0, 0.012, 2))
    left, right = (int(columns * edge) for edge in rng.uniform(0.0, 0.012, 2))
    values[:top] = values[rows - bottom :] = _BLACK / 2
    values[:, :left] = values[:, columns - right :] = _BLACK / 2


def _burn_in(
    values: Floats, glyph: NDArray[np.uint8], *, top: float, left: float, height: float
) -> None:
    """Set a bitmap to white, its place and height given as shares of the film."""
    rows, columns = values.shape
    scale = glyph.shape[0] / (height * rows)
    tall, wide = int(glyph.shape[0] / scale), int(glyph.shape[1] / scale)
    source_rows = (np.arange(tall) * scale).astype(int)
    source_columns = (np.arange(wide) * scale).astype(int)
    row, column = int(top * rows), int(left * columns)
    stamp = glyph[source_rows][:, source_columns] > 0
    window = values[row : row + tall, column : column + wide]
    window[stamp[: window.shape[0], : window.shape[1]]] = 2**_BITS - 1
