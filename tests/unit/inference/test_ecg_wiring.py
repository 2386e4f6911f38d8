"""What a recording looks like under every wiring of its electrodes."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest

from qiangji_datasets.synthetic.ecg import EcgFaults, EcgRecipe, Reversal, Rhythm, make_ecg
from qiangji_inference.ecg_reversal import reversal_net
from qiangji_inference.ecg_values import Values, take_values
from qiangji_inference.ecg_wiring import WIRINGS, Wired, arranged_features, wired


def _calm(reversal: Reversal = Reversal.NONE) -> EcgFaults:
    return EcgFaults(muscle_mv=0.006, wander_mv=0.03, reversal=reversal)


def _values(**recipe: object) -> Values:
    return take_values(make_ecg(np.random.default_rng(3), EcgRecipe(**recipe)))  # type: ignore[arg-type]  # test builder


@pytest.fixture(scope="module")
def shown() -> Wired:
    found = wired(_values(faults=_calm()))
    assert found is not None
    return found


@pytest.mark.parametrize("wiring", WIRINGS[1:])
def test_an_exchange_made_twice_is_none(shown: Wired, wiring: str) -> None:
    names = ("ra", "la", "ll", "v1", "v2", "v3", "v4", "v5", "v6")
    first, second = (names.index(name) for name in wiring.split("_"))
    order = np.arange(9)
    order[[first, second]] = order[[second, first]]
    exchanged = Wired(shown.beat[order], shown.rest[:, order][:, :, order], shown.has_p)
    right, wrong = arranged_features(shown), arranged_features(exchanged)
    index = WIRINGS.index(wiring)

    np.testing.assert_allclose(wrong[index], right[0], atol=2e-3)
    np.testing.assert_allclose(wrong[0], right[index], atol=2e-3)
    odds = reversal_net().odds(np.stack([right, wrong]))[:, index - 1]
    assert odds[1] == pytest.approx(-odds[0], abs=0.02)


def test_the_gain_of_one_chest_lead_says_nothing_about_the_wiring(shown: Wired) -> None:
    gain = np.ones(9, dtype=np.float32)
    gain[5] = 2.0
    louder = Wired(shown.beat * gain[:, None], shown.rest * np.outer(gain, gain), shown.has_p)

    np.testing.assert_allclose(arranged_features(louder), arranged_features(shown), atol=5e-3)


def test_many_recordings_at_once_get_what_each_gets_alone(shown: Wired) -> None:
    two = Wired(*(np.stack([part, part]) for part in (shown.beat, shown.rest, shown.has_p)))

    both = arranged_features(two)

    assert both.shape[:2] == (2, len(WIRINGS))
    np.testing.assert_allclose(both[1], arranged_features(shown), rtol=1e-4, atol=1e-4)


def test_paced_rhythms_and_recordings_without_a_beat_are_not_judged() -> None:
    assert wired(_values(rhythm=Rhythm.PACED)) is None
    assert wired(_values(rhythm=Rhythm.ASYSTOLE)) is None


def test_left_arm_and_leg_are_told_apart_by_more_than_the_limit() -> None:
    odds = {}
    for reversal in (Reversal.NONE, Reversal.LA_LL):
        found = wired(_values(faults=_calm(reversal)))
        assert found is not None
        odds[reversal] = reversal_net().odds(arranged_features(found)[None])[0, 2]

    assert odds[Reversal.NONE] < 0 < odds[Reversal.LA_LL]


def test_the_card_states_what_was_measured_on_held_out_recordings() -> None:
    file = resources.files("qiangji_inference").joinpath("ecg_reversal.npz")
    with file.open("rb") as handle, np.load(handle) as arrays:
        card = json.loads(arrays["card"].tobytes())

    for name in ("fold_10", "ludb_even"):
        for wiring in WIRINGS[1:]:
            assert card[name][wiring]["auc"] >= 0.99
    assert card["fold_10"]["false_alarms"]["share"] <= 0.01
