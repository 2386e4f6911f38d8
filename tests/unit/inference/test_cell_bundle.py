"""A bundle that reads cells is loaded, proved and asked like any other, and reads nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tiny_bundle import TinyBundle, expected_logits, write_bundle

from qiangji_datasets.errors import BundleError
from qiangji_datasets.records import CellImage, Modality, Sex
from qiangji_inference.engine import Engine
from qiangji_inference.gate_cell import CellCode
from qiangji_inference.predict import open_model, predict, verify
from qiangji_inference.reading import Code, ReadingStatus
from qiangji_inference.rehearsal import made_up
from qiangji_inference.results import GateResult
from qiangji_inference.slots import BundleState, modality_of
from qiangji_models.bundle import METADATA, load_bundle
from qiangji_models.preprocess import cell
from qiangji_models.preprocess.specs import CellSpec, FilmSpec

TINY_CELL = TinyBundle(Modality.PAP, "pap-tiny", sexes=("F",))


def _cell() -> CellImage:
    record = made_up(Modality.PAP)
    assert isinstance(record, CellImage)
    return record


def test_its_golden_cases_are_reproduced(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TINY_CELL))

    (result,) = verify(bundle)

    assert isinstance(bundle.spec, CellSpec) and bundle.min_seconds is None
    assert result.is_passed and result.cases == 3


def test_its_prediction_agrees_with_the_network_computed_by_hand(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TINY_CELL))
    assert isinstance(bundle.spec, CellSpec)

    found = predict(open_model(bundle), _cell(), GateResult())

    logits = expected_logits(cell.to_model_input(_cell(), bundle.spec))[0]
    assert [call.label for call in found.labels] == ["cell_abnormal", "cell_high_grade"]
    assert [call.logit for call in found.labels] == pytest.approx(list(logits), abs=1e-5)
    assert found.activation_map.shape == (2, 16, 16)
    assert found.map_extent == (0.0, 0.0, 1.0, 1.0)


def test_the_engine_reads_a_womans_cell_with_it_alone(tmp_path: Path) -> None:
    film = TinyBundle(Modality.CXR, "cxr-tiny")
    engine = Engine([write_bundle(tmp_path, TINY_CELL), write_bundle(tmp_path, film)])

    reading = engine.read(_cell(), age_years=35, sex=Sex.F)

    assert reading.status is ReadingStatus.DONE, reading.reasons
    assert reading.modality is Modality.PAP and reading.is_gated
    assert [item.bundle.name for item in reading.predictions] == ["pap-tiny"]
    assert reading.measurements is None and reading.declined == ()
    assert reading.ms.keys() == {"gate", "preprocess", "session", "total"}


@pytest.mark.parametrize(
    ("age", "sex", "code"),
    [
        (None, Sex.F, Code.AGE_MISSING),
        (17.9, Sex.F, Code.AGE_OUT_OF_RANGE),
        (35, None, Code.SEX_MISSING),
        (35, Sex.M, Code.SEX_OUT_OF_RANGE),
    ],
)
def test_age_and_sex_of_the_bundle_hold_for_cells(
    tmp_path: Path, age: float | None, sex: Sex | None, code: Code
) -> None:
    engine = Engine([write_bundle(tmp_path, TINY_CELL)])

    reading = engine.read(_cell(), age_years=age, sex=sex)

    assert reading.status is ReadingStatus.OUT_OF_SCOPE
    assert [notice.code for notice in reading.reasons] == [code]


def test_a_spoilt_cell_is_refused_by_the_gate_before_any_bundle(tmp_path: Path) -> None:
    engine = Engine([write_bundle(tmp_path, TINY_CELL)])
    grey = np.repeat(_cell().pixels[..., :1], 3, axis=2)

    reading = engine.read(replace(_cell(), pixels=grey), age_years=35, sex=Sex.F)

    assert reading.status is ReadingStatus.REFUSED
    assert CellCode.GREY in [notice.code for notice in reading.reasons]
    assert reading.predictions == ()


@pytest.mark.parametrize("modality", [Modality.CXR, Modality.ECG])
def test_it_reads_no_film_and_no_ecg(tmp_path: Path, modality: Modality) -> None:
    engine = Engine([write_bundle(tmp_path, TINY_CELL)])

    reading = engine.read(made_up(modality), gate=False, measure=False, age_years=35, sex=Sex.F)

    assert reading.predictions == ()
    assert [notice.code for notice in reading.reasons] == [Code.NO_BUNDLE]


def test_no_other_bundle_reads_a_cell(tmp_path: Path) -> None:
    engine = Engine([write_bundle(tmp_path, TinyBundle(Modality.CXR, "cxr-tiny"))])

    reading = engine.read(_cell(), age_years=35, sex=Sex.F)

    assert [notice.code for notice in reading.reasons] == [Code.NO_BUNDLE]


def test_warming_rehearses_it(tmp_path: Path) -> None:
    (status,) = Engine([write_bundle(tmp_path, TINY_CELL)]).warm()

    assert status.state is BundleState.READY


def test_a_damaged_one_is_known_by_its_name(tmp_path: Path) -> None:
    assert modality_of(tmp_path / "pap-cell") is Modality.PAP


def test_steps_of_a_film_are_refused_for_cells(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, TINY_CELL)
    metadata = json.loads((folder / METADATA).read_text("utf-8"))
    metadata["qiangji"]["preprocessing"] = FilmSpec(64, 64).steps()
    (folder / METADATA).write_text(json.dumps(metadata), "utf-8")

    with pytest.raises(BundleError, match=r"bundle\.steps"):
        load_bundle(folder)
