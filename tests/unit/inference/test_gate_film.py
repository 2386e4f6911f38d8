"""The film gate: what the file states, what the picture shows, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import (
    Notice,
    PersonIdentity,
    Radiograph,
    Severity,
    StudyIds,
    View,
)
from qiangji_datasets.synthetic.film import FilmRecipe, sample_film
from qiangji_inference.gate_film import FilmCode, check_film
from qiangji_inference.gate_film_picture import PictureCode

Pixels = NDArray[np.generic]


@pytest.fixture(scope="module")
def film() -> Radiograph:
    return sample_film(np.random.default_rng(11), FilmRecipe(rows=640, columns=600))


def _codes(film: Radiograph, severity: Severity = Severity.REFUSE) -> set[str]:
    return {n.code for n in check_film(film).notices if n.severity is severity}


def _other(film: Radiograph, change: Callable[[Pixels], Pixels]) -> Radiograph:
    return replace(film, pixels=np.ascontiguousarray(change(film.pixels)))


def _drawn(pixels: Pixels) -> Radiograph:
    return Radiograph(
        pixels=pixels.astype(np.uint16),
        bits_stored=12,
        view=View.UNKNOWN,
        person=PersonIdentity(),
        ids=StudyIds(),
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p: 4095 - p, PictureCode.INVERTED),
        (np.rot90, PictureCode.SIDEWAYS),
        (lambda p: np.rot90(p, 3), PictureCode.SIDEWAYS),
        (lambda p: p[::-1, ::-1], PictureCode.UPSIDE_DOWN),
        (lambda p: p[::-1], PictureCode.UPSIDE_DOWN),
        (lambda p: p[: p.shape[0] // 2], PictureCode.CUT_OFF),
    ],
    ids=["inverted", "left", "right", "turned", "flipped", "cut"],
)
def test_a_spoilt_film_is_refused_with_its_fault(
    film: Radiograph, change: Callable[[Pixels], Pixels], code: PictureCode
) -> None:
    assert code in _codes(_other(film, change))


def test_a_declared_inversion_is_no_fault(film: Radiograph) -> None:
    declared = replace(_other(film, lambda p: 4095 - p), is_monochrome1=True)

    assert check_film(declared).is_readable


def test_a_mirrored_film_is_read_but_its_side_marker_is_asked_for(film: Radiograph) -> None:
    result = check_film(_other(film, lambda p: p[:, ::-1]))

    assert result.is_readable
    assert PictureCode.MIRRORED in {notice.code for notice in result.notices}


@pytest.mark.parametrize("seed", range(3))
def test_noise_and_gradients_are_no_chest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ramp = np.add.outer(np.arange(600) * rng.uniform(1, 3), np.arange(600) * rng.uniform(1, 3))

    assert _codes(_drawn(rng.integers(0, 4096, (600, 600))))
    assert _codes(_drawn(np.clip(ramp, 0, 4095)))


@pytest.mark.parametrize("level", [0, 2048, 4095])
def test_an_even_picture_is_blank(level: int) -> None:
    assert _codes(_drawn(np.full((600, 600), level))) == {PictureCode.BLANK}


@pytest.mark.parametrize(
    ("rows", "columns", "refused", "warned"),
    [
        (63, 64, {PictureCode.TOO_SMALL}, set()),
        (1, 1, {PictureCode.TOO_SMALL}, set()),
        (511, 520, set(), {PictureCode.LOW_RESOLUTION}),
        (512, 512, set(), set()),
    ],
)
def test_size_is_judged_at_its_limits(
    film: Radiograph, rows: int, columns: int, refused: set[str], warned: set[str]
) -> None:
    film = _other(film, lambda p: p[:rows, :columns])
    size_codes = {PictureCode.TOO_SMALL, PictureCode.LOW_RESOLUTION, PictureCode.TOO_NARROW}

    assert _codes(film) & size_codes == refused
    assert _codes(film, Severity.WARN) & size_codes == warned


def test_a_strip_is_no_whole_film(film: Radiograph) -> None:
    assert PictureCode.TOO_NARROW in _codes(_other(film, lambda p: p[:, 200:360]))


@pytest.mark.parametrize(
    ("lost", "code", "severity"),
    [
        (0.3, PictureCode.OVEREXPOSED, Severity.WARN),
        (0.6, PictureCode.OVEREXPOSED, Severity.REFUSE),
    ],
)
def test_a_film_lost_in_black_is_overexposed(
    film: Radiograph, lost: float, code: PictureCode, severity: Severity
) -> None:
    floor = np.quantile(film.pixels[100:-100, 100:-100], lost)
    dark = np.clip(film.pixels.astype(float) - floor, 0, None)

    assert code in _codes(replace(film, pixels=dark.astype(np.uint16)), severity)


def test_a_film_lost_in_white_is_underexposed(film: Radiograph) -> None:
    ceiling = np.quantile(film.pixels[100:-100, 100:-100], 0.4)
    bright = np.clip(film.pixels + (4095 - ceiling), 0, 4095).astype(np.uint16)

    assert PictureCode.UNDEREXPOSED in _codes(replace(film, pixels=bright))


@pytest.mark.parametrize(("share", "severity"), [(0.13, Severity.WARN), (0.04, Severity.REFUSE)])
def test_a_film_that_uses_few_greys_has_low_contrast(
    film: Radiograph, share: float, severity: Severity
) -> None:
    centre = film.pixels[96:544, 90:510].astype(float)
    spread = np.quantile(centre, 0.95) - np.quantile(centre, 0.05)
    flat = 2000 + (film.pixels - centre.mean()) * share * 3700 / spread

    assert PictureCode.LOW_CONTRAST in _codes(
        replace(film, pixels=np.clip(flat, 0, 4095).astype(np.uint16)), severity
    )


def test_a_grainy_film_is_noted(film: Radiograph) -> None:
    film = _other(film, lambda p: p[::2, ::2])
    noise = np.random.default_rng(0).normal(0, 900, film.pixels.shape)
    grainy = np.clip(film.pixels + noise, 0, 4095).astype(np.uint16)

    assert PictureCode.NOISY in _codes(replace(film, pixels=grainy), Severity.WARN)


@pytest.mark.parametrize("modality", ["CT", "MR", "MG", "US", "XA", "ecg"])
def test_a_stated_modality_that_makes_no_films_is_refused(film: Radiograph, modality: str) -> None:
    assert FilmCode.MODALITY in _codes(replace(film, modality_code=modality))


@pytest.mark.parametrize("modality", ["CR", "DX", "OT", "", " dx "])
def test_a_stated_modality_that_makes_films_is_not(film: Radiograph, modality: str) -> None:
    assert FilmCode.MODALITY not in _codes(replace(film, modality_code=modality))


@pytest.mark.parametrize("part", ["HAND", "KNEE", "ABDOMEN", "SKULL", "颈椎"])
def test_a_stated_body_part_other_than_the_chest_is_refused(film: Radiograph, part: str) -> None:
    assert FilmCode.BODY_PART in _codes(replace(film, body_part=part))


@pytest.mark.parametrize("part", ["CHEST", "thorax", "", "UNKNOWN", "胸部", "CHEST PA"])
def test_a_stated_chest_or_no_part_is_left_to_the_picture(film: Radiograph, part: str) -> None:
    assert FilmCode.BODY_PART not in _codes(replace(film, body_part=part))


def test_a_stated_lateral_with_a_frontal_picture_is_a_contradiction(film: Radiograph) -> None:
    assert FilmCode.VIEW_CONTRADICTION in _codes(replace(film, view=View.LATERAL))


def test_a_stated_lateral_that_does_not_look_frontal_is_a_lateral(film: Radiograph) -> None:
    one_lung = replace(_other(film, lambda p: p[:, : p.shape[1] // 2]), view=View.LATERAL)

    assert FilmCode.LATERAL_STATED in _codes(one_lung)
    assert PictureCode.LATERAL not in _codes(one_lung)


def test_an_oblique_view_is_refused(film: Radiograph) -> None:
    assert FilmCode.VIEW_OTHER in _codes(replace(film, view=View.OTHER))


@pytest.mark.parametrize(("days", "is_refused"), [(0, True), (27, True), (29, False)])
def test_a_newborn_is_refused_by_age_from_the_file_or_the_desk(
    film: Radiograph, days: int, is_refused: bool
) -> None:
    by_file = replace(film, person=PersonIdentity(age_years=days / 365.25))
    by_desk = check_film(replace(film, person=PersonIdentity()), age_years=days / 365.25)

    assert (FilmCode.NEWBORN in _codes(by_file)) is is_refused
    assert (FilmCode.NEWBORN in {n.code for n in by_desk.notices}) is is_refused


def test_an_unknown_age_is_not_the_gates_affair(film: Radiograph) -> None:
    assert check_film(replace(film, person=PersonIdentity())).is_readable


def test_what_the_reader_refuses_the_gate_refuses(film: Radiograph) -> None:
    animal = Notice("dicom.animal", Severity.REFUSE)
    aside = Notice("dicom.no_meta", Severity.WARN)

    assert _codes(replace(film, notices=(animal, aside))) == {"dicom.animal"}


def test_every_code_has_its_texts_and_advice_in_both_languages() -> None:
    catalogue = Catalogue.of("qiangji_datasets", "qiangji_inference")

    for code in (*FilmCode, *PictureCode):
        for language in Language:
            assert catalogue.text(code.value, language)
            assert catalogue.advice(code.value, language)
