"""Folds put together: each judged with its own calibration, none with a patient of another."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytestmark = pytest.mark.train

from support.tiny_training import drawn  # noqa: E402 - after the skip

from qiangji_datasets.errors import InputRejected  # noqa: E402
from qiangji_inference import metrics  # noqa: E402
from qiangji_training.calibrate import Scored  # noqa: E402
from qiangji_training.config import Config, read_config  # noqa: E402
from qiangji_training.crossval import with_fold  # noqa: E402
from qiangji_training.crossval_report import page  # noqa: E402
from qiangji_training.outoffold import CrossValidation, FoldScores, out_of_fold  # noqa: E402

SHIPPED = Path(__file__).parents[3] / "training" / "configs" / "ecg-12lead.toml"
MANIFEST = {"commit": "0" * 40, "is_dirty": False, "cpu_minutes": 1.5}
N = 200


def _config() -> Config:
    return replace(read_config(SHIPPED), labels=("norm", "mi"))


def _part(name: str, seed: int, slope: float, offset: float) -> Scored:
    """The tiny task's truth and logits that know half of it, on a scale of the fold's own."""
    inputs, targets = drawn(seed, N)
    known = np.stack([inputs[:, 0], inputs[:, 2]], axis=1).astype(np.float64)
    groups = np.array([f"{name}-{row // 2}" for row in range(N)])
    return Scored(name, slope * known + offset, targets, groups, is_other_site=False)


def _folds() -> list[FoldScores]:
    scales = [(1.0, 0.0), (6.0, 4.0), (0.3, -3.0)]
    return [
        FoldScores(
            fold,
            _part(f"valid {fold}", 10 + fold, *scale),
            _part(f"test {fold}", 20 + fold, *scale),
            MANIFEST,
        )
        for fold, scale in enumerate(scales, start=1)
    ]


def _found(folds: list[FoldScores], offered: int = 3) -> CrossValidation:
    return out_of_fold(_config(), folds, offered=offered, on=date(2026, 1, 31))


def _macro(truth: NDArray[np.float32], score: NDArray[np.float64]) -> float:
    return metrics.macro_auc(truth, score) or 0.0


def test_folds_on_other_scales_are_comparable_once_calibrated() -> None:
    folds = _folds()
    truth = np.concatenate([fold.tested.targets for fold in folds])
    raw = _macro(truth, np.concatenate([fold.tested.logits for fold in folds]))

    found = _found(folds)

    mean = found.mean_of_folds("all labels")
    pooled = found.macro_auc["all labels"]
    assert mean is not None
    assert pooled.value is not None
    assert abs(pooled.value - mean) < 0.02
    assert raw < mean - 0.1
    assert pooled.low is not None
    assert pooled.low < pooled.value
    assert (found.n, found.n_patients) == (3 * N, 3 * N // 2)


def test_each_fold_is_cut_at_its_own_threshold() -> None:
    sensitive = _found(_folds()).targets["norm"].sensitive

    # 0.9 was asked for on validation; the parts that are tested were drawn alike.
    assert sensitive.at.sensitivity.value == pytest.approx(0.9, abs=0.06)
    assert 0 < sensitive.at.threshold < 1


def test_a_patient_tested_in_two_folds_is_refused() -> None:
    first, second, third = _folds()
    again = replace(second.tested, groups=first.tested.groups)

    with pytest.raises(InputRejected, match=r"train\.folds_overlap"):
        _found([first, replace(second, tested=again), third])


def test_the_page_and_the_table_tell_the_same_and_name_what_is_missing() -> None:
    found = _found(_folds(), offered=5)

    shown = page(found, made_at=datetime(2026, 1, 31, tzinfo=UTC))
    table = json.loads(json.dumps(found.as_json(), allow_nan=False))

    value = found.macro_auc["all labels"].value
    assert value is not None
    assert f"{value:.3f} (" in shown
    assert table["macro_auc"]["all labels"]["value"] == value
    assert [fold["tested"] for fold in table["folds"]] == ["test 1", "test 2", "test 3"]
    assert table["targets"]["mi"]["n_pos"] == found.targets["mi"].n_pos
    assert "只做了 5 折中的前 3 折" in shown
    assert "http" not in shown.replace("http-equiv", "")
    assert "test 1-0" not in shown


def test_a_rare_label_stays_out_of_a_second_average() -> None:
    folds = []
    for fold in _folds():
        targets = fold.tested.targets.copy()
        targets[5:, 1] = 0
        targets[:5, 1] = 1
        folds.append(replace(fold, tested=replace(fold.tested, targets=targets)))

    found = _found(folds)

    assert found.targets["mi"].is_too_few
    enough, norm = found.macro_auc["labels with enough cases"], found.targets["norm"].auc
    assert enough.value == pytest.approx(norm.value)


@pytest.mark.parametrize("own", ["", "fold = 3\n"])
def test_the_fold_is_written_into_a_configuration_whatever_it_said(
    tmp_path: Path, own: str
) -> None:
    file = tmp_path / "fold.toml"

    file.write_text(with_fold(own + SHIPPED.read_text("utf-8"), 7), "utf-8")

    assert read_config(file) == replace(read_config(SHIPPED), fold=7)
