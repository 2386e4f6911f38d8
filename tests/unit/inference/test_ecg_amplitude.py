"""Voltage criteria at their limits, on the signal in mV."""

from __future__ import annotations

import pytest

from qiangji_datasets.records import LEADS, Sex
from qiangji_inference.ecg_amplitude import judge_amplitudes
from qiangji_inference.ecg_types import EcgMeasurements, Why


def _with(r: dict[str, float | None], s: dict[str, float | None]) -> EcgMeasurements:
    """Leads that are not named have R 0.6 and S 0.6 mV: neither low nor hypertrophic."""
    usual: dict[str, float | None] = dict.fromkeys(LEADS, 0.6)
    return EcgMeasurements(r_mv=usual | r, s_mv=usual | s)


@pytest.mark.parametrize(
    ("s_v1", "r_v5", "r_v6", "sum_mv", "is_lvh"),
    [
        (1.5, 1.999, 1.0, 3.499, False),
        (1.5, 2.0, 1.0, 3.5, True),
        (1.5, 1.0, 2.0, 3.5, True),
        (1.5, 2.001, 1.0, 3.501, True),
        (0.0, 3.4, 3.5, 3.5, True),
    ],
)
def test_sokolow_lyon_counts_from_35_tenths_of_a_millivolt(
    s_v1: float, r_v5: float, r_v6: float, sum_mv: float, is_lvh: bool
) -> None:
    measured = judge_amplitudes(_with({"V5": r_v5, "V6": r_v6}, {"V1": s_v1}), 50, Sex.M)

    assert measured.sokolow_lyon_mv == sum_mv
    assert measured.is_lvh_sokolow_lyon is is_lvh


@pytest.mark.parametrize(
    ("sex", "r_avl", "is_lvh"),
    [
        (Sex.M, 1.299, False),
        (Sex.M, 1.3, False),
        (Sex.M, 1.301, True),
        (Sex.F, 0.499, False),
        (Sex.F, 0.5, False),
        (Sex.F, 0.501, True),
    ],
)
def test_cornell_counts_above_28_for_men_and_20_for_women(
    sex: Sex, r_avl: float, is_lvh: bool
) -> None:
    measured = judge_amplitudes(_with({"aVL": r_avl}, {"V3": 1.5}), 50, sex)

    assert measured.cornell_mv == round(r_avl + 1.5, 3)
    assert measured.is_lvh_cornell is is_lvh


@pytest.mark.parametrize(("tallest", "is_low"), [(0.499, True), (0.5, False), (0.501, False)])
def test_low_voltage_of_the_limbs_needs_every_limb_lead_under_half_a_millivolt(
    tallest: float, is_low: bool
) -> None:
    small: dict[str, float | None] = dict.fromkeys(LEADS[:6], 0.2)
    measured = judge_amplitudes(_with(small | {"II": round(tallest - 0.2, 3)}, small), 50, Sex.F)

    assert measured.is_low_voltage_limb is is_low
    assert measured.is_low_voltage_chest is False


@pytest.mark.parametrize(("tallest", "is_low"), [(0.999, True), (1.0, False), (1.001, False)])
def test_low_voltage_of_the_chest_needs_every_chest_lead_under_one_millivolt(
    tallest: float, is_low: bool
) -> None:
    small: dict[str, float | None] = dict.fromkeys(LEADS[6:], 0.4)
    measured = judge_amplitudes(_with(small | {"V4": round(tallest - 0.4, 3)}, small), 50, Sex.F)

    assert measured.is_low_voltage_chest is is_low
    assert measured.is_low_voltage_limb is False


def test_a_criterion_without_its_lead_age_or_sex_stays_open_and_says_why() -> None:
    tall = _with({"V5": 4.0}, {})
    without_v1 = judge_amplitudes(_with({"V5": 4.0}, {"V1": None}), 50, Sex.M)
    without_sex = judge_amplitudes(tall, 50, None)
    without_age = judge_amplitudes(tall, None, Sex.M)
    child = judge_amplitudes(tall, 17.9, Sex.M)

    assert without_v1.is_lvh_sokolow_lyon is None
    assert without_v1.reasons["is_lvh_sokolow_lyon"] is Why.LEADS_MISSING
    assert without_sex.is_lvh_sokolow_lyon is True
    assert without_sex.reasons["is_lvh_cornell"] is Why.SEX_UNKNOWN
    assert without_age.reasons["is_lvh_sokolow_lyon"] is Why.AGE_UNKNOWN
    assert child.reasons["is_lvh_sokolow_lyon"] is Why.NO_CHILD_LIMITS
    assert child.age_group == "child"
