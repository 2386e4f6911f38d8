"""Fit the small statistical model from which demo chest films are drawn.

An active appearance model (Cootes, Edwards, Taylor 2001, doi:10.1109/34.927467): public adult
PA films are registered to a common template, then shape (a coarse displacement grid) and
appearance (the film warped to the template) get principal components each, and a ridge
regression on sex, age and three findings shifts their means. Only means, components and spreads
are kept, no film. Run as ``python -m qiangji_training.fit_film_generator NIH_FOLDER OUT.npz``.
"""

from __future__ import annotations

import csv
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional

log = logging.getLogger(__name__)

SIDE: Final = 128  # public films' side in pixels
GRID: Final = 17  # knots of the displacement grid along each axis
SHAPE_COMPONENTS: Final = 20
APPEARANCE_COMPONENTS: Final = 60
FINDINGS: Final = ("Effusion", "Cardiomegaly", "Pneumothorax")
NORMAL_FILMS: Final = 700
FINDING_FILMS: Final = 110
RIDGE: Final = 20.0
_GLYPH_PX: Final = 96
_FONT: Final = "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FilmSet:
    """Films (n, SIDE, SIDE), locally normalised copy is made later; covariates (n, 5)."""

    pictures: Floats
    covariates: Floats


def read_films(folder: Path) -> FilmSet:
    """Adult PA films of the train split: normal ones and those with the three findings."""
    with (folder / "labels.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if _is_adult_pa(row)]
    normal = _one_per_patient([row for row in rows if row["No_Finding"] == "1"], NORMAL_FILMS)
    chosen = list(normal)
    for finding in FINDINGS:
        with_it = [row for row in rows if row[finding] == "1"]
        chosen += _one_per_patient(with_it, FINDING_FILMS)
    pictures = np.stack([_picture(folder / row["file"]) for row in chosen])
    covariates = np.array([_covariates(row) for row in chosen], dtype=np.float32)
    keep = _looks_like_the_mean(pictures)
    log.info("films read %d, kept %d", len(keep), int(keep.sum()))
    return FilmSet(pictures[keep], covariates[keep])


def _is_adult_pa(row: dict[str, str]) -> bool:
    return row["view"] == "PA" and row["split"] == "train" and 18 <= float(row["age"]) <= 95


def _one_per_patient(rows: list[dict[str, str]], limit: int) -> list[dict[str, str]]:
    first: dict[str, dict[str, str]] = {}
    for row in rows:
        first.setdefault(row["patient_id"], row)
    return list(first.values())[:limit]


def _picture(path: Path) -> Floats:
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L").resize((SIDE, SIDE)), dtype=np.float32)
    low, high = np.percentile(grey[8:-8, 8:-8], [1, 99])
    return np.asarray(np.clip((grey - low) / max(high - low, 1.0), -0.1, 1.1), dtype=np.float32)


def _covariates(row: dict[str, str]) -> list[float]:
    male = 0.5 if row["sex"] == "M" else -0.5
    return [male, (float(row["age"]) - 50) / 20, *(float(row[name] == "1") for name in FINDINGS)]


def _looks_like_the_mean(pictures: Floats) -> NDArray[np.bool_]:
    """Leave out the upside-down, inverted and cut films: least correlated with the mean."""
    flat = pictures.reshape(len(pictures), -1)
    flat = (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)
    correlation = flat @ flat.mean(0)
    return np.asarray(correlation > np.quantile(correlation, 0.08))


# --- registration -------------------------------------------------------------------------


def _box(films: torch.Tensor, width: int) -> torch.Tensor:
    padded = functional.pad(films, (width // 2,) * 4, mode="reflect")
    return functional.avg_pool2d(padded, width, 1)


def _normalise_locally(films: torch.Tensor, width: int) -> torch.Tensor:
    """Films (n, 1, h, w) with local mean 0 and spread 1 over a box of the given width."""
    mean = _box(films, width)
    variance = (_box(films * films, width) - mean * mean).clamp_min(1e-4)
    return (films - mean) / (variance.sqrt() + 0.03)


def _dense(knots: torch.Tensor, side: int) -> torch.Tensor:
    """Displacement (n, 2, g, g) in half-widths to (n, side, side, 2)."""
    full = functional.interpolate(knots, size=(side, side), mode="bicubic", align_corners=True)
    return full.permute(0, 2, 3, 1)


def _identity(side: int) -> torch.Tensor:
    line = torch.linspace(-1, 1, side)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([columns, rows], dim=-1)[None]


def _warp(films: torch.Tensor, knots: torch.Tensor) -> torch.Tensor:
    side = films.shape[-1]
    grid = _identity(side) + _dense(knots, side)
    return functional.grid_sample(films, grid, padding_mode="border", align_corners=True)


def _bending(knots: torch.Tensor) -> torch.Tensor:
    across = knots[..., 2:] - 2 * knots[..., 1:-1] + knots[..., :-2]
    down = knots[..., 2:, :] - 2 * knots[..., 1:-1, :] + knots[..., :-2, :]
    return across.square().sum((1, 2, 3)) + down.square().sum((1, 2, 3))


def _register(
    films: torch.Tensor,
    knots: torch.Tensor,
    template: torch.Tensor,
    *,
    width: int,
    steps: int,
    stiffness: float,
) -> torch.Tensor:
    """Move the knots of every film so that it matches the template locally."""
    knots = knots.clone().requires_grad_()
    optimiser = torch.optim.Adam([knots], lr=0.008)
    for _ in range(steps):
        optimiser.zero_grad()
        moved = _normalise_locally(_warp(films, knots), width)
        likeness = (moved.clamp(-2.5, 2.5) * template).mean((1, 2, 3))
        loss = (-likeness + stiffness * _bending(knots)).sum()
        loss.backward()
        optimiser.step()
    return knots.detach()


def align(pictures: Floats) -> tuple[Floats, Floats]:
    """Group-wise registration, coarse to fine.

    Returns
    -------
        Films on the template (n, SIDE, SIDE) and displacement knots (n, 2, GRID, GRID) in
        half-widths, x first; what the template shows at p is film(p + displacement(p)).
    """
    films = torch.from_numpy(pictures)[:, None]
    half = functional.avg_pool2d(films, 2)
    knots = torch.zeros(len(films), 2, GRID, GRID)
    rounds = ((half, 13, 30, 0.6), (half, 13, 30, 0.15), (films, 25, 12, 0.06))
    for level, width, steps, stiffness in rounds:
        batches = list(zip(level.split(200), knots.split(200), strict=True))
        mean = torch.cat([_warp(film, knot) for film, knot in batches]).mean(0, keepdim=True)
        template = _normalise_locally(mean, width)
        moved = [_register(*pair, template, width=width, steps=steps, stiffness=stiffness)
                 for pair in batches]  # fmt: skip
        knots = torch.cat(moved)
        knots = knots - knots.mean(0, keepdim=True)
        log.info("registered on %d px, stiffness %s", level.shape[-1], stiffness)
    return _warp(films, knots)[:, 0].numpy(), knots.numpy()


# --- components ---------------------------------------------------------------------------


def _components(rows: Floats, covariates: Floats, count: int) -> dict[str, Floats]:
    """Ridge regression on the covariates, then principal components of what remains.

    Returns
    -------
        ``mean`` (d,), ``slopes`` (covariates, d), ``axes`` (count, d) scaled to one standard
        deviation, ``rest`` (d,) spread that the axes leave.
    """
    design = np.concatenate([np.ones((len(rows), 1), np.float32), covariates], axis=1)
    penalty = RIDGE * np.eye(design.shape[1], dtype=np.float32)
    penalty[0, 0] = 0
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ rows)
    rest = rows - design @ weights
    rest = np.clip(rest, *np.quantile(rest, [0.002, 0.998]))
    _, spread, axes = np.linalg.svd(rest - rest.mean(0), full_matrices=False)
    axes = axes[:count] * (spread[:count, None] / np.sqrt(len(rows)))
    rest = rest - (rest @ np.linalg.pinv(axes)) @ axes
    return {"mean": weights[0], "slopes": weights[1:], "axes": axes, "rest": rest.std(0)}


def _lungs(mean: Floats) -> NDArray[np.uint8]:
    """Right (image left) and left lung of the template (2, SIDE, SIDE), 0 or 1."""
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(mean, 1.5)
    body = np.zeros_like(mean, dtype=bool)
    body[10:112, 12:116] = True
    labelled, count = ndimage.label((smooth < np.quantile(smooth[20:90, 25:105], 0.5)) & body)
    sizes = [
        [(labelled[20:90, columns] == label).sum() for label in range(1, count + 1)]
        for columns in (slice(22, 58), slice(70, 106))
    ]
    chosen = [labelled == 1 + int(np.argmax(size)) for size in sizes]
    filled = [ndimage.binary_fill_holes(ndimage.binary_closing(lung, iterations=3))
              for lung in chosen]  # fmt: skip
    return np.stack(filled).astype(np.uint8)


def _glyph(text: str) -> NDArray[np.uint8]:
    """A text as a bitmap (rows, columns) 0 or 1, drawn here so that run time needs no font."""
    font = ImageFont.truetype(_FONT, _GLYPH_PX)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text))
    image = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, fill=255, font=font)
    return (np.asarray(image) > 127).astype(np.uint8)


