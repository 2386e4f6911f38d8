"""What a bundle learns of its own doubt from a finished run, on made-up scores and features."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytestmark = pytest.mark.train

from qiangji_datasets.errors import InputRejected  # noqa: E402 - after the skip
from qiangji_models.uncertainty import FeatureSpace, band  # noqa: E402
from qiangji_training import calibrate, scope  # noqa: E402
from qiangji_training.config import Config, PointsConfig, read_config  # noqa: E402
from qiangji_training.fit import Examples  # noqa: E402
from qiangji_training.tasks import Part, Task  # noqa: E402

CONFIG = Path(__file__).parents[3] / "training" / "configs" / "cxr-tb.toml"
CHANNELS = 20


def features(inputs: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inputs themselves: (n, 1, channels) to (n, channels)."""
    return np.asarray(inputs[:, 0], np.float64)


def drawn(seed: int, n: int, *, shift: float = 0.0) -> NDArray[np.float32]:
    """Features of one hospital; two channels hold most of the variance, one never fires."""
    rng = np.random.default_rng(seed)
    spread = np.r_[5.0, 3.0, np.full(CHANNELS - 3, 0.5), 0.0]
    values = rng.normal(0, 1, (n, 1, CHANNELS)) * spread + shift * spread
    return np.asarray(values, np.float32)


def scored(n: int, *, seed: int = 0) -> calibrate.Scored:
    """Logits of one label that are right on average; two recordings a patient."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, (n, 1))
    truth = (rng.random((n, 1)) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    groups = np.repeat(np.arange((n + 1) // 2), 2)[:n].astype(np.str_)
    return calibrate.Scored("made up", logits, truth, groups, is_other_site=False)


def fixed(part: calibrate.Scored) -> scope.Fixed:
    calibrated = calibrate.calibration(part, run_id="r")
    wanted = PointsConfig(sensitivity=0.9, specificity=0.95)
    points = calibrate.operating_points(part, calibrated, 0, wanted, date(2026, 1, 31))
    return scope.Fixed(part, calibrated, {"tb": points})


def task(trained: NDArray[np.float32]) -> Task:
    def load(row: int, _: int, __: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        return trained[row], np.zeros(1, np.float32)

    def part(name: str, inputs: NDArray[np.float32], *, is_other_site: bool = False) -> Part:
        ids = np.arange(len(inputs)).astype(np.str_)
        truth = np.zeros((len(inputs), 1), np.float32)
        return Part(name, inputs, truth, ids, ids, is_other_site)

    n = len(trained)
    return Task(
        examples=Examples(load, np.zeros((n, 1), np.float32), np.ones(n)),  # type: ignore[arg-type]  # a pair
        train_ids=np.arange(n).astype(np.str_),
        valid=part("valid", drawn(1, 300)),
        tests=(
            part("test", drawn(2, 400)),
            part("elsewhere", drawn(3, 100, shift=4.0), is_other_site=True),
        ),
        hashes={},
    )


def config() -> Config:
    return replace(read_config(CONFIG), labels=("tb",))


def test_the_threshold_holds_on_new_patients_and_finds_another_hospital(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()

    found = scope.fit_scope(config(), task(drawn(0, 500)), fixed(scored(200)), features, tmp_path)

    novelty = found["novelty"]
    home, elsewhere = novelty["checks"]
    assert novelty["false_alarm_rate"] == pytest.approx(0.02)
    assert home["interval"][0] <= 0.02 <= max(home["interval"][1], 0.05)
    assert elsewhere["flagged"] == 1.0
    space = FeatureSpace.load(tmp_path / novelty["file"])
    assert (space.novelty(features(drawn(2, 400))) > novelty["threshold"]).mean() == home["flagged"]


@pytest.mark.parametrize(
    ("n", "rate", "place"), [(9, 0.1, 9), (49, 0.02, 49), (99, 0.02, 98), (300, 0.02, 295)]
)
def test_the_threshold_is_the_conformal_order_statistic(n: int, rate: float, place: int) -> None:
    values = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))

    threshold, reached = scope.novelty_threshold(values)

    assert threshold == place
    assert reached == pytest.approx(rate)


def test_the_space_recovers_the_variance_it_was_drawn_with() -> None:
    space = scope.fit_space(features(drawn(0, 4000)))

    assert space.axes.shape == (CHANNELS, CHANNELS - 1)
    assert space.novelty(features(drawn(5, 4000))).mean() == pytest.approx(1.0, abs=0.15)


def test_a_channel_silent_in_training_makes_its_activity_news() -> None:
    space = scope.fit_space(features(drawn(0, 500)))
    usual = np.zeros((1, CHANNELS))
    woken = usual.copy()
    woken[0, -1] = 3.0

    assert space.novelty(woken)[0] > space.novelty(usual)[0] + 1


@pytest.mark.parametrize("trained", [np.zeros((50, 4)), np.ones((2, 4))])
def test_features_that_say_nothing_are_refused(trained: NDArray[np.float64]) -> None:
    with pytest.raises(InputRejected, match=r"train\.scope_features"):
        scope.fit_space(trained)


ASKED = np.array([[-3.0], [-1.0], [1.0]])


def band_of(n: int, *, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    part = scored(n, seed=seed)
    _, covariance = scope.fit_bands(part, ["tb"])
    calibrated = calibrate.calibration(part, run_id="r")
    return band(ASKED, np.array([[calibrated.scale[0], calibrated.offset[0]]]), covariance)


def test_bands_hold_the_truth_about_as_often_as_they_say() -> None:
    truth = 1 / (1 + np.exp(-ASKED))
    held = [
        (low <= truth) & (truth <= high)
        for low, high in (band_of(200, seed=seed) for seed in range(12))
    ]

    assert np.mean(held) >= 0.85


def test_bands_narrow_with_more_patients() -> None:
    few, many = band_of(120, seed=0), band_of(1200, seed=0)

    assert (many[1] - many[0]).mean() < (few[1] - few[0]).mean() / 2


@pytest.mark.parametrize("carriers", [1, 2])
def test_a_label_of_one_or_two_patients_gets_no_band(carriers: int) -> None:
    part = scored(40)
    truth = np.zeros_like(part.targets)
    truth[:carriers] = 1

    with pytest.raises(InputRejected, match=r"train\.scope_band") as caught:
        scope.fit_bands(replace(part, targets=truth, groups=np.arange(40).astype(str)), ["tb"])

    assert caught.value.params == {"label": "tb"}


def test_a_zone_holds_the_threshold_and_at_most_a_tenth_of_the_recordings(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    small, large = fixed(scored(60)), fixed(scored(3000))

    for given in (small, large):
        found = scope.fit_scope(config(), task(drawn(0, 80)), given, features, tmp_path)
        zone = found["zones"]["tb"]
        points = given.points["tb"]
        hint = "sensitive" if points["sensitive"]["specificity"] >= 0.7 else "specific"
        assert zone["low"] < points[hint]["threshold"] < zone["high"]
        assert 0 < zone["share"] <= scope.LARGEST_ZONE + 1 / len(given.scored.logits)
        assert zone["is_cut"] is (given is small)


def test_a_narrow_band_is_not_cut() -> None:
    chances = np.linspace(0.001, 0.999, 1000)

    assert scope.zone_of(chances, (0.45, 0.52), 0.5) == {
        "low": 0.45,
        "high": 0.52,
        "share": pytest.approx(0.07, abs=0.002),
        "is_cut": False,
    }
