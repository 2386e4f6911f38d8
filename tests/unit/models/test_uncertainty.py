"""A bundle's own doubt: how far from home, how wide a band, where a label abstains."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.tiny_bundle import TinyBundle, doubt, plain_space, write_bundle

from qiangji_datasets.errors import BundleError
from qiangji_datasets.records import View
from qiangji_models.bundle import METADATA, load_bundle
from qiangji_models.uncertainty import FeatureSpace, Zone, band

FULL = TinyBundle(doubt=doubt(zone=(0.4, 0.5), novelty_threshold=2.0), is_pooled=True)


def space() -> FeatureSpace:
    """Four channels; the first direction varies most, the others by 0.5 each."""
    return FeatureSpace(
        mean=np.array([1, 2, 3, 4], np.float32),
        scale=np.full(4, 2, np.float32),
        axes=np.eye(4, 1, dtype=np.float16),
        spread=np.array([3], np.float32),
        rest=0.25,
    )


def test_novelty_is_the_mahalanobis_distance_per_channel() -> None:
    at_home, along, across = np.array([[1, 2, 3, 4], [13, 2, 3, 4], [1, 2, 3, 6]], np.float32)

    found = space().novelty(np.stack([at_home, along, across]))

    # 12 / 2 / 3 = 2 deviations along; 2 / 2 = 1 of variance 0.25 across; squared, over 4 channels
    assert found == pytest.approx([0.0, 4 / 4, 4 / 4])


def test_features_like_those_of_training_score_about_one() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(0, 1, (4000, 4)) * [6, 1, 1, 1] + [1, 2, 3, 4]

    assert space().novelty(drawn).mean() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 5)])
def test_features_of_another_network_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="channels wanted"):
        space().novelty(np.zeros(shape))


def test_a_space_that_does_not_fit_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="fit each other"):
        replace(space(), mean=np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="positive"):
        replace(space(), rest=0.0)


def test_a_space_survives_its_file(tmp_path: Path) -> None:
    space().save(tmp_path / "scope.npz")

    found = FeatureSpace.load(tmp_path / "scope.npz")

    asked = np.random.default_rng(1).normal(0, 3, (5, 4))
    assert found.novelty(asked) == pytest.approx(space().novelty(asked))


def test_a_cut_file_is_refused_at_each_length(tmp_path: Path) -> None:
    whole = tmp_path / "scope.npz"
    space().save(whole)
    content = whole.read_bytes()
    for length in range(0, len(content), 97):
        whole.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"scope\.npz|fit each other|positive"):
            FeatureSpace.load(whole)


def test_a_band_is_the_logistic_of_the_logit_with_its_spread() -> None:
    covariance = np.array([[0.04, -0.02, 0.09]])

    low, high = band(np.array([[2.0]]), np.array([[1.5, -1.0]]), covariance)

    half = 1.96 * np.sqrt(0.04 * 4 - 2 * 0.02 * 2 + 0.09)
    assert float(low[0, 0]) == pytest.approx(1 / (1 + np.exp(-(2.0 - half))))
    assert float(high[0, 0]) == pytest.approx(1 / (1 + np.exp(-(2.0 + half))))


@pytest.mark.parametrize(
    ("probability", "is_inside"),
    [(0.399, False), (0.4, True), (0.45, True), (0.499, True), (0.5, False)],
)
def test_a_zone_begins_with_its_lower_and_ends_before_its_upper_end(
    probability: float, is_inside: bool
) -> None:
    assert Zone(0.4, 0.5).holds(probability) is is_inside


def test_a_bundle_brings_bands_zones_and_novelty(tmp_path: Path) -> None:
    found = load_bundle(write_bundle(tmp_path, FULL)).uncertainty

    assert found is not None
    assert found.covariance.tolist() == [[0.0, 0.0, 0.25]] * 2
    assert found.is_uncertain("mi", 0.45)
    assert not found.is_uncertain("norm", 0.45)
    assert found.novelty is not None
    assert (found.novelty.threshold, found.novelty.n) == (2.0, 10)
    assert found.novelty.space.mean.shape == plain_space(12).mean.shape


def test_a_bundle_made_before_doubt_was_fitted_still_loads(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle()))

    assert bundle.uncertainty is None
    assert bundle.views is None
    assert bundle.accepts_view(View.LATERAL)


def test_a_bundle_reads_the_views_it_names_and_no_other(tmp_path: Path) -> None:
    bundle = load_bundle(write_bundle(tmp_path, TinyBundle(views=("PA", "unknown"))))

    assert bundle.accepts_view(View.PA)
    assert bundle.accepts_view(View.UNKNOWN)
    assert not bundle.accepts_view(View.AP)
    assert not bundle.accepts_view(View.LATERAL)


def _without_a_label(section: dict[str, object]) -> None:
    del section["bands"]["covariance"]["mi"]  # type: ignore[index]  # JSON


def _zone_of_a_stranger(section: dict[str, object]) -> None:
    section["zones"] = {"tb": {"low": 0.1, "high": 0.2, "share": 0.1, "is_cut": False}}


def _file_elsewhere(section: dict[str, object]) -> None:
    section["novelty"]["file"] = "models/other.npz"  # type: ignore[index]  # JSON


def _file_of_another_kind(section: dict[str, object]) -> None:
    section["novelty"]["file"] = "golden/cases.npz"  # type: ignore[index]  # JSON


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_without_a_label, "bundle.label_incomplete"),
        (_zone_of_a_stranger, "bundle.label_incomplete"),
        (_file_elsewhere, "bundle.file_missing"),
        (_file_of_another_kind, "bundle.novelty_unusable"),
    ],
)
def test_a_doubtful_section_of_doubt_refuses_the_bundle(
    tmp_path: Path, change: Callable[[dict[str, object]], None], code: str
) -> None:
    folder = write_bundle(tmp_path, FULL)
    metadata = json.loads((folder / METADATA).read_text("utf-8"))
    change(metadata["qiangji"]["uncertainty"])
    (folder / METADATA).write_text(json.dumps(metadata), "utf-8")

    with pytest.raises(BundleError) as caught:
        load_bundle(folder)

    assert caught.value.code == code
