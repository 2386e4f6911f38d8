"""Golden inputs: synthetic recordings through the production preprocessing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
from qiangji_datasets.synthetic.ecg_rhythm import Rhythm
from qiangji_datasets.synthetic.film import sample_film
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec

_SEED = 20
_FILMS = 4


def golden_inputs(spec: EcgSpec | FilmSpec) -> NDArray[np.float32]:
    """Inputs (cases, …) of the network, the same on every machine."""
    if isinstance(spec, EcgSpec):
        return _ecgs(spec)
    rng = np.random.default_rng(_SEED)
    drawn = [sample_film(rng) for _ in range(_FILMS)]
    return np.concatenate([films.to_model_input(film, spec) for film in drawn])


def _ecgs(spec: EcgSpec) -> NDArray[np.float32]:
    rng = np.random.default_rng(_SEED)
    recipes = (
        EcgRecipe(),
        EcgRecipe(rhythm=Rhythm.ATRIAL_FIBRILLATION, bpm=105.0),
        EcgRecipe(st_mv=0.3),
        EcgRecipe(bpm=48.0, is_lvh=True),
    )
    return np.concatenate([ecgs.to_model_input(make_ecg(rng, item), spec) for item in recipes])
