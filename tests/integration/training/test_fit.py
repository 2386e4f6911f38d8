"""The training loop learns, averages, stops early, and resumes as if it had never stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from support.tiny_training import Deep, Plain, auc_of, config, examples, fitted  # noqa: E402

from qiangji_datasets.errors import InputRejected  # noqa: E402 - after the skip
from qiangji_training.checkpoint import Position, read_checkpoint, write_checkpoint  # noqa: E402
from qiangji_training.config import FitConfig  # noqa: E402
from qiangji_training.fit import Example, Fitted, fit, logits_of  # noqa: E402
from qiangji_training.report import Report, Silence  # noqa: E402

_BATCHES = 10  # of 320 examples


class _Cut(Silence):
    """Stops the training from outside once so many steps are done."""

    def __init__(self, after: int) -> None:
        self.after = after

    def step(self, epoch: int, step: int, loss: float) -> None:  # noqa: ARG002 - as there
        if step == self.after:
            raise KeyboardInterrupt


def _fit(checkpoint: Path, how: FitConfig, report: Silence | None = None) -> Fitted:
    torch.manual_seed(1)
    net = Deep()
    return fit(
        net, examples(), how, seed=3, checkpoint=checkpoint, watch=lambda _: 0.5, report=report
    )


def _assert_same(one: torch.nn.Module, other: torch.nn.Module) -> None:
    for key, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key


def test_it_learns_what_can_be_learned_and_ignores_unknown_truth(tmp_path: Path) -> None:
    net = fitted(Deep(), config(), 1, tmp_path)

    assert auc_of(net) > 0.85


@pytest.mark.parametrize("steps", [_BATCHES, _BATCHES + 3, 2 * _BATCHES - 1])
def test_an_interrupted_run_resumes_bit_equal_within_an_epoch(tmp_path: Path, steps: int) -> None:
    how = config(epochs=4, checkpoint_minutes=0.0)
    whole = _fit(tmp_path / "whole.pt", how)
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "cut.pt", how, _Cut(steps + 1))
    torch.manual_seed(77)  # what else draws numbers in this process is of no account

    resumed = _fit(tmp_path / "cut.pt", how)

    _assert_same(whole.net, resumed.net)
    assert [session["step"] for session in resumed.sessions] == [0, steps]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = _fit(tmp_path / "a.pt", config(epochs=2))

    again = _fit(tmp_path / "a.pt", config(epochs=2), _Cut(1))

    _assert_same(first.net, again.net)
    assert again.cpu_s == first.cpu_s > 0


def test_without_a_better_score_training_ends_with_the_best_weights(tmp_path: Path) -> None:
    scores = iter([0.5, 0.7, 0.6, 0.65, 0.9])
    seen: list[dict[str, torch.Tensor]] = []

    def watch(averaged: torch.nn.Module) -> float:
        seen.append({key: value.clone() for key, value in averaged.state_dict().items()})
        return next(scores)

    how = config(patience=2)
    done = fit(Deep(), examples(), how, seed=3, checkpoint=tmp_path / "a.pt", watch=watch)

    assert (len(seen), done.best_epoch) == (4, 2)
    for key, value in seen[1].items():
        assert torch.equal(value, done.net.state_dict()[key])


def test_a_loss_that_is_no_number_stops_with_its_place_and_keeps_the_checkpoint(
    tmp_path: Path,
) -> None:
    whole = examples()

    def load(row: int, epoch: int, rng: np.random.Generator) -> Example:
        inputs, targets = whole.load(row, epoch, rng)
        return (inputs * np.nan if (row, epoch) == (7, 1) else inputs), targets

    with pytest.raises(InputRejected, match=r"train\.not_finite") as refused:
        fit(
            Plain(),
            replace(whole, load=load),
            config(mixup=0.0),
            seed=3,
            checkpoint=tmp_path / "a.pt",
            watch=auc_of,
        )

    assert refused.value.params["epoch"] == 2
    assert 1 <= int(refused.value.params["batch"]) <= _BATCHES
    found = read_checkpoint(tmp_path / "a.pt")
    assert found is not None
    assert found[0].steps == _BATCHES
    assert all(value.isfinite().all() for value in found[1]["net"].values())


def test_rows_are_drawn_by_their_weights(tmp_path: Path) -> None:
    drawn: list[int] = []
    whole = examples()
    weights = np.zeros(len(whole.weights))
    weights[:40] = 1

    def load(row: int, epoch: int, rng: np.random.Generator) -> Example:
        drawn.append(row)
        return whole.load(row, epoch, rng)

    fit(
        Plain(),
        replace(whole, load=load, weights=weights),
        config(epochs=1),
        seed=3,
        checkpoint=tmp_path / "a.pt",
        watch=auc_of,
    )

    assert len(drawn) == _BATCHES * 32
    assert max(drawn) < 40


def test_lower_precision_is_close_to_full_precision(tmp_path: Path) -> None:
    full = auc_of(fitted(Deep(), config(), 1, tmp_path / "full"))
    lower = auc_of(fitted(Deep(), config(precision="bf16"), 1, tmp_path / "lower"))

    assert abs(full - lower) < 0.02
    assert full != lower


def test_progress_is_told_with_the_time_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QIANGJI_LANG", "en")
    caplog.set_level("INFO")

    _fit(
        tmp_path / "a.pt",
        config(epochs=2),
        Report(tmp_path / "curves.csv", member=0, members=2, bar=None),
    )

    lines = [record.getMessage() for record in caplog.records]
    assert "member 1 epoch 1 done" in lines[0]
    assert "validation AUC 0.5000" in lines[0]
    assert "left 0:00:" in lines[1]
    assert (tmp_path / "curves.csv").read_text("utf-8").count("\n") == 3


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "net": {}}, tmp_path / "a.pt")

    with pytest.raises(InputRejected, match=r"train\.checkpoint_other"):
        read_checkpoint(tmp_path / "a.pt")


def test_another_number_of_threads_is_said_when_a_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    how = config(epochs=2, checkpoint_minutes=0.0)
    with pytest.raises(KeyboardInterrupt):
        _fit(tmp_path / "a.pt", how, _Cut(3))
    found = read_checkpoint(tmp_path / "a.pt")
    assert found is not None
    position: Position = found[0]
    position.sessions[-1]["threads"] = 64
    write_checkpoint(tmp_path / "a.pt", position, found[1])

    _fit(tmp_path / "a.pt", how)

    assert "逐位相同" in caplog.text


def test_logits_come_in_batches_as_they_would_alone() -> None:
    net = Plain()
    inputs = np.random.default_rng(0).normal(0, 1, (70, 12)).astype(np.float32)

    several, few = logits_of(net, inputs, batch=64), logits_of(net, inputs, batch=7)
    np.testing.assert_allclose(several, few, atol=1e-6)
