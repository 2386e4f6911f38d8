"""What export must know of each kind of recording, in one table: add a modality here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import CellImage, Modality, PersonIdentity, Record, StudyIds
from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
from qiangji_datasets.synthetic.ecg_rhythm import Rhythm
from qiangji_datasets.synthetic.film import FilmRecipe, sample_film
from qiangji_inference.rehearsal import made_up
from qiangji_models.preprocess import cell as cells
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import CellSpec, EcgSpec, FilmSpec, Spec


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of recording.

    Parameters
    ----------
    modality
        As in ``metadata.json``.
    prepare
        Production preprocessing: (recording, spec) to (1, …).
    recordings
        Synthetic recordings for the golden cases; the last is stored, so it is a small one.
    input_type, input_format, channels, first_channel
        For MONAI's ``network_data_format``.
    shape
        Spatial shape of the network's input.
    """

    modality: Modality
    prepare: Callable[[Any, Any], NDArray[np.float32]]  # Any: the table pairs record and spec
    recordings: Callable[[np.random.Generator], list[Record]]
    input_type: str
    input_format: str
    channels: int
    first_channel: str
    shape: Callable[[Any], list[int]]  # Any: as above

    def monai_input(self, spec: Spec) -> dict[str, Any]:  # Any: JSON
        """The network's input in MONAI's words."""
        return {
            "type": self.input_type,
            "format": self.input_format,
            "num_channels": self.channels,
            "spatial_shape": self.shape(spec),
            "dtype": "float32",
            "value_range": [-20.0, 20.0],
            "is_patch_data": False,
            "channel_def": {"0": self.first_channel},
        }


def kind_of(spec: Spec) -> Kind:
    """The kind that a bundle's preprocessing belongs to."""
    return _KINDS[type(spec)]


def _ecg_recordings(rng: np.random.Generator) -> list[Record]:
    recipes = (
        EcgRecipe(),
        EcgRecipe(rhythm=Rhythm.ATRIAL_FIBRILLATION, bpm=105.0),
        EcgRecipe(bpm=48.0, is_lvh=True),
        EcgRecipe(st_mv=0.3, rate_hz=250.0),
    )
    return [make_ecg(rng, recipe) for recipe in recipes]


def _film_recordings(rng: np.random.Generator) -> list[Record]:
    sizes = ((640, 512), (512, 512), (512, 640), (320, 288))
    return [sample_film(rng, FilmRecipe(rows=rows, columns=cols)) for rows, cols in sizes]


def _cell_recordings(rng: np.random.Generator) -> list[Record]:
    """The rehearsal's cell, darker or lighter, with the grain of a camera."""
    drawn = made_up(Modality.PAP)
    if not isinstance(drawn, CellImage):
        raise TypeError(f"a cell was expected, not {type(drawn).__name__}")
    pictures = [
        drawn.pixels * brightness + rng.normal(0, 4.0, drawn.pixels.shape)
        for brightness in (1.0, 0.9, 0.8, 0.95)
    ]
    return [
        CellImage(np.clip(np.round(item), 0, 255).astype(np.uint8), PersonIdentity(), StudyIds())
        for item in pictures
    ]


def _picture_shape(spec: FilmSpec | CellSpec) -> list[int]:
    return [spec.rows, spec.cols]


def _ecg_shape(spec: EcgSpec) -> list[int]:
    return [spec.samples]


_KINDS: Final[Mapping[type[Spec], Kind]] = {
    EcgSpec: Kind(
        modality=Modality.ECG,
        prepare=ecgs.to_model_input,
        recordings=_ecg_recordings,
        input_type="series",
        input_format="z-score per lead",
        channels=12,
        first_channel="lead I, then II to V6 in standard order",
        shape=_ecg_shape,
    ),
    FilmSpec: Kind(
        modality=Modality.CXR,
        prepare=films.to_model_input,
        recordings=_film_recordings,
        input_type="image",
        input_format="z-score per picture",
        channels=1,
        first_channel="film",
        shape=_picture_shape,
    ),
    CellSpec: Kind(
        modality=Modality.PAP,
        prepare=cells.to_model_input,
        recordings=_cell_recordings,
        input_type="image",
        input_format="optical density, z-score per picture",
        channels=3,
        first_channel="red, then green and blue",
        shape=_picture_shape,
    ),
}