def _as_bytes(values: Floats) -> tuple[NDArray[np.int8], Floats]:
    scale = np.abs(values).max(axis=1, keepdims=True) / 127
    return np.round(values / scale).astype(np.int8), scale[:, 0].astype(np.float32)


def fit(folder: Path) -> dict[str, NDArray[np.generic]]:
    """All arrays of the model file."""
    films = read_films(folder)
    aligned, knots = align(films.pictures)
    return model_arrays(aligned, knots, films.covariates)


def model_arrays(
    aligned: Floats, knots: Floats, covariates: Floats
) -> dict[str, NDArray[np.generic]]:
    """Reduce registered films to means, slopes, components and spreads."""
    look = _components(aligned.reshape(len(aligned), -1), covariates, APPEARANCE_COMPONENTS)
    shape = _components(knots.reshape(len(knots), -1), covariates, SHAPE_COMPONENTS)
    axes, scale = _as_bytes(look["axes"])
    return {
        "look_mean": look["mean"].reshape(SIDE, SIDE).astype(np.float16),
        "look_slopes": look["slopes"].reshape(-1, SIDE, SIDE).astype(np.float16),
        "look_axes": axes.reshape(-1, SIDE, SIDE),
        "look_scale": scale,
        "look_rest": look["rest"].reshape(SIDE, SIDE).astype(np.float16),
        "shape_mean": shape["mean"].reshape(2, GRID, GRID).astype(np.float16),
        "shape_slopes": shape["slopes"].reshape(-1, 2, GRID, GRID).astype(np.float16),
        "shape_axes": shape["axes"].reshape(-1, 2, GRID, GRID).astype(np.float16),
        "lungs": _lungs(look["mean"].reshape(SIDE, SIDE)),
        "glyph_demo": _glyph("演示 DEMO"),
        "glyph_left": _glyph("L"),
    }


def main(arguments: list[str]) -> None:
    """Fit on the NIH folder and write the model file."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder, out = (Path(argument) for argument in arguments)
    torch.manual_seed(0)
    np.savez_compressed(out, allow_pickle=False, **fit(folder))
    log.info("wrote %s, %d bytes", out, out.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1:])
