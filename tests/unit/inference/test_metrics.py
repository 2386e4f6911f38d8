"""Metrics against counting by hand and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_inference import metrics

Floats = NDArray[np.float64]


def _sample(n: int = 400, *, seed: int = 1, levels: int = 25) -> tuple[Floats, Floats]:
    """Truth and probabilities with many ties."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.3).astype(float)
    score = 0.3 + 0.25 * truth + rng.normal(0, 0.2, n)
    return truth, np.clip(np.round(score * levels) / levels, 0.01, 0.99)


def test_auc_counts_ties_as_half() -> None:
    truth, score = _sample(60)
    pos, neg = score[truth == 1], score[truth == 0]

    wins = (pos[:, None] > neg).sum() + 0.5 * (pos[:, None] == neg).sum()

    assert metrics.auc(truth, score) == pytest.approx(wins / (len(pos) * len(neg)), abs=1e-12)


@pytest.mark.parametrize("truth", [[], [1, 1], [0, 0], [np.nan, 1]])
def test_auc_without_both_classes_is_none_and_never_zero(truth: list[float]) -> None:
    score = [0.5] * len(truth)

    assert metrics.auc(truth, score) is None
    assert metrics.auc_interval(truth, score) == metrics.Estimate(None)


def test_rows_without_a_stated_truth_change_nothing() -> None:
    truth, score = _sample()

    with_unknown = metrics.auc_interval(np.r_[truth, np.nan], np.r_[score, 0.9])

    assert with_unknown == metrics.auc_interval(truth, score)
    assert metrics.counts([1, 0, np.nan, 0]) == (1, 2)


def test_calibration_line_is_none_when_the_score_separates_the_classes() -> None:
    assert metrics.calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) is None
    assert metrics.calibration_line([0, 1, 0, 1], [0.5] * 4) is None
    assert metrics.calibration_line([1, 1], [0.4, 0.5]) is None


def test_interval_is_reproducible_by_seed_and_holds_the_value() -> None:
    truth, score = _sample()

    first = metrics.auc_interval(truth, score, seed=3)

    assert first == metrics.auc_interval(truth, score, seed=3)
    assert first != metrics.auc_interval(truth, score, seed=4)
    assert first.value is not None and first.low is not None and first.high is not None
    assert first.low < first.value < first.high


def test_interval_width_matches_the_closed_form_of_hanley_and_mcneil() -> None:
    rng = np.random.default_rng(0)
    truth = np.r_[np.ones(150), np.zeros(350)]
    score = rng.normal(0, 1, 500) + truth
    area = metrics.auc_interval(truth, score)
    assert area.value is not None and area.low is not None and area.high is not None

    q1, q2 = area.value / (2 - area.value), 2 * area.value**2 / (1 + area.value)
    variance = (
        area.value * (1 - area.value) + 149 * (q1 - area.value**2) + 349 * (q2 - area.value**2)
    ) / (150 * 350)

    assert area.high - area.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.2)


def test_grouping_by_patient_widens_the_interval_of_repeated_rows() -> None:
    truth, score = _sample(100)
    truth5, score5, patient = np.repeat(truth, 5), np.repeat(score, 5), np.repeat(range(100), 5)

    rows = metrics.auc_interval(truth5, score5)
    patients = metrics.auc_interval(truth5, score5, groups=patient)

    assert rows.low is not None and rows.high is not None
    assert patients.low is not None and patients.high is not None
    assert patients.high - patients.low > 1.8 * (rows.high - rows.low)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_interval_equals_published_values(
    hits: int, n: int, low: float, high: float
) -> None:
    # 81/263: Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857, table I, method 3.
    found = metrics.wilson(hits, n)

    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_wilson_of_nothing_is_undefined() -> None:
    assert metrics.wilson(0, 0) == metrics.Estimate(None)


def test_sensitivity_counts_a_score_at_the_threshold_as_flagged() -> None:
    at = metrics.at_threshold([1, 1, 0, 0, np.nan], [0.5, 0.4, 0.5, 0.1, 0.9], 0.5)

    assert (at.sensitivity.value, at.specificity.value) == (0.5, 0.5)
    assert (at.n_pos, at.n_neg) == (2, 2)


def test_chosen_thresholds_reach_what_was_asked_of_them() -> None:
    truth, score = _sample()

    sensitive = metrics.threshold_for_sensitivity(truth, score, 0.9)
    specific = metrics.threshold_for_specificity(truth, score, 0.95)

    assert sensitive is not None and specific is not None
    sensitivity = metrics.at_threshold(truth, score, sensitive).sensitivity.value
    specificity = metrics.at_threshold(truth, score, specific).specificity.value
    assert sensitivity is not None and sensitivity >= 0.9
    assert specificity is not None and specificity >= 0.95
    higher = metrics.at_threshold(truth, score, float(np.nextafter(sensitive, 1)))
    assert higher.sensitivity.value is not None and higher.sensitivity.value < 0.9
    assert metrics.threshold_for_sensitivity([0], [0.1], 0.9) is None
    assert metrics.threshold_for_specificity([1], [0.1], 0.9) is None


def test_calibration_error_is_the_gap_of_a_shifted_probability() -> None:
    truth = np.tile([0.0, 1.0, 0.0, 0.0], 50)

    assert metrics.expected_calibration_error(truth, np.full(200, 0.25)) == pytest.approx(0)
    assert metrics.expected_calibration_error(truth, np.full(200, 0.45)) == pytest.approx(0.2)
    assert metrics.expected_calibration_error([], []) is None
    assert metrics.brier([np.nan], [0.3]) is None


def test_macro_auc_averages_the_labels_that_have_both_classes() -> None:
    first, first_score = _sample(seed=1)
    second, second_score = _sample(seed=2)
    truth = np.stack([first, second, np.zeros_like(first)], axis=1)
    score = np.stack([first_score, second_score, first_score], axis=1)

    macro = metrics.macro_auc_interval(truth, score)

    each = [metrics.auc(first, first_score), metrics.auc(second, second_score)]
    assert macro.value == pytest.approx(np.mean([value for value in each if value]))
    assert macro.value is not None and macro.low is not None and macro.high is not None
    assert macro.low < macro.value < macro.high
    assert metrics.macro_auc_interval(truth[:, 2:], score[:, 2:]) == metrics.Estimate(None)


def test_an_interval_that_most_resamples_cannot_give_is_not_stated() -> None:
    truth, score = np.array([[1.0], [0.0]]), np.array([[0.9], [0.1]])

    macro = metrics.macro_auc_interval(truth, score)

    assert macro.value == 1.0
    assert macro.low is None or macro.low == 1.0


@pytest.mark.parametrize(
    ("truth", "score"), [([2], [0.1]), ([1], [np.nan]), ([1, 0], [0.1]), ([[1]], [[0.1]])]
)
def test_wrong_input_is_refused(truth: object, score: object) -> None:
    with pytest.raises(ValueError):
        metrics.auc(truth, score)  # type: ignore[arg-type]  # wrong on purpose


def test_mismatched_groups_and_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="groups"):
        metrics.auc_interval([1, 0], [0.1, 0.2], groups=[1])
    with pytest.raises(ValueError, match="2-D"):
        metrics.macro_auc([1, 0], [0.1, 0.2])
