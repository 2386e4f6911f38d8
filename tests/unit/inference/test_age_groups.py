"""Children and adults: each film is read by the bundles made for its patient's age, or by none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.tiny_bundle import TinyBundle, write_bundle

from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import Modality, PersonIdentity, Radiograph, View
from qiangji_inference.engine import Engine
from qiangji_inference.gate_film import FilmCode, check_film
from qiangji_inference.reading import Code, Reading, ReadingStatus
from qiangji_inference.rehearsal import made_up

ADULT, TB, CHILD = "cxr-adult", "cxr-tb", "cxr-paediatric"
AGES = {ADULT: (18.0, 120.0), TB: (18.0, 120.0), CHILD: (1.0, 6.0)}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Two bundles for adults and one for children of one to five years."""
    folder = tmp_path_factory.mktemp("ages")
    yield Engine(
        write_bundle(folder, TinyBundle(Modality.CXR, name, age_range_years=ages))
        for name, ages in AGES.items()
    )


def _film(age_years: float | None = None) -> Radiograph:
    film = made_up(Modality.CXR)
    assert isinstance(film, Radiograph)
    return replace(film, view=View.AP, person=PersonIdentity(age_years=age_years))


def _readers(reading: Reading) -> list[str]:
    return [item.bundle.name for item in reading.predictions]


@pytest.mark.parametrize(
    ("age", "readers"),
    [
        (0.0, []),
        (11 / 12, []),
        (0.999, []),
        (1.0, [CHILD]),
        (18 / 12, [CHILD]),
        (3.0, [CHILD]),
        (5.99, [CHILD]),
        (6.0, []),
        (10.0, []),
        (17.99, []),
        (18.0, [ADULT, TB]),
        (80.0, [ADULT, TB]),
        (120.0, []),
    ],
)
def test_age_decides_who_reads(engine: Engine, age: float, readers: list[str]) -> None:
    reading = engine.read(_film(), gate=False, age_years=age)

    assert _readers(reading) == readers
    assert reading.status is (ReadingStatus.DONE if readers else ReadingStatus.OUT_OF_SCOPE)
    assert {item.bundle for item in reading.declined} == AGES.keys() - set(readers)
    assert {item.notice.code for item in reading.declined} == {Code.AGE_OUT_OF_RANGE}


def test_an_age_that_nobody_reads_is_answered_with_the_ages_of_each_bundle(engine: Engine) -> None:
    reading = engine.read(_film(), gate=False, age_years=10.0)

    texts = Catalogue.of("qiangji_datasets", "qiangji_models", "qiangji_inference")
    said = {
        item.bundle: texts.text(item.notice.code, Language.ZH, **item.notice.params)
        for item in reading.declined
    }
    assert "1 岁至未满 6 岁" in said[CHILD]
    assert "18 岁至未满 120 岁" in said[ADULT] and "18 岁至未满 120 岁" in said[TB]


def test_the_desk_goes_before_the_file_and_the_file_is_heard_without_it(engine: Engine) -> None:
    assert _readers(engine.read(_film(3.0), gate=False)) == [CHILD]
    assert _readers(engine.read(_film(3.0), gate=False, age_years=30.0)) == [ADULT, TB]


def test_an_unknown_age_is_read_by_none(engine: Engine) -> None:
    reading = engine.read(_film(), gate=False)

    assert _readers(reading) == [] and reading.status is ReadingStatus.OUT_OF_SCOPE
    assert {notice.code for notice in reading.reasons} == {Code.AGE_MISSING}


@pytest.mark.parametrize("position", ["AP", "SUPINE", ""])
def test_the_gate_takes_a_childs_supine_film_for_what_it_is(position: str) -> None:
    film = replace(_film(3.0), patient_position=position)

    codes = {notice.code for notice in check_film(film, age_years=3.0).notices}

    views = (FilmCode.LATERAL_STATED, FilmCode.VIEW_CONTRADICTION, FilmCode.VIEW_OTHER)
    assert not codes & {*views, FilmCode.NEWBORN}


def test_children_are_read_by_the_bundle_alone_that_evaluation_asks_for(tmp_path: Path) -> None:
    child = TinyBundle(Modality.CXR, CHILD, age_range_years=AGES[CHILD])
    engine = Engine([write_bundle(tmp_path, child)])

    ages = (0.5, 1.0, 5.9, 7.0)
    found = [_readers(engine.read(_film(), gate=False, age_years=age)) for age in ages]

    assert found == [[], [CHILD], [CHILD], []]
