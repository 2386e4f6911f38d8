"""The training loop learns, averages, and resumes as if it had never stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from qiangji_training.config import FitConfig  # noqa: E402 - after the skip
from qiangji_training.fit import Example, Examples, fit, logits_of  # noqa: E402


class _Tiny(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(6, 2)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.layer(inputs), inputs


def _examples() -> Examples:
    rng = np.random.default_rng(0)
    inputs = rng.normal(0, 1, (200, 6)).astype(np.float32)
    targets = np.stack([inputs[:, 0] > 0, inputs[:, 1] > 0.5], axis=1).astype(np.float32)
    targets[:20, 1] = np.nan

    def load(row: int, _: int, rng: np.random.Generator) -> Example:
        noisy = inputs[row] + rng.normal(0, 0.01, 6)
        return noisy.astype(np.float32), targets[row]

    return Examples(load, targets, np.ones(200))


def _config(epochs: int) -> FitConfig:
    return FitConfig(
        members=1,
        epochs=epochs,
        batch=20,
        learning_rate=0.05,
        weight_decay=0.01,
        ema=0.9,
        mixup=0.2,
        label_smoothing=0.01,
        positive_weight_power=0.5,
    )


def _fit(checkpoint: Path, stop_after: int | None = None) -> torch.nn.Module:
    torch.manual_seed(1)
    seen: list[float] = []

    def watch(_: torch.nn.Module) -> float:
        seen.append(0.0)
        if stop_after is not None and len(seen) == stop_after:
            raise KeyboardInterrupt
        return 0.0

    fitted = fit(_Tiny(), _examples(), _config(6), seed=3, checkpoint=checkpoint, watch=watch)
    assert fitted.cpu_s > 0
    return fitted.net


def test_it_learns_what_can_be_learned_and_ignores_unknown_truth(tmp_path: Path) -> None:
    net = _fit(tmp_path / "a.pt")

    probe = np.zeros((2, 6), np.float32)
    probe[0, :2], probe[1, :2] = 2, -2
    logits = logits_of(net, probe)

    assert (logits[0] > 0).all()
    assert (logits[1] < 0).all()


def test_an_interrupted_run_resumes_bit_equal(tmp_path: Path) -> None:
    whole = _fit(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "cut.pt", stop_after=3)

    resumed = _fit(tmp_path / "cut.pt")

    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = _fit(tmp_path / "a.pt")

    again = _fit(tmp_path / "a.pt", stop_after=1)

    assert torch.equal(first.layer.weight, again.layer.weight)
