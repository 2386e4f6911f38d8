"""The urgency rules: one case below, at and above each limit; unverified rules stay off."""

from __future__ import annotations

import pytest

from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.messages import Catalogue
from qiangji_datasets.records import Sex
from qiangji_inference import ecg_rules
from qiangji_inference.ecg_rules import EcgRule, judge, rules, statements_of
from qiangji_inference.ecg_types import EcgMeasurements, Why


def _rule(rule_id: str) -> EcgRule:
    return next(rule for rule in rules() if rule.id == rule_id)


@pytest.mark.parametrize(
    ("rule_id", "field", "speaks", "is_silent"),
    [
        ("pause_3s", "longest_pause_s", (3.0, 3.01), (2.99, None)),
        ("bradycardia_40", "ventricular_bpm", (39.9, 40.0), (40.1, None)),
        ("bradycardia_35", "ventricular_bpm", (34.9, 35.0), (35.1, None)),
        ("tachycardia_180", "ventricular_bpm", (180.0, 180.1), (179.9, None)),
        ("tachycardia_200", "ventricular_bpm", (200.0,), (199.9,)),
        ("pause_5s", "longest_pause_s", (5.0,), (4.99,)),
        ("qtc_550", "qtc_ms", (550.0, 551.0), (549.0, None)),
    ],
)
def test_a_limit_speaks_at_and_beyond_its_value(
    rule_id: str,
    field: str,
    speaks: tuple[float, ...],
    is_silent: tuple[float | None, ...],
) -> None:
    for value in speaks:
        assert judge(_rule(rule_id), EcgMeasurements(**{field: value})) is not None  # type: ignore[arg-type]
    for silent in is_silent:
        assert judge(_rule(rule_id), EcgMeasurements(**{field: silent})) is None  # type: ignore[arg-type]


def test_wide_tachycardia_needs_width_and_rate() -> None:
    rule = _rule("wide_tachycardia_150")

    wide = EcgMeasurements(ventricular_bpm=150.0, is_wide_qrs_tachycardia=True)
    assert judge(rule, wide) is not None
    assert judge(rule, EcgMeasurements(ventricular_bpm=149.9, is_wide_qrs_tachycardia=True)) is None
    assert judge(rule, EcgMeasurements(ventricular_bpm=160.0)) is None


def test_preexcited_fibrillation_needs_irregular_wide_beats_close_together() -> None:
    rule = _rule("preexcited_af")

    assert (
        judge(
            rule,
            EcgMeasurements(rr_shortest_ms=250.0, is_wide_qrs=True, is_irregularly_irregular=True),
        )
        is not None
    )
    for other in (
        EcgMeasurements(rr_shortest_ms=252.0, is_wide_qrs=True, is_irregularly_irregular=True),
        EcgMeasurements(rr_shortest_ms=240.0, is_wide_qrs=False, is_irregularly_irregular=True),
        EcgMeasurements(rr_shortest_ms=240.0, is_wide_qrs=True),
        EcgMeasurements(is_wide_qrs=True, is_irregularly_irregular=True),
    ):
        assert judge(rule, other) is None


@pytest.mark.parametrize(
    ("bpm", "atrial", "paced", "speaks"),
    [
        (34.0, 80.0, False, True),
        (59.9, 80.0, None, True),
        (60.0, 80.0, False, False),
        (34.0, 30.0, False, False),
        (34.0, 80.0, True, False),
        (None, 80.0, False, False),
    ],
)
def test_av_block_needs_slow_unpaced_ventricles_and_faster_atria(
    bpm: float | None, atrial: float, paced: bool | None, speaks: bool
) -> None:
    measured = EcgMeasurements(
        ventricular_bpm=bpm, atrial_bpm=atrial, is_av_dissociated=True, is_paced=paced
    )

    assert (judge(_rule("av_block_complete"), measured) is not None) is speaks


@pytest.mark.parametrize(
    ("levels", "speaks"),
    [
        ({"II": 0.1, "aVF": 0.1}, True),
        ({"II": 0.1, "aVF": 0.099}, False),
        ({"II": 0.2, "V5": 0.2}, False),
        ({"V1": 0.3, "V2": 0.3}, True),
        ({"V1": 0.299, "V2": 0.4}, False),
        ({"V3": 0.3, "V4": 0.1}, True),
        ({"V3": 0.3, "V4": None}, False),
        ({}, False),
    ],
)
def test_st_elevation_needs_two_neighbouring_leads_at_their_limits(
    levels: dict[str, float | None], speaks: bool
) -> None:
    assert (judge(_rule("st_elevation"), EcgMeasurements(st_j_mv=levels)) is not None) is speaks


@pytest.mark.parametrize(
    ("sex", "age", "limit_mv"),
    [
        (Sex.M, 39.9, 0.25),
        (Sex.M, 40.0, 0.2),
        (Sex.M, None, 0.2),
        (Sex.F, 39.9, 0.15),
        (Sex.F, 40.0, 0.15),
        (Sex.F, None, 0.15),
        (Sex.O, 30.0, 0.15),
        (None, 30.0, 0.15),
        (None, 70.0, 0.15),
        (None, None, 0.15),
    ],
)
def test_the_limit_of_v2_and_v3_follows_sex_and_age_and_the_lowest_counts_where_unknown(
    sex: Sex | None, age: float | None, limit_mv: float
) -> None:
    rule = _rule("st_elevation_udmi")

    for level, speaks in ((limit_mv - 0.001, False), (limit_mv, True), (limit_mv + 0.001, True)):
        measured = EcgMeasurements(st_j_mv={"V2": level, "V3": level})
        assert (judge(rule, measured, age_years=age, sex=sex) is not None) is speaks


