"""Gate, measurements and bundles together, on synthetic ECGs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from support.tiny_bundle import TinyBundle, write_bundle

from qiangji_datasets.formats import Stated
from qiangji_datasets.records import Modality
from qiangji_datasets.synthetic.ecg import EcgRecipe, Rhythm, make_ecg
from qiangji_datasets.synthetic.ecg_dicom import write_ecg_dicom
from qiangji_inference.engine import Engine
from qiangji_inference.evaluate import Rules, evaluate_bundle
from qiangji_inference.labelled import Labelled
from qiangji_inference.reading import Code, Reading, ReadingStatus
from qiangji_inference.results import Flag
from qiangji_inference.slots import BundleState

#: A bundle that flags whatever it may.
EAGER = TinyBundle(thresholds=(0.0, 0.001))


def _read(tmp_path: Path, recipe: EcgRecipe, *, age_years: float | None = 60) -> Reading:
    engine = Engine([write_bundle(tmp_path, EAGER)])
    return engine.read(make_ecg(np.random.default_rng(3), recipe), age_years=age_years)


def test_a_good_recording_is_measured_gated_and_read(tmp_path: Path) -> None:
    reading = _read(tmp_path, EcgRecipe())

    assert reading.status is ReadingStatus.DONE
    assert reading.is_gated
    assert reading.measurements is not None
    assert [call.flag for call in reading.predictions[0].labels] == [Flag.LIKELY, Flag.LIKELY]
    assert reading.ms.keys() == {"measure", "gate", "preprocess", "session", "total"}
    parts = sum(value for stage, value in reading.ms.items() if stage != "total")
    assert parts <= reading.ms["total"]


def test_pacing_withholds_the_calls_that_it_invalidates(tmp_path: Path) -> None:
    reading = _read(tmp_path, EcgRecipe(rhythm=Rhythm.PACED))

    calls = {call.label: call for call in reading.predictions[0].labels}
    assert calls["mi"].flag is Flag.NONE
    assert calls["mi"].suppressed_by == "ecg.gate.pacing"
    assert reading.status is ReadingStatus.DONE


@pytest.mark.parametrize(
    "recipe",
    [
        EcgRecipe(rhythm=Rhythm.ASYSTOLE),
        EcgRecipe(rhythm=Rhythm.VENTRICULAR_FIBRILLATION),
        EcgRecipe(duration_s=8),
    ],
    ids=["asystole", "fibrillation", "short"],
)
def test_what_the_gate_refuses_no_bundle_reads(tmp_path: Path, recipe: EcgRecipe) -> None:
    reading = _read(tmp_path, recipe)

    assert reading.status is ReadingStatus.REFUSED
    assert (reading.predictions, reading.declined) == ((), ())
    assert reading.reasons
    assert reading.measurements is not None  # urgency still needs them


def test_without_an_age_measurements_stand_and_the_ai_asks_for_it(tmp_path: Path) -> None:
    reading = _read(tmp_path, EcgRecipe(), age_years=None)

    assert reading.status is ReadingStatus.OUT_OF_SCOPE
    assert [item.notice.code for item in reading.declined] == [Code.AGE_MISSING]
    assert reading.measurements is not None


@pytest.mark.parametrize("want", [EAGER, TinyBundle(Modality.CXR, "cxr-tiny")], ids=["ecg", "cxr"])
def test_warming_rehearses_every_stage_without_a_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, want: TinyBundle
) -> None:
    (status,) = Engine([write_bundle(tmp_path, want)]).warm()

    assert status.state is BundleState.READY
    assert [row.getMessage() for row in caplog.records] == []


def _labelled(folder: Path) -> list[Labelled]:
    """Five good recordings, one paced, one without a beat; every other one "mi"."""
    paced, still = EcgRecipe(rhythm=Rhythm.PACED), EcgRecipe(rhythm=Rhythm.ASYSTOLE)
    recipes = [*[EcgRecipe()] * 5, paced, still]
    rows = []
    for number, recipe in enumerate(recipes):
        path = folder / f"{number}.dcm"
        write_ecg_dicom(make_ecg(np.random.default_rng(number), recipe), path)
        stated = Stated(modality=Modality.ECG, age_years=None if number == 0 else 60)
        rows.append(Labelled(path, {"mi": float(number % 2)}, stated))
    return rows


def test_evaluation_applies_the_gate_and_counts_what_it_left_out(tmp_path: Path) -> None:
    found = evaluate_bundle(write_bundle(tmp_path, EAGER), _labelled(tmp_path))

    assert found.n == 5
    assert {item.first.code: item.n for item in found.skipped} == {
        "ecg.gate.no_qrs": 1,
        Code.AGE_MISSING: 1,
    }
    result = found.targets["mi"]
    assert (result.n_pos, result.n_neg, result.n_withheld) == (2, 2, 1)
    assert result.sensitive.at.sensitivity.value == 1.0


def test_evaluation_can_read_without_an_age_and_without_the_gate(tmp_path: Path) -> None:
    rows = _labelled(tmp_path)
    folder = write_bundle(tmp_path, EAGER)

    ageless = evaluate_bundle(folder, rows, rules=Rules(needs_age=False))
    ungated = evaluate_bundle(folder, rows, rules=Rules(is_gated=False))

    assert (ageless.n, ungated.n) == (6, 7)
    assert ungated.targets["mi"].n_withheld == 0
    assert not math.isnan(ungated.targets["mi"].brier or math.nan)
