"""A bundle is used only when this machine reproduces it; its numbers become flags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tiny_bundle import Int8, TinyBundle, expected_logits, write_bundle

from qiangji_datasets.errors import BundleError, InputRejected
from qiangji_datasets.records import EcgRecord, Modality, PersonIdentity, StudyIds
from qiangji_inference.predict import Precision, open_model, predict, verify
from qiangji_inference.rehearsal import made_up
from qiangji_inference.results import Flag, GateResult
from qiangji_models.bundle import load_bundle
from qiangji_models.preprocess import ecg, film

TINY_FILM = TinyBundle(Modality.CXR, "cxr-tiny")


def test_every_model_file_is_verified_against_its_golden_cases(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(int8=Int8.COPY)))

    results = verify(bundle)

    assert [item.precision for item in results] == [Precision.INT8, Precision.FP32]
    assert all(item.is_passed and item.cases == 3 for item in results)
    assert [item.tolerance for item in results] == [0.02, 0.001]


def test_a_model_that_deviates_on_this_machine_is_refused(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(golden_shift=0.05)))

    (result,) = verify(bundle)

    assert not result.is_passed
    assert 0.001 < result.difference < 0.02
    with pytest.raises(BundleError, match=r"bundle\.golden_differs"):
        open_model(bundle)


def test_int8_has_its_own_tolerance(tmp_path: Path) -> None:
    want = TinyBundle(golden_shift=0.05, int8=Int8.COPY)

    assert open_model(load_bundle(write_bundle(tmp_path, want))).precision is Precision.INT8


def test_a_broken_int8_file_falls_back_to_fp32(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(int8=Int8.GARBAGE)))

    assert open_model(bundle).precision is Precision.FP32
    assert "bundle.onnx_unusable" in caplog.text


def test_weights_of_another_bundle_are_refused(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(carried_name="ecg-other")))

    with pytest.raises(BundleError, match=r"bundle\.onnx_metadata"):
        open_model(bundle)


def test_golden_cases_that_cannot_be_run_refuse_the_bundle(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, TinyBundle())
    bundle = load_bundle(folder)
    np.savez(bundle.golden, input=np.zeros((1, 3, 5), np.float32), logits=np.zeros((1, 2)))

    with pytest.raises(BundleError, match=r"bundle\.golden_unusable"):
        open_model(bundle)


def test_prediction_agrees_with_the_network_computed_by_hand(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle()))
    record = made_up(Modality.ECG)
    assert isinstance(record, EcgRecord)

    found = predict(open_model(bundle), record, GateResult())

    logits = expected_logits(ecg.to_model_input(record, bundle.spec))[0]  # type: ignore[arg-type]  # an ECG bundle
    assert [call.logit for call in found.labels] == pytest.approx(list(logits), abs=1e-5)
    assert [call.probability for call in found.labels] == pytest.approx(
        list(1 / (1 + np.exp(-logits))), abs=1e-5
    )
    assert found.activation_map.mean(axis=1) == pytest.approx(logits, abs=1e-5)
    assert found.map_extent == (0.0, 10.0)
    assert (found.bundle.name, found.bundle.version) == ("ecg-tiny", "0.1.0")
    assert found.bundle.sha256 == bundle.sha256
    assert found.calibration_id == "test-1"
    assert found.ms.keys() == {"preprocess", "session"}


def test_film_map_says_which_part_of_the_picture_it_covers(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TINY_FILM))
    record = made_up(Modality.CXR)

    found = predict(open_model(bundle), record, GateResult())

    assert found.activation_map.shape == (2, 16, 16)
    assert found.map_extent == film.map_extent((512, 512), bundle.spec)  # type: ignore[arg-type]  # a film bundle


@pytest.mark.parametrize(
    ("thresholds", "flag", "point"),
    [
        ((0.50, 0.60), Flag.NONE, "s-1"),
        ((0.40, 0.60), Flag.POSSIBLE, "s-1"),
        ((0.30, 0.40), Flag.LIKELY, "p-1"),
    ],
)
def test_the_highest_operating_point_reached_sets_the_flag(
    tmp_path: Path, thresholds: tuple[float, float], flag: Flag, point: str
) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(thresholds=thresholds)))

    call = predict(open_model(bundle), made_up(Modality.ECG), GateResult()).labels[0]

    assert 0.40 < call.probability < 0.50
    assert (call.flag, call.operating_point) == (flag, point)


def test_a_sensitive_point_that_calls_most_healthy_recordings_flags_nothing(
    tmp_path: Path,
) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(thresholds=(0.40, 0.60))))
    weak = {
        name: replace(pair, sensitive=replace(pair.sensitive, specificity=0.69))
        for name, pair in bundle.points.items()
    }
    model = replace(open_model(bundle), bundle=replace(bundle, points=weak))

    call = predict(model, made_up(Modality.ECG), GateResult()).labels[0]

    assert call.flag is Flag.NONE


def test_a_suppressed_call_raises_no_flag_and_names_its_reason(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(thresholds=(0.0, 0.1))))
    gate = GateResult(suppresses={"mi": "gate.limb_reversal"})

    mi, norm = predict(open_model(bundle), made_up(Modality.ECG), gate).labels

    assert (mi.flag, mi.suppressed_by) == (Flag.NONE, "gate.limb_reversal")
    assert (norm.flag, norm.suppressed_by) == (Flag.LIKELY, "")


def test_a_recording_shorter_than_the_bundle_needs_is_rejected(tmp_path: Path) -> None:
    model = open_model(load_bundle(write_bundle(tmp_path, TinyBundle())))
    signal = np.zeros((12, 4000), np.float32)
    short = EcgRecord(signal, 500.0, PersonIdentity(), StudyIds())

    with pytest.raises(InputRejected, match=r"ecg\.too_short"):
        predict(model, short, GateResult())
