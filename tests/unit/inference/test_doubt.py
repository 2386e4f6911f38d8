"""What a bundle may not read, what it is unsure of, and what is unlike its training data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tiny_bundle import TinyBundle, doubt, write_bundle

from qiangji_datasets.errors import BundleError
from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import Modality, Radiograph, Severity, View
from qiangji_inference.engine import Engine
from qiangji_inference.predict import open_model, predict
from qiangji_inference.reading import Code, Reading, ReadingStatus
from qiangji_inference.rehearsal import made_up
from qiangji_inference.results import Flag, GateResult, Prediction
from qiangji_inference.stages import Patient, out_of_scope
from qiangji_models.bundle import load_bundle

ADULT = TinyBundle(Modality.CXR, "cxr-tiny-adult", (18, 120), views=("PA", "AP", "unknown"))
CHILD = TinyBundle(Modality.CXR, "cxr-tiny-child", (1, 6), views=("PA", "AP", "unknown"))
TEXTS = Catalogue.of("qiangji_datasets", "qiangji_models", "qiangji_inference")


def read(folder: Path, *want: TinyBundle, age: float | None, view: View = View.PA) -> Reading:
    film = made_up(Modality.CXR)
    assert isinstance(film, Radiograph)
    engine = Engine([write_bundle(folder, one) for one in want])
    return engine.read(replace(film, view=view), gate=False, age_years=age)


def predicted(folder: Path, want: TinyBundle) -> Prediction:
    model = open_model(load_bundle(write_bundle(folder, want)))
    return predict(model, made_up(Modality.ECG), GateResult())


@pytest.mark.parametrize(
    ("age", "readers"),
    [
        (0.9, []),
        (1.0, ["cxr-tiny-child"]),
        (5.9, ["cxr-tiny-child"]),
        (6.0, []),
        (17.9, []),
        (18.0, ["cxr-tiny-adult"]),
        (119.9, ["cxr-tiny-adult"]),
        (120.0, []),
    ],
)
def test_the_age_picks_the_bundle_and_between_the_bundles_nobody_reads(
    tmp_path: Path, age: float, readers: list[str]
) -> None:
    found = read(tmp_path, ADULT, CHILD, age=age)

    assert [item.bundle.name for item in found.predictions] == readers
    assert {item.notice.code for item in found.declined} == {Code.AGE_OUT_OF_RANGE}
    assert found.status is (ReadingStatus.DONE if readers else ReadingStatus.OUT_OF_SCOPE)


def test_every_bundle_asks_for_a_missing_age(tmp_path: Path) -> None:
    found = read(tmp_path, ADULT, CHILD, age=None)

    asked = [(item.bundle, item.notice.code) for item in found.declined]
    assert asked == [("cxr-tiny-adult", Code.AGE_MISSING), ("cxr-tiny-child", Code.AGE_MISSING)]
    assert TEXTS.advice(Code.AGE_MISSING, Language.ZH)


@pytest.mark.parametrize("view", [View.LATERAL, View.OTHER])
def test_a_view_the_bundle_was_not_made_for_is_declined_by_name(tmp_path: Path, view: View) -> None:
    found = read(tmp_path, ADULT, age=50, view=view)

    (declined,) = found.declined
    assert (declined.bundle, declined.notice.code) == ("cxr-tiny-adult", Code.VIEW_OUT_OF_SCOPE)
    assert "AP/PA" in TEXTS.text(declined.notice.code, Language.ZH, **declined.notice.params)
    assert view.value in TEXTS.text(declined.notice.code, Language.EN, **declined.notice.params)
    assert found.status is ReadingStatus.OUT_OF_SCOPE


@pytest.mark.parametrize("view", [View.PA, View.AP, View.UNKNOWN])
def test_views_of_the_bundle_are_read(tmp_path: Path, view: View) -> None:
    assert read(tmp_path, ADULT, age=50, view=view).predictions


def test_a_recording_of_another_modality_is_declined_with_both_named(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, ADULT))

    notice = out_of_scope(bundle, made_up(Modality.ECG), Patient(50, None, needs_age=True))

    assert notice is not None
    assert notice.code == Code.MODALITY_OUT_OF_SCOPE
    assert notice.params == {"wanted": "cxr", "modality": "ecg"}


def test_a_modality_without_any_bundle_is_a_fault_that_names_it(tmp_path: Path) -> None:
    engine = Engine([write_bundle(tmp_path, ADULT)])

    found = engine.read(made_up(Modality.ECG), gate=False, measure=False, age_years=50)

    (declined,) = found.declined
    assert (declined.notice.code, declined.notice.params) == (Code.NO_BUNDLE, {"modality": "ecg"})
    assert found.status is ReadingStatus.FAILED


def test_a_band_stands_around_every_probability(tmp_path: Path) -> None:
    mi, norm = predicted(tmp_path, TinyBundle(doubt=doubt())).labels

    for call in (mi, norm):
        assert call.probability_low is not None
        assert call.probability_high is not None
        logit, half = np.log(call.probability / (1 - call.probability)), 1.96 * 0.5
        assert call.probability_low == pytest.approx(1 / (1 + np.exp(half - logit)))
        assert call.probability_high == pytest.approx(1 / (1 + np.exp(-half - logit)))


def test_without_the_section_there_is_neither_band_nor_doubt(tmp_path: Path) -> None:
    found = predicted(tmp_path, TinyBundle())

    assert {call.probability_low for call in found.labels} == {None}
    assert not any(call.is_uncertain for call in found.labels)
    assert (found.familiarity, found.is_unfamiliar) == (None, False)


def test_a_label_in_its_zone_abstains_and_keeps_its_flag(tmp_path: Path) -> None:
    want = TinyBundle(thresholds=(0.4, 0.9), doubt=doubt(zone=(0.4, 0.5)))

    mi, norm = predicted(tmp_path, want).labels

    assert (mi.flag, mi.is_uncertain, norm.is_uncertain) == (Flag.POSSIBLE, True, False)


def test_a_withheld_call_does_not_abstain_as_well(tmp_path: Path) -> None:
    want = TinyBundle(doubt=doubt(zone=(0.0, 1.0)))
    model = open_model(load_bundle(write_bundle(tmp_path, want)))

    mi, _ = predict(model, made_up(Modality.ECG), GateResult(suppresses={"mi": "ecg.paced"})).labels

    assert not mi.is_uncertain


@pytest.mark.parametrize(("threshold", "is_unfamiliar"), [(1e-6, True), (1e6, False)])
def test_a_recording_beyond_the_threshold_is_unfamiliar(
    tmp_path: Path, threshold: float, is_unfamiliar: bool
) -> None:
    want = TinyBundle(doubt=doubt(novelty_threshold=threshold), is_pooled=True)
    engine = Engine([write_bundle(tmp_path, want)])

    found = engine.read(made_up(Modality.ECG), gate=False, measure=False, age_years=50)

    assert found.predictions[0].is_unfamiliar is is_unfamiliar
    assert [(item.code, item.severity) for item in found.cautions] == (
        [(Code.UNFAMILIAR, Severity.WARN)] if is_unfamiliar else []
    )
    assert found.status is ReadingStatus.DONE


def test_novelty_is_that_of_the_pooled_features(tmp_path: Path) -> None:
    want = TinyBundle(doubt=doubt(novelty_threshold=1.0), is_pooled=True)
    model = open_model(load_bundle(write_bundle(tmp_path, want)))
    tensor = np.random.default_rng(3).normal(0, 1.5, (1, 12, 1000)).astype(np.float32)

    pooled = model.run(tensor).pooled

    assert pooled == pytest.approx(np.clip(tensor[0] - 1, 0, None).mean(axis=1), abs=1e-5)


def test_a_space_of_features_without_a_network_that_gives_them_refuses_the_bundle(
    tmp_path: Path,
) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(doubt=doubt(novelty_threshold=1.0))))

    with pytest.raises(BundleError, match=r"bundle\.pooled_missing"):
        open_model(bundle)
