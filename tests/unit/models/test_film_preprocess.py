"""From stored film values to a network's input."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import PersonIdentity, Radiograph, StudyIds, View, Window
from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import FilmSpec, Fit


def _film(pixels: NDArray[np.generic], **facts: object) -> Radiograph:
    return Radiograph(pixels, 12, View.PA, PersonIdentity(), StudyIds(), **facts)  # type: ignore[arg-type]  # facts are named by the tests


def _ramp() -> NDArray[np.uint16]:
    return np.tile(np.arange(0, 4096, 16, dtype=np.uint16), (128, 1))


def test_values_apply_slope_and_intercept() -> None:
    found = films.values(_film(_ramp(), slope=2.0, intercept=-100.0))

    assert found[0, 1] == 16 * 2 - 100


def test_values_of_signed_pixels_keep_their_sign() -> None:
    found = films.values(_film(np.array([[-5, 7]], np.int16)))

    assert found.tolist() == [[-5, 7]]


def test_values_go_through_the_modality_table() -> None:
    table = np.array([10, 20, 30], np.uint16)

    found = films.values(_film(np.array([[0, 5, 6, 9]], np.uint16), modality_lut=(5, table)))

    assert found.tolist() == [[10, 10, 20, 30]]


def test_the_device_window_sets_the_display_range() -> None:
    shown = films.display(_film(_ramp(), windows=(Window(2048, 2048),)))

    assert shown[0, 0] == 0
    assert shown[0, -1] == 255
    assert abs(int(shown[0, 128]) - 128) <= 1


def test_a_window_asked_for_wins_over_the_device() -> None:
    film = _film(_ramp(), windows=(Window(2048, 4096),))

    assert films.display(film, Window(500, 100))[0, 100] == 255


def test_a_device_window_that_clips_nearly_everything_is_not_used() -> None:
    shown = films.display(_film(_ramp(), windows=(Window(60000, 2),)))

    assert len(np.unique(shown)) > 100


def test_a_voi_table_is_applied_and_scaled_to_the_display_range() -> None:
    table = np.array([0, 1000, 4000], np.uint16)

    shown = films.display(_film(np.array([[1, 2, 3]], np.uint16), voi_lut=(1, table)))

    assert shown.tolist() == [[0, 64, 255]]


def test_monochrome1_is_undone() -> None:
    plain, inverted = _film(_ramp()), _film(_ramp(), is_monochrome1=True)

    assert (films.display(plain).astype(int) + films.display(inverted) == 255).all()


def test_big_endian_pixels_give_the_same_picture() -> None:
    swapped = _ramp().astype(">u2")

    assert np.array_equal(films.display(_film(swapped)), films.display(_film(_ramp())))


def test_a_blank_film_gives_a_finite_input() -> None:
    found = films.to_model_input(_film(np.full((50, 60), 7, np.uint16)), FilmSpec(32, 32))

    assert np.isfinite(found).all()


@pytest.mark.parametrize("fit", list(Fit))
def test_the_input_has_the_spec_s_shape_and_scale(fit: Fit) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 4096, (301, 217)).astype(np.uint16)

    found = films.to_model_input(_film(pixels), FilmSpec(112, 96, fit=fit))

    assert found.shape == (1, 1, 112, 96)
    assert found.dtype == np.float32
    assert abs(float(found.mean())) < 1e-4
    assert abs(float(found.std()) - 1) < 1e-3


@pytest.mark.parametrize(
    ("fit", "extent"),
    [
        (Fit.STRETCH, (0.0, 0.0, 1.0, 1.0)),
        (Fit.CROP, (0.25, 0.0, 0.75, 1.0)),
        (Fit.PAD, (0.0, -0.5, 1.0, 1.5)),
    ],
)
def test_the_extent_of_a_tall_film_says_what_the_network_saw(
    fit: Fit, extent: tuple[float, ...]
) -> None:
    assert films.map_extent((200, 100), FilmSpec(64, 64, fit=fit)) == extent


def test_padding_shows_the_whole_film_in_the_middle() -> None:
    shown = np.full((200, 100), 255, np.uint8)

    small = films.fit(shown, FilmSpec(64, 64, fit=Fit.PAD))

    assert (small[:, 16:48] == 255).all()
    assert (small[:, :16] == 0).all()


def test_the_masked_border_is_zero_and_cannot_carry_a_mark() -> None:
    spec = FilmSpec(100, 100, border_fraction=0.1)
    clean = np.random.default_rng(1).integers(0, 255, (100, 100)).astype(np.uint8)
    marked = clean.copy()
    marked[:9, :30] = 255

    first, second = (films.standardise(picture, spec) for picture in (clean, marked))

    assert (first[:10] == 0).all()
    assert np.array_equal(first, second)


def test_equalisation_spreads_grey_levels_evenly() -> None:
    dark = (np.random.default_rng(2).beta(2, 12, (64, 64)) * 255).astype(np.uint8)

    found = films.equalise(dark)

    assert abs(float(found.mean()) - 127) < 6
    in_order = found.ravel()[np.argsort(dark, axis=None)].astype(int)
    assert (np.diff(in_order) >= 0).all()


def test_a_reduced_film_enters_after_the_display_range() -> None:
    shown = films.display(_film(_ramp()))

    direct = films.to_model_input(_film(_ramp()), FilmSpec(64, 64))
    staged = films.to_model_input(films.ReducedFilm(shown), FilmSpec(64, 64))

    assert np.array_equal(direct, staged)


def test_a_reduced_film_must_be_eight_bits_and_flat() -> None:
    with pytest.raises(InputRejected, match=r"film\.pixel_type"):
        films.ReducedFilm(np.zeros((4, 4), np.uint16))
    with pytest.raises(InputRejected, match=r"film\.not_two_dimensional"):
        films.ReducedFilm(np.zeros((4, 4, 3), np.uint8))


def test_a_two_megapixel_side_film_takes_well_under_a_second_of_processor_time() -> None:
    pixels = np.random.default_rng(3).integers(0, 4096, (2048, 2048)).astype(np.uint16)
    film = _film(pixels)

    began = time.process_time()
    films.to_model_input(film, FilmSpec(112, 112))

    # Measured 0.02–0.05 s; the bound is wide because test machines are shared.
    assert time.process_time() - began < 0.6
