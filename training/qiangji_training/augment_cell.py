"""Random changes of a cell picture while training: another microscope, another laboratory."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qiangji_datasets.records import CellImage, PersonIdentity, StudyIds
from qiangji_models.preprocess import cell as cells
from qiangji_models.preprocess.specs import CellSpec
from qiangji_training.augment_archive import archived
from qiangji_training.config import CellAugment

_BLUR_PX: Final = 1.5


def augment_cell(
    shown: NDArray[np.uint8], how: CellAugment, spec: CellSpec, rng: np.random.Generator
) -> NDArray[np.float32]:
    """One cell, changed at random and then preprocessed as in service.

    Parameters
    ----------
    shown
        (rows, cols, 3), RGB.

    Returns
    -------
        (3, spec.rows, spec.cols).
    """
    turned = _turned(shown, how, rng)
    dyed = _dyed(np.asarray(turned), how, rng)
    picture = archived(Image.fromarray(dyed), how, rng, blur_px=_BLUR_PX)
    cell = CellImage(np.asarray(picture).copy(), PersonIdentity(), StudyIds())
    prepared: NDArray[np.float32] = cells.to_model_input(cell, spec)[0]
    return prepared


def _turned(shown: NDArray[np.uint8], how: CellAugment, rng: np.random.Generator) -> Image.Image:
    """A smear has no up and no side: any turn, both mirrors, another magnification."""
    side = shown.shape[0]
    flipped = shown[:, ::-1] if rng.random() < 0.5 else shown
    padded = np.pad(flipped, ((side // 2,) * 2, (side // 2,) * 2, (0, 0)), mode="symmetric")
    picture = Image.fromarray(padded).rotate(rng.uniform(0, 360), Image.Resampling.BILINEAR)
    half = side / 2 * np.exp(rng.uniform(-how.zoom, how.zoom))
    across, down = side + rng.uniform(-how.shift, how.shift, 2) * side
    box = (across - half, down - half, across + half, down + half)
    return picture.resize((side, side), Image.Resampling.BILINEAR, box=box)


def _dyed(
    colours: NDArray[np.uint8], how: CellAugment, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """More or less of each dye: density scaled, shifted and mixed between channels."""
    density = cells.optical_density(colours)
    mixing = np.eye(3) + rng.uniform(-how.stain, how.stain, (3, 3)) / 2
    gain = np.exp(rng.uniform(-how.stain, how.stain, 3))
    base = rng.uniform(0, how.stain / 4, 3)
    changed = np.maximum(density @ mixing * gain + base, 0)
    return np.asarray(np.clip(np.rint(256 * 10**-changed - 1), 0, 255).astype(np.uint8))
