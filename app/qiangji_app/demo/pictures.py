"""Recordings of the demonstration: drawn from synthetic models, written as DICOM."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from qiangji_app.demo.county import DemoCase
from qiangji_datasets.records import NameStatus, PersonIdentity, Sex

#: Devices write their wall clock; the demonstration's stand in China.
_DEVICE_ZONE = ZoneInfo("Asia/Shanghai")


def recording_bytes(case: DemoCase, *, seed: int, now: datetime) -> bytes:
    """The DICOM file of a demo case.

    Parameters
    ----------
    seed
        Decides what is drawn; the same seed gives the same picture.
    """
    if "real" in case.recipe:
        return _real_ecg()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.dcm"
        rng = np.random.default_rng(seed)
        if "film" in case.recipe:
            _write_film(case, rng, path, now)
        else:
            _write_ecg(case, rng, path, now)
        return path.read_bytes()


def _person(case: DemoCase) -> PersonIdentity:
    return PersonIdentity(
        name=case.name,
        name_status=NameStatus.DECODED if case.name else NameStatus.ABSENT,
        patient_id="",
        sex=Sex(case.sex) if case.sex else None,
        age_years=case.age,
    )


def _write_film(case: DemoCase, rng: np.random.Generator, path: Path, now: datetime) -> None:
    from qiangji_datasets.synthetic.film import Appearance, FilmRecipe, sample_film
    from qiangji_datasets.synthetic.film_dicom import write_film_dicom

    wanted: dict[str, Any] = case.recipe["film"]
    recipe = FilmRecipe(
        appearance=Appearance(wanted["appearance"]),
        age_years=case.age or 55,
        sex=Sex(case.sex) if case.sex else Sex.M,
        side=wanted.get("side", ""),
        rows=1536,
        columns=1536,
    )
    film = sample_film(rng, recipe)
    taken = now.astimezone(_DEVICE_ZONE).replace(tzinfo=None)
    film = replace(film, ids=replace(film.ids, acquired_at=taken))
    turns = int(wanted.get("rotate", 0)) // 90
    if turns:
        film = replace(film, pixels=np.ascontiguousarray(np.rot90(film.pixels, turns)))
    write_film_dicom(film, path, person=_person(case))


def _write_ecg(case: DemoCase, rng: np.random.Generator, path: Path, now: datetime) -> None:
    from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
    from qiangji_datasets.synthetic.ecg_dicom import write_ecg_dicom
    from qiangji_datasets.synthetic.ecg_rhythm import Rhythm
    from qiangji_datasets.synthetic.ecg_waves import Conduction, StTerritory

    wanted: dict[str, Any] = dict(case.recipe["ecg"])
    for key, kind in (
        ("rhythm", Rhythm),
        ("conduction", Conduction),
        ("st_territory", StTerritory),
    ):
        if key in wanted:
            wanted[key] = kind(wanted[key])
    local = now.astimezone(_DEVICE_ZONE)
    record = make_ecg(rng, EcgRecipe(**wanted), person=_person(case), acquired_at=local)
    write_ecg_dicom(record, path, person=_person(case))


def _real_ecg() -> bytes:
    """The anonymous 12-lead ECG that ships inside pydicom (MIT licence)."""
    import pydicom.data

    found = Path(pydicom.data.__file__).parent / "test_files" / "waveform_ecg.dcm"
    return found.read_bytes()
