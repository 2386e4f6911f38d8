"""What stops a bundle on its way out: a version that stands, other answers, int8 that costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # inside onnx's quantiser
]

from support.tiny_bundle import GOLDEN, OFFSETS, WEIGHTS, TinyBundle, write_bundle  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from qiangji_datasets.errors import InputRejected  # noqa: E402
from qiangji_models.bundle import METADATA, Calibration  # noqa: E402
from qiangji_training import quantise  # noqa: E402
from qiangji_training.parity import MAX_ROUNDING, check_parity, check_scores  # noqa: E402
from qiangji_training.quantise import Int8Figures, Judges, quantised  # noqa: E402
from qiangji_training.release import check_release, content_hash  # noqa: E402

NETWORK = GOLDEN / "tiny_ecg_pooled.onnx"
N = 40


def _changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The bundle with other metadata."""
    path = folder / METADATA
    metadata = json.loads(path.read_text("utf-8"))
    change(metadata)
    path.write_text(json.dumps(metadata), "utf-8")
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """The same bundle twice: given out, and exported again."""
    return write_bundle(tmp_path / "a", TinyBundle()), write_bundle(tmp_path / "b", TinyBundle())


def test_the_same_content_may_be_exported_again_on_another_day(pair: tuple[Path, Path]) -> None:
    before, after = pair
    _changed(after, lambda said: said["qiangji"].update(checks={"int8": {"ms_fp32": 3.0}}))

    check_release(before, after)

    assert content_hash(before) == content_hash(after)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["qiangji"].update(age_range_years=[16, 120]),
        lambda said: said.update(description="Another network."),
        lambda said: said["qiangji"]["files"].update({"golden/cases.npz": "0" * 64}),
    ],
)
def test_other_content_under_a_version_that_was_given_out_is_refused(
    pair: tuple[Path, Path], change: Callable[[dict[str, Any]], object]
) -> None:
    before, after = pair
    _changed(after, change)

    with pytest.raises(InputRejected, match=r"train\.version_stands"):
        check_release(before, after)


@pytest.mark.parametrize(("version", "is_refused"), [("99.0.0", False), ("0.0.1", True)])
def test_only_a_greater_version_may_bring_other_content(
    pair: tuple[Path, Path], version: str, is_refused: bool
) -> None:
    before, after = pair
    _changed(after, lambda said: said.update(version=version, description="Another network."))

    if not is_refused:
        check_release(before, after)
        return
    with pytest.raises(InputRejected, match=r"train\.version_stands"):
        check_release(before, after)


def test_the_first_version_of_a_bundle_has_nothing_to_stand_above(tmp_path: Path) -> None:
    check_release(tmp_path / "none", write_bundle(tmp_path, TinyBundle()))


class _Same(nn.Module):
    """What ``tiny_ecg_pooled.onnx`` computes, with an error of one's choice in the offset."""

    def __init__(self, error: float) -> None:
        super().__init__()
        self.offsets = torch.tensor(OFFSETS) + error

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(1, 12, 1000) to logits, map and pooled."""
        bright = torch.relu(inputs - 1)
        cells = bright.reshape(len(inputs), 12, 100, 10).mean(dim=(1, 3))
        weights = torch.tensor(WEIGHTS)[:, None]
        parts = cells[:, None] * weights + self.offsets[:, None]
        return parts.mean(2), parts, bright.mean(2)


def _inputs() -> np.ndarray[Any, np.dtype[np.float32]]:
    spread = np.linspace(0.5, 2.5, N)[:, None, None]
    return (np.random.default_rng(3).normal(0, 1, (N, 12, 1000)) * spread).astype(np.float32)


def test_a_network_that_onnx_does_not_reproduce_is_refused() -> None:
    found = check_parity(_Same(0.0), NETWORK, _inputs(), data_set="made up")

    assert found.logits < 1e-5
    with pytest.raises(InputRejected, match=r"train\.parity"):
        check_parity(_Same(2e-4), NETWORK, _inputs(), data_set="made up")


def test_scores_that_drifted_since_the_run_are_refused() -> None:
    scored = np.random.default_rng(0).normal(0, 1, (N, 2))
    drifted = scored.copy()
    drifted[7, 1] += MAX_ROUNDING + 0.01

    assert check_scores(scored + 0.01, scored) == pytest.approx(0.01)
    for found in (drifted, scored[:-1], np.full_like(scored, np.nan)):
        with pytest.raises(InputRejected, match=r"train\.scores_differ"):
            check_scores(found, scored)


def _judges() -> Judges:
    inputs = _inputs()
    bright = np.clip(inputs - 1, 0, None).mean(axis=(1, 2))
    is_bright = bright > np.median(bright)
    return Judges(
        inputs=inputs,
        targets=np.stack([is_bright, ~is_bright], axis=1).astype(np.float32),
        golden=inputs[::9],
        calibration=Calibration("platt-x", "made up", N, np.ones(2), np.zeros(2)),
        thresholds=np.array([[0.3, 0.3], [0.7, 0.7]]),
    )


def test_an_int8_network_that_costs_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So small a network need not be faster; every other limit is the shipped one.
    monkeypatch.setattr(quantise, "MAX_TIME", float("inf"))

    figures = quantised(NETWORK, tmp_path / "int8.onnx", _judges())

    assert figures.faults() == ()
    assert (tmp_path / "int8.onnx").is_file()
    assert figures.macro_auc_int8 == pytest.approx(1.0)
    assert 0 < figures.golden_difference < quantise.MAX_GOLDEN
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]


@pytest.mark.parametrize("limit", ["MAX_GOLDEN", "MAX_TIME"])
def test_an_int8_network_past_a_limit_is_tried_again_without_its_stem_and_then_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(quantise, limit, -1.0)

    figures = quantised(NETWORK, tmp_path / "int8.onnx", _judges())

    assert isinstance(figures, Int8Figures)
    assert figures.keeps_stem
    assert {"MAX_GOLDEN": "golden", "MAX_TIME": "speed"}[limit] in figures.faults()
    assert list(tmp_path.iterdir()) == []
