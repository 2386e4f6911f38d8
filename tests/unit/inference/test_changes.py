"""Changed copies of films and ECGs stay readable and change what they say."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_datasets.messages import Catalogue
from qiangji_datasets.records import (
    LEADS,
    EcgRecord,
    PersonIdentity,
    Radiograph,
    StudyIds,
    View,
    Window,
)
from qiangji_inference.changes import (
    ECG_CHANGES,
    FILM_CHANGES,
    EcgChange,
    FilmChange,
    WindowChange,
    changed_film,
    changes_of,
)
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec

SPEC = FilmSpec(rows=64, cols=64)


def _film(*, is_monochrome1: bool = False) -> Radiograph:
    rows, cols = np.mgrid[0:300, 0:240]
    pixels = (500 + 3000 * (rows / 300) + 200 * np.sin(cols / 9)).astype(np.uint16)
    return Radiograph(
        pixels=4095 - pixels if is_monochrome1 else pixels,
        bits_stored=12,
        view=View.PA,
        person=PersonIdentity(),
        ids=StudyIds(),
        is_monochrome1=is_monochrome1,
        windows=(Window(2048, 4096),),
    )


def _ecg() -> EcgRecord:
    at = np.arange(5000) / 500
    beat = np.exp(-(((at % 0.8) - 0.4) ** 2) / 0.0004)
    signal = np.outer(np.linspace(0.5, 1.5, len(LEADS)), beat) + 0.3
    return EcgRecord(signal.astype(np.float32), 500.0, PersonIdentity(), StudyIds())


@pytest.mark.parametrize("change", FILM_CHANGES, ids=lambda change: change.id)
def test_a_changed_film_shows_the_same_picture_otherwise(
    change: FilmChange | WindowChange,
) -> None:
    plain = films.to_model_input(_film(), SPEC)

    changed = changed_film(_film(), change, SPEC)

    assert changed.pixels.dtype == np.uint8
    assert not changed.is_monochrome1
    prepared = films.to_model_input(changed, SPEC)
    agreement = np.corrcoef(plain.ravel(), prepared.ravel())[0, 1]
    assert agreement > 0.9
    if not change.id.startswith(("kernel", "blur", "jpeg_75")):
        assert not np.array_equal(plain, prepared)


@pytest.mark.parametrize("change", FILM_CHANGES, ids=lambda change: change.id)
def test_polarity_of_storage_does_not_matter_to_a_change(
    change: FilmChange | WindowChange,
) -> None:
    first = changed_film(_film(), change, SPEC).pixels.astype(int)
    second = changed_film(_film(is_monochrome1=True), change, SPEC).pixels.astype(int)

    assert np.abs(first - second).mean() < 3


@pytest.mark.parametrize("change", ECG_CHANGES, ids=lambda change: change.id)
def test_a_changed_ecg_keeps_its_beats(change: EcgChange) -> None:
    changed = change.apply(_ecg(), np.random.default_rng(1))

    assert changed.signal_mv.shape[0] == len(LEADS)
    assert changed.duration_s == pytest.approx(10.0, abs=0.02)
    plain = ecgs.to_model_input(_ecg(), EcgSpec())
    prepared = ecgs.to_model_input(changed, EcgSpec())
    assert np.corrcoef(plain.ravel(), prepared.ravel())[0, 1] > 0.6
    assert not np.array_equal(plain, prepared)


def test_every_change_has_a_name_of_its_own_and_a_text() -> None:
    entries = Catalogue.of("qiangji_inference").entries
    names = [change.id for change in (*FILM_CHANGES, *ECG_CHANGES)]

    assert len(set(names)) == len(names)
    assert {f"evaluate.change_{name}" for name in names} <= entries.keys()
    assert changes_of(SPEC) == FILM_CHANGES
    assert changes_of(EcgSpec()) == ECG_CHANGES
