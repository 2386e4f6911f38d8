"""Baselines of an ECG configuration, from a reduced set on disk to the card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:The inplace keyword"),  # wfdb's use of pandas
]

from support.reduced_sets import tiny_ecg_config, write_ludb, write_ptbxl  # noqa: E402

from qiangji_datasets.errors import InputRejected  # noqa: E402 - after the skip
from qiangji_training.baseline_film import film_features  # noqa: E402
from qiangji_training.baselines import write_baselines  # noqa: E402
from qiangji_training.card_baselines import (  # noqa: E402
    BASELINES,
    baseline_section,
    with_baselines,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with its baselines."""
    root = tmp_path_factory.mktemp("baselines")
    write_ptbxl(root / "data" / "ecg" / "ptbxl_part", 60)
    write_ludb(root / "data" / "ecg" / "ludb", 6)
    config = tiny_ecg_config(root / "tiny.toml")
    path = write_baselines(config, data=root / "data", out=root / "runs")
    assert path.name == BASELINES
    return path.parent


def test_every_kind_is_measured_on_every_test_part(written: Path) -> None:
    content: dict[str, Any] = json.loads((written / BASELINES).read_text("utf-8"))

    assert [model["id"] for model in content["models"]] == [
        "random_encoder",
        "hand_made",
        "random_kernels",
    ]
    for model in content["models"]:
        assert model["features"] > 0
        names = [(part["data_set"], part["is_other_site"]) for part in model["parts"]]
        assert names == [("LUDB", True), ("PTB-XL fold 10", False)]
    # Heart rate decides these two labels in the drawn set, and is among the measured values.
    assert content["train"] == 48


def test_the_card_shows_them_and_a_run_without_has_no_section(
    written: Path, tmp_path: Path
) -> None:
    split = json.loads((written / BASELINES).read_text("utf-8"))["split_sha256"]

    section = baseline_section(with_baselines({"split_sha256": split}, written))
    of_another_split = with_baselines({"split_sha256": "0" * 64}, written)

    assert section.startswith("## 基线 · Baselines")
    assert "random kernels" in section
    assert "PTB-XL fold 10" in section
    assert "baselines" not in of_another_split
    assert baseline_section(with_baselines({"seed": 1}, tmp_path)) == ""


def test_a_spoilt_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / BASELINES).write_text('{"models": [{}]}', "utf-8")

    with pytest.raises(InputRejected):
        with_baselines({}, tmp_path)


def test_features_of_films_tell_a_bright_side_and_an_edge() -> None:
    plain = np.random.default_rng(0).normal(0, 1, (2, 1, 96, 96)).astype(np.float32)
    plain[1, 0, :, 48:] += 3

    flat, sided = film_features(plain)

    assert flat.shape == sided.shape
    assert np.isfinite([flat, sided]).all()
    assert sided[-32:].mean() > 5 * flat[-32:].mean()
