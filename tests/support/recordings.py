"""Recordings as bytes of files, made by the project's generators."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
from qiangji_datasets.synthetic.ecg_dicom import write_ecg_dicom
from qiangji_datasets.synthetic.film import FilmRecipe, sample_film
from qiangji_datasets.synthetic.film_dicom import write_film_dicom


@cache
def ecg_file(seed: int, seconds: float = 10.0) -> bytes:
    """A DICOM 12-lead ECG; ten seconds are about 120 kB."""
    record = make_ecg(np.random.default_rng(seed), EcgRecipe(duration_s=seconds))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ecg.dcm")
        write_ecg_dicom(record, path)
        return path.read_bytes()


@cache
def film_file(seed: int, side: int = 512) -> bytes:
    """A DICOM chest film of so many rows and columns."""
    film = sample_film(np.random.default_rng(seed), FilmRecipe(rows=side, columns=side))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film.dcm")
        write_film_dicom(film, path)
        return path.read_bytes()
