"""Demo films: shaped as asked, marked, written as DICOM."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest

from qiangji_datasets.records import NameStatus, PersonIdentity, Radiograph, Sex, SpacingKind, View
from qiangji_datasets.synthetic.film import Appearance, FilmRecipe, sample_film, write_film_dicom
from qiangji_datasets.synthetic.film_model import film_model

SMALL = {"rows": 384, "columns": 320}
WANG = PersonIdentity(
    name="演示王",
    name_status=NameStatus.DECODED,
    name_alphabetic="Demo^Wang",
    patient_id="DEMO-1",
    issuer="QJ",
    birth_date=date(1960, 5, 4),
    sex=Sex.F,
    age_years=65,
)


@cache
def drawn(seed: int, **recipe: object) -> Radiograph:
    """One small film a seed and recipe; drawing takes a second, and films do not change."""
    return sample_film(np.random.default_rng(seed), FilmRecipe(**SMALL | recipe))  # type: ignore[arg-type]  # test builder


def effusion(side: str) -> Radiograph:
    return drawn(5, appearance=Appearance.EFFUSION, side=side)


def test_the_same_seed_draws_the_same_film_and_another_seed_another() -> None:
    again = sample_film(np.random.default_rng(1), FilmRecipe(**SMALL))

    assert np.array_equal(drawn(1).pixels, again.pixels)
    assert not np.array_equal(drawn(1).pixels, drawn(2).pixels)


@pytest.mark.parametrize("appearance", list(Appearance))
def test_a_film_has_the_size_bits_and_facts_asked_for(appearance: Appearance) -> None:
    film = drawn(3, appearance=appearance, sex=Sex.F, age_years=70, view=View.AP)

    assert film.pixels.shape == (384, 320)
    assert film.pixels.dtype == np.uint16
    assert 2000 < film.pixels.max() <= 4095
    assert (film.view, film.body_part, film.bits_stored) == (View.AP, "CHEST", 12)
    assert (film.person.sex, film.person.age_years) == (Sex.F, 70)
    assert film.spacing_kind is SpacingKind.DETECTOR


def test_the_demo_mark_is_burned_in_at_full_white() -> None:
    film = sample_film(np.random.default_rng(4), FilmRecipe(rows=1024, columns=1024))
    mark = film_model().glyphs["demo"]

    corner = film.pixels[25:58, 20:250] == 4095

    assert corner.mean() == pytest.approx(mark.mean() * 0.62, rel=0.6)


def test_fluid_brightens_the_base_and_air_darkens_the_side_that_was_asked_for() -> None:
    def base(side: str) -> float:
        return float(effusion(side).pixels[205:250, 225:262].mean())  # left base of the patient

    assert base("L") > base("R") + 200


@pytest.mark.parametrize("kind", ["DX", "CR"])
def test_a_written_film_reads_back_with_its_pixels_and_person(tmp_path: Path, kind: str) -> None:
    film = replace(drawn(1), modality_code=kind)

    write_film_dicom(film, tmp_path / "film.dcm", person=WANG)
    dataset = pydicom.dcmread(tmp_path / "film.dcm")

    assert np.array_equal(dataset.pixel_array, film.pixels)
    assert dataset.Modality == kind
    assert str(dataset.PatientName) == "Demo^Wang=演示王"
    assert (dataset.PatientID, dataset.PatientBirthDate) == ("DEMO-1", "19600504")
    assert dataset.ImagerPixelSpacing == pytest.approx(list(film.spacing_mm or ()))
    assert dataset.PhotometricInterpretation == "MONOCHROME2"
    assert "演示" in dataset.PatientComments


def test_identifiers_are_generated_from_the_pixels_when_absent(tmp_path: Path) -> None:
    for name, film in (("a", drawn(1)), ("b", drawn(1)), ("c", drawn(2))):
        write_film_dicom(film, tmp_path / name)

    uids = [pydicom.dcmread(tmp_path / name).SOPInstanceUID for name in "abc"]

    assert uids[0] == uids[1] != uids[2]


def test_a_modality_that_is_no_film_is_not_written(tmp_path: Path) -> None:
    film = replace(drawn(1), modality_code="CT")

    with pytest.raises(ValueError, match="CT"):
        write_film_dicom(film, tmp_path / "film.dcm")
