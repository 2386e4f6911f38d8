"""A bundle loads only when it is whole, unchanged and means something."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_bundle import TinyBundle, write_bundle

from qiangji_datasets.errors import BundleError
from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import Modality, Sex
from qiangji_models.bundle import (
    METADATA,
    check_onnx_metadata,
    file_sha256,
    load_bundle,
    metadata_hash,
    onnx_properties,
)
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec

Change = Callable[[dict[str, Any]], None]


def _changed(folder: Path, change: Change) -> Path:
    metadata = json.loads((folder / METADATA).read_text("utf-8"))
    change(metadata)
    (folder / METADATA).write_text(json.dumps(metadata), "utf-8")
    return folder


def _refusal(folder: Path) -> BundleError:
    with pytest.raises(BundleError) as refused:
        load_bundle(folder)
    return refused.value


def test_a_whole_ecg_bundle_loads_with_its_meaning(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle()))

    assert bundle.modality is Modality.ECG
    assert bundle.labels == ("mi", "norm")
    assert isinstance(bundle.spec, EcgSpec)
    assert bundle.min_seconds == 9.5
    assert bundle.sexes == frozenset({Sex.F, Sex.M, Sex.O})
    assert bundle.points["mi"].sensitive.threshold == 0.3
    assert bundle.points["mi"].specific.date.isoformat() == "2026-01-31"
    assert bundle.onnx_int8 is None


def test_a_film_bundle_has_no_minimum_length(tmp_path: Path) -> None:
    want = TinyBundle(modality=Modality.CXR, name="film-tiny")

    bundle = load_bundle(write_bundle(tmp_path, want))

    assert isinstance(bundle.spec, FilmSpec)
    assert bundle.min_seconds is None


@pytest.mark.parametrize(
    ("age_years", "is_accepted"),
    [(17.9, False), (18.0, True), (119.9, True), (120.0, False)],
)
def test_the_age_range_includes_its_lower_limit_only(
    tmp_path: Path, age_years: float, is_accepted: bool
) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle()))

    assert bundle.accepts_age(age_years) is is_accepted


def test_a_changed_file_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, TinyBundle())
    network = folder / "models" / "model.onnx"
    content = bytearray(network.read_bytes())
    content[len(content) // 2] ^= 1
    network.write_bytes(bytes(content))

    refused = _refusal(folder)

    assert refused.code == "bundle.file_changed"
    assert refused.params["file"] == "models/model.onnx"


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, TinyBundle())
    (folder / "docs" / "README.md").unlink()

    assert _refusal(folder).params["file"] == "docs/README.md"


def test_a_file_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, TinyBundle())
    (folder / "models" / "extra.onnx").write_bytes(b"x")

    assert _refusal(folder).code == "bundle.file_unlisted"


def test_a_folder_without_metadata_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path).code == "bundle.metadata_unreadable"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version": 1}'])
def test_unreadable_metadata_is_refused(tmp_path: Path, text: str) -> None:
    folder = write_bundle(tmp_path, TinyBundle())
    (folder / METADATA).write_text(text, "utf-8")

    assert _refusal(folder).code in {"bundle.metadata_unreadable", "bundle.schema"}


def _drop_points(metadata: dict[str, Any]) -> None:
    del metadata["qiangji"]["operating_points"]["mi"]


def _drop_scale(metadata: dict[str, Any]) -> None:
    del metadata["qiangji"]["calibration"]["scale"]["mi"]


def _rename_label(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["labels"][0] = "moon_disease"


def _film_label(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["labels"][0] = "effusion"


def _cross_points(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["operating_points"]["mi"]["sensitive"]["threshold"] = 0.9


def _unknown_key(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["surprise"] = 1


def _negative_scale(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["calibration"]["scale"]["mi"] = -1.0


def _parent_path(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["models"]["fp32"] = "../outside.onnx"


def _unknown_step(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["preprocessing"][0]["name"] = "sharpen"


def _unknown_parameter(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["preprocessing"][0]["strength"] = 3


def _impossible_band(metadata: dict[str, Any]) -> None:
    metadata["qiangji"]["preprocessing"][0]["high_hz"] = 70.0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_drop_points, "bundle.label_incomplete"),
        (_drop_scale, "bundle.label_incomplete"),
        (_rename_label, "bundle.label_unknown"),
        (_film_label, "bundle.label_unknown"),
        (_cross_points, "bundle.points_order"),
        (_unknown_key, "bundle.schema"),
        (_negative_scale, "bundle.schema"),
        (_parent_path, "bundle.schema"),
        (_unknown_step, "bundle.steps"),
        (_unknown_parameter, "bundle.step_fields"),
        (_impossible_band, "bundle.step_value"),
    ],
)
def test_metadata_without_sense_are_refused(tmp_path: Path, change: Change, code: str) -> None:
    folder = _changed(write_bundle(tmp_path, TinyBundle()), change)

    assert _refusal(folder).code == code


def test_the_metadata_hash_notices_a_moved_threshold_and_ignores_the_file_list(
    tmp_path: Path,
) -> None:
    folder = write_bundle(tmp_path, TinyBundle())
    metadata = json.loads((folder / METADATA).read_text("utf-8"))
    before = metadata_hash(metadata)

    metadata["qiangji"]["files"] = {}
    assert metadata_hash(metadata) == before
    metadata["qiangji"]["operating_points"]["mi"]["specific"]["threshold"] = 0.71
    assert metadata_hash(metadata) != before


def test_weights_of_another_metadata_are_refused(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle()))
    props = onnx_properties(bundle.name, bundle.version, bundle.metadata_sha256)

    check_onnx_metadata(bundle, props)
    for key in props:
        with pytest.raises(BundleError, match=r"bundle\.onnx_metadata"):
            check_onnx_metadata(bundle, {**props, key: "other"})


def test_the_bundle_hash_changes_with_any_file(tmp_path: Path) -> None:
    first = load_bundle(write_bundle(tmp_path / "a", TinyBundle()))
    folder = write_bundle(tmp_path / "b", TinyBundle())
    card = folder / "docs" / "README.md"
    card.write_text("# Other words\n", "utf-8")
    _changed(
        folder,
        lambda metadata: metadata["qiangji"]["files"].update({"docs/README.md": file_sha256(card)}),
    )

    second = load_bundle(folder)

    assert first.sha256 != second.sha256
    assert first.metadata_sha256 == second.metadata_sha256


def test_calibration_gives_probabilities_in_label_order(tmp_path: Path) -> None:
    def steeper(metadata: dict[str, Any]) -> None:
        metadata["qiangji"]["calibration"]["scale"]["norm"] = 2.0
        metadata["qiangji"]["calibration"]["offset"]["norm"] = -1.0

    bundle = load_bundle(_changed(write_bundle(tmp_path, TinyBundle()), steeper))

    found = bundle.calibration.probabilities(np.array([0.0, 0.5]))

    assert found.tolist() == [0.5, 0.5]
    assert np.isfinite(bundle.calibration.probabilities(np.array([1e9, -1e9]))).all()


def test_every_refusal_has_a_text_in_both_languages_and_advice() -> None:
    catalogue = Catalogue.of("qiangji_models")

    for key in catalogue.entries:
        assert catalogue.text(key, Language.ZH)
        assert catalogue.text(key, Language.EN)
        assert catalogue.advice(key, Language.ZH)
