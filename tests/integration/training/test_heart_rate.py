"""Another heart rate changes exactly what a rate decides."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.train

from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg  # noqa: E402 - after the skip
from qiangji_training.heart_rate import Rates, sinus_rates  # noqa: E402

LABELS = ("norm", "cd", "af_flutter", "stach", "sbrad")


def _rates(bpm: float) -> Rates:
    return Rates(np.array([bpm]), LABELS, (np.arange(50.0, 1000, 80),), 100)


@pytest.mark.parametrize(
    ("factor", "stach", "sbrad"),
    [(1.0, 0.03, 0.0), (4 / 3, 0.50, 0.0), (1.6, 0.94, 0.0), (0.7, 0.0, 1.0)],
)
def test_rate_labels_follow_the_new_rate_tachycardia_as_a_chance(
    factor: float, stach: float, sbrad: float
) -> None:
    recorded = np.array([1, 0, 0, 0, 0], np.float32)

    found = _rates(75.0).targets(0, recorded, factor)

    assert found[3:].tolist() == pytest.approx([stach, sbrad], abs=0.01)


def test_a_faster_rate_is_never_less_likely_called_fast() -> None:
    rates = _rates(75.0)

    chances = [rates.targets(0, np.zeros(5, np.float32), f)[3] for f in np.linspace(0.6, 1.9, 30)]

    assert all(np.diff(chances) > 0)


def test_a_much_faster_strip_says_nothing_about_conduction_but_keeps_the_rhythm() -> None:
    found = _rates(75.0).targets(0, np.zeros(5, np.float32), 1.6)

    assert np.isnan(found[:2]).all()
    assert found[2] == 0


def test_auxiliary_statements_are_said_of_the_recorded_rate_alone() -> None:
    recorded = np.array([1, 0, 0, 0, 0, 1, 0], np.float32)

    assert np.isnan(_rates(75.0).targets(0, recorded, 1.01)[5:]).all()
    assert _rates(75.0).targets(0, recorded, 1.0)[5:].tolist() == [1, 0]
    assert _rates(float("nan")).targets(0, recorded, 1.0)[5:].tolist() == [1, 0]


def test_an_unknown_rate_is_left_alone() -> None:
    rates = _rates(float("nan"))
    recorded = np.ones(5, np.float32)

    assert rates.drawn(0, np.random.default_rng(1)) == 1.0
    assert rates.targets(0, recorded, 1.0) is recorded


def test_the_rate_of_a_sinus_rhythm_is_measured_and_contradictions_are_left_alone() -> None:
    record = make_ecg(np.random.default_rng(5), EcgRecipe(bpm=80.0))
    step = round(record.rate_hz / 100)
    mv = record.signal_mv[:, ::step]
    scaled = (mv - mv.mean(1, keepdims=True)) / mv.std(1, keepdims=True)
    signals = np.stack([scaled, scaled]).astype(np.float32)
    targets = np.array([[1, 0, 0, 0, 0], [0, 0, 0, 1, 0]], np.float32)

    found = sinus_rates(signals, 100, targets, LABELS, np.array([True, True]))

    assert found.bpm[0] == pytest.approx(80, abs=2)
    assert np.isnan(found.bpm[1])


def test_a_faster_strip_has_its_beats_nearer_and_its_qrs_as_wide() -> None:
    rates = _rates(75.0)

    read = rates.positions(0, 1.6, 1000, np.random.default_rng(4))
    near = [np.abs(read - peak) <= 5 for peak in rates.peaks[0]]
    widths = [int(run.sum()) for run in near if run.any()]

    assert len(read) == 1000
    beats = np.flatnonzero(np.diff(np.any(near, axis=0).astype(int)) == 1)
    assert np.diff(beats).mean() == pytest.approx(50, abs=2)
    assert min(widths) >= 10
