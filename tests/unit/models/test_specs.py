"""Preprocessing as named steps."""

from __future__ import annotations

import pytest

from qiangji_datasets.errors import BundleError
from qiangji_models.preprocess.specs import CellSpec, EcgSpec, FilmSpec, Fit, StainMode


@pytest.mark.parametrize(
    "spec",
    [
        FilmSpec(112, 112),
        FilmSpec(224, 192, Fit.PAD, 1.0, 99.0, equalise=True, border_fraction=0.1),
    ],
)
def test_film_steps_read_back_as_written(spec: FilmSpec) -> None:
    assert FilmSpec.from_steps(spec.steps()) == spec


def test_ecg_steps_read_back_as_written() -> None:
    spec = EcgSpec(rate_hz=250, low_hz=0.05, high_hz=100.0, samples=2500, min_seconds=8.0)

    assert EcgSpec.from_steps(spec.steps()) == spec


@pytest.mark.parametrize(
    "spec", [CellSpec(96, 96), CellSpec(64, 80, Fit.CROP, 22.5, StainMode.TISSUE)]
)
def test_cell_steps_read_back_as_written(spec: CellSpec) -> None:
    assert CellSpec.from_steps(spec.steps()) == spec


def test_an_unknown_stain_normalisation_is_refused() -> None:
    steps = CellSpec(96, 96).steps()
    steps[2]["mode"] = "wash"

    with pytest.raises(BundleError, match=r"bundle\.step_value"):
        CellSpec.from_steps(steps)


def test_steps_in_another_order_are_refused() -> None:
    with pytest.raises(BundleError, match=r"bundle\.steps"):
        EcgSpec.from_steps(EcgSpec().steps()[::-1])


def test_an_unknown_fit_is_refused() -> None:
    steps = FilmSpec(112, 112).steps()
    steps[1]["mode"] = "twist"

    with pytest.raises(BundleError, match=r"bundle\.step_value"):
        FilmSpec.from_steps(steps)


@pytest.mark.parametrize(
    "build",
    [
        lambda: FilmSpec(8, 112),
        lambda: FilmSpec(112, 112, low_percentile=50, high_percentile=40),
        lambda: FilmSpec(112, 112, border_fraction=0.3),
        lambda: CellSpec(96, 2000),
        lambda: CellSpec(96, 96, field_um=-1.0),
        lambda: EcgSpec(high_hz=50.0),
        lambda: EcgSpec(min_seconds=11.0),
    ],
)
def test_values_out_of_range_are_refused(build: object) -> None:
    with pytest.raises(BundleError, match=r"bundle\.step_value"):
        build()  # type: ignore[operator]  # a constructor