@pytest.mark.parametrize(
    ("levels", "speaks"),
    [
        ({"V1": 0.1, "V2": 0.2}, True),
        ({"V1": 0.099, "V2": 0.29}, False),
        ({"V3": 0.2, "V4": 0.1}, True),
        ({"V3": 0.199, "V4": 0.099}, False),
        ({"V5": 0.1, "V6": 0.1}, True),
        ({"I": 0.1, "aVL": 0.1}, True),
        ({"I": 0.1, "aVL": 0.099}, False),
    ],
)
def test_other_leads_of_the_universal_definition_share_one_limit(
    levels: dict[str, float | None], speaks: bool
) -> None:
    found = judge(
        _rule("st_elevation_udmi"), EcgMeasurements(st_j_mv=levels), age_years=60, sex=Sex.M
    )

    assert (found is not None) is speaks


@pytest.mark.parametrize(
    ("levels", "level", "rule_id"),
    [
        ({"V2": 0.22, "V3": 0.22}, UrgencyLevel.URGENT, "st_elevation_udmi"),
        (
            {"V2": 0.22, "V3": 0.22, "II": -0.05, "aVF": -0.049},
            UrgencyLevel.URGENT,
            "st_elevation_udmi",
        ),
        (
            {"V2": 0.22, "V3": 0.22, "II": -0.05, "aVF": -0.05},
            UrgencyLevel.CRITICAL,
            "st_elevation_udmi_reciprocal",
        ),
        ({"V1": 0.1, "V2": 0.22, "V3": 0.22}, UrgencyLevel.CRITICAL, "st_elevation_udmi_broad"),
        ({"V2": 0.3, "V3": 0.3}, UrgencyLevel.CRITICAL, "st_elevation"),
        ({"II": 0.1, "aVF": 0.1}, UrgencyLevel.CRITICAL, "st_elevation"),
    ],
)
def test_anterior_elevation_is_urgent_alone_and_critical_with_a_second_sign(
    levels: dict[str, float | None], level: UrgencyLevel, rule_id: str
) -> None:
    (found,) = statements_of(EcgMeasurements(st_j_mv=levels), 60, Sex.M)

    assert (found.level, found.rule_id) == (level, rule_id)
    assert found.params["leads"] == " ".join(lead for lead, mv in levels.items() if (mv or 0) > 0)


@pytest.mark.parametrize("field", ["is_wide_qrs", "is_paced", "is_flutter"])
def test_st_elevation_is_not_judged_where_st_is_displaced_anyway(field: str) -> None:
    measured = EcgMeasurements(st_j_mv={"II": 0.4, "aVF": 0.4}, **{field: True})  # type: ignore[arg-type]

    assert judge(_rule("st_elevation"), measured) is None


def test_a_doubtful_qtc_raises_nothing() -> None:
    for why in (Why.ATRIAL_FIBRILLATION, Why.WIDE_QRS, Why.FAST):
        measured = EcgMeasurements(qtc_ms=600.0, qtc_doubts=(why,))
        assert judge(_rule("qtc_550"), measured) is None


def test_no_unverified_rule_is_enabled_and_every_rule_names_its_source() -> None:
    for rule in rules():
        assert rule.source
        assert not (rule.is_enabled and rule.status == "待核实")


def test_safety_rules_hold_at_every_age_and_adult_lists_do_not_reach_children() -> None:
    flat = EcgMeasurements(is_flat=True)
    fast = EcgMeasurements(ventricular_bpm=190.0)

    assert statements_of(flat, 2)[0].level is UrgencyLevel.CRITICAL
    assert statements_of(fast, 2) == ()
    assert statements_of(fast, None) != ()
    assert statements_of(fast, 18) != ()


def test_of_several_rules_that_say_the_same_the_most_urgent_speaks_once() -> None:
    measured = EcgMeasurements(ventricular_bpm=30.0, longest_pause_s=3.0)

    assert [found.code for found in statements_of(measured, 60)] == [
        "ecg.statement.pause",
        "ecg.statement.slow",
    ]


def test_every_statement_has_text_and_advice_in_both_languages() -> None:
    entries = Catalogue.of("qiangji_inference").entries

    for rule in rules():
        fields = entries[f"ecg.statement.{rule.kind}"]
        assert {"zh", "en", "advice_zh", "advice_en"} <= fields.keys()


def test_a_rule_of_unknown_kind_or_without_verified_source_is_refused() -> None:
    row = {"kind": "slow", "level": "critical", "enabled": True, "status": "待核实", "source": "x"}

    with pytest.raises(ValueError, match="not verified"):
        ecg_rules._rule("a", row)
    with pytest.raises(ValueError, match="unknown kind"):
        ecg_rules._rule("a", {**row, "kind": "nonsense"})
