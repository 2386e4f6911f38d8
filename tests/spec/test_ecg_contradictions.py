"""Measured ECG against the network: each pair, both directions, at its limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.readings import ecg, prediction, reading

from qiangji_app.services import triage
from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import Modality
from qiangji_inference.contradictions import contradictions
from qiangji_inference.ecg_types import EcgMeasurements, Statement
from qiangji_inference.results import Flag, LabelPrediction, Prediction

SINUS = EcgMeasurements(
    ventricular_bpm=75.0, qrs_ms=94.0, has_p=True, is_flutter=False, rr_variation=0.03,
    is_irregularly_irregular=False, is_paced=False,
)  # fmt: skip
NONE, POSSIBLE, LIKELY = Flag.NONE, Flag.POSSIBLE, Flag.LIKELY
IRREGULAR = {"has_p": False, "rr_variation": 0.2, "is_irregularly_irregular": True}
FLUTTER = {"has_p": False, "is_flutter": True, "atrial_bpm": 300.0}


def _ecg_says(**flags: Flag) -> tuple[Prediction, ...]:
    return (replace(prediction(*flags.items()), modality=Modality.ECG),)


def _kinds(measured: EcgMeasurements, **flags: Flag) -> list[str]:
    found = contradictions(measured, _ecg_says(**flags))
    return [statement.code.removeprefix("ecg.contradiction.") for statement in found]


ELEVATED = Statement(
    "ecg.statement.st_elevation",
    UrgencyLevel.CRITICAL,
    "st_elevation",
    "-",
    {"leads": "II III aVF", "highest_mv": 0.32},
)


@pytest.mark.parametrize(
    ("stated", "flags", "kinds"),
    [
        ((ELEVATED,), {"mi": NONE}, ["st_denied"]),
        ((ELEVATED, ELEVATED), {"mi": NONE}, ["st_denied"]),
        ((ELEVATED,), {"mi": POSSIBLE}, []),
        ((ELEVATED,), {"mi": LIKELY}, []),
        ((ELEVATED,), {"cd": NONE}, []),
        ((replace(ELEVATED, code="ecg.statement.slow"),), {"mi": NONE}, []),
        ((), {"mi": NONE}, []),
    ],
)
def test_a_measured_st_elevation_does_not_stand_beside_a_silent_network(
    stated: tuple[Statement, ...], flags: dict[str, Flag], kinds: list[str]
) -> None:
    assert _kinds(replace(SINUS, statements=stated), **flags) == kinds


def test_the_contradiction_names_leads_height_and_probability() -> None:
    found = contradictions(replace(SINUS, statements=(ELEVATED,)), _ecg_says(mi=NONE))

    assert found[0].params == {"leads": "II III aVF", "highest_mv": 0.32, "percent": 52}


@pytest.mark.parametrize(
    ("bpm", "flags", "kinds"),
    [
        # measured fast, network silent
        (104.0, {"stach": NONE}, []),
        (105.0, {"stach": NONE}, ["fast_denied"]),
        (140.0, {"stach": NONE}, ["fast_denied"]),
        (140.0, {"stach": POSSIBLE}, []),
        (140.0, {"stach": LIKELY}, []),
        # network fast, measured not
        (96.0, {"stach": LIKELY}, []),
        (95.0, {"stach": LIKELY}, ["fast_claimed"]),
        (70.0, {"stach": POSSIBLE}, []),
        # measured slow, network silent
        (56.0, {"sbrad": NONE}, []),
        (55.0, {"sbrad": NONE}, ["slow_denied"]),
        (40.0, {"sbrad": LIKELY}, []),
        # network slow, measured not
        (64.0, {"sbrad": LIKELY}, []),
        (65.0, {"sbrad": LIKELY}, ["slow_claimed"]),
        (140.0, {"stach": NONE, "sbrad": LIKELY}, ["fast_denied", "slow_claimed"]),
        # a network that does not know the label says nothing
        (140.0, {"mi": NONE}, []),
        (75.0, {"stach": NONE, "sbrad": NONE}, []),
    ],
)
def test_rate_against_sinus_tachycardia_and_bradycardia(
    bpm: float, flags: dict[str, Flag], kinds: list[str]
) -> None:
    assert _kinds(replace(SINUS, ventricular_bpm=bpm), **flags) == kinds


def test_a_rate_without_sinus_rhythm_does_not_contradict_a_missing_sinus_call() -> None:
    for changed in ({"has_p": False}, {"is_flutter": True}, {"is_av_dissociated": True}):
        fast = replace(SINUS, ventricular_bpm=150.0, **changed)  # type: ignore[arg-type]  # test table

        assert _kinds(fast, stach=NONE) == []


@pytest.mark.parametrize(
    ("qrs_ms", "flags", "kinds"),
    [
        (129.0, {"cbbb": NONE, "cd": NONE}, []),
        (130.0, {"cbbb": NONE, "cd": NONE}, ["wide_denied"]),
        (130.0, {"cbbb": NONE, "cd": POSSIBLE}, []),
        (130.0, {"cbbb": LIKELY, "cd": NONE}, []),
        (130.0, {"cd": NONE}, ["wide_denied"]),
        (111.0, {"cbbb": LIKELY}, []),
        (110.0, {"cbbb": LIKELY}, ["wide_claimed"]),
        (90.0, {"cbbb": POSSIBLE}, []),
        (90.0, {"cd": LIKELY}, []),
        (None, {"cbbb": LIKELY}, []),
    ],
)
def test_qrs_width_against_bundle_branch_block(
    qrs_ms: float | None, flags: dict[str, Flag], kinds: list[str]
) -> None:
    assert _kinds(replace(SINUS, qrs_ms=qrs_ms), **flags) == kinds


def test_a_paced_qrs_is_wide_without_contradiction() -> None:
    assert _kinds(replace(SINUS, qrs_ms=160.0, is_paced=True), cbbb=NONE, cd=NONE) == []


@pytest.mark.parametrize(
    ("changed", "flag", "kinds"),
    [
        (IRREGULAR, NONE, ["af_denied"]),
        (IRREGULAR, POSSIBLE, []),
        (IRREGULAR, LIKELY, []),
        (FLUTTER, NONE, ["flutter_denied"]),
        (FLUTTER, LIKELY, []),
        ({"rr_variation": 0.08}, LIKELY, ["af_claimed"]),
        ({"rr_variation": 0.081}, LIKELY, []),
        ({"rr_variation": 0.03}, POSSIBLE, []),
        ({"rr_variation": 0.03, "has_p": False}, LIKELY, []),
        ({"rr_variation": None}, LIKELY, []),
        ({}, NONE, []),
    ],
)
def test_rr_and_p_waves_against_fibrillation(
    changed: dict[str, object], flag: Flag, kinds: list[str]
) -> None:
    assert _kinds(replace(SINUS, **changed), af_flutter=flag) == kinds  # type: ignore[arg-type]  # test table


def test_urgency_is_that_of_the_worse_side_and_never_routine() -> None:
    fibrillation = replace(SINUS, has_p=False, rr_variation=0.3, is_irregularly_irregular=True)
    fast = replace(SINUS, ventricular_bpm=130.0)

    assert (
        contradictions(fibrillation, _ecg_says(af_flutter=NONE))[0].level is UrgencyLevel.PRIORITY
    )
    assert contradictions(fast, _ecg_says(stach=NONE))[0].level is UrgencyLevel.UNDETERMINED


def test_the_case_says_so_and_its_urgency_rises() -> None:
    measured = replace(SINUS, has_p=False, rr_variation=0.3, is_irregularly_irregular=True)
    said = _ecg_says(norm=LIKELY, af_flutter=NONE)

    found = triage.assess(
        ecg(), reading(modality=Modality.ECG, measurements=measured, predictions=said)
    )

    assert triage.urgency_level(found) is UrgencyLevel.PRIORITY
    assert found.reading["contradictions"] == [
        {
            "code": "ecg.contradiction.af_denied",
            "level": int(UrgencyLevel.PRIORITY),
            "rule": "contradiction_af_denied",
            "source": contradictions(measured, said)[0].source,
            "params": {"variation": 30, "percent": 52},
        }
    ]
    reasons = found.reading["reasons"]
    assert isinstance(reasons, list)
    assert "ecg.contradiction.af_denied" in {reason["code"] for reason in reasons}


def test_a_withheld_call_contradicts_nothing() -> None:
    call = LabelPrediction("cbbb", 1.0, 0.9, LIKELY, "specific", 0.5, "ecg.gate.pacing")
    said = (replace(_ecg_says()[0], labels=(call,)),)

    assert contradictions(SINUS, said) == ()


def test_nothing_is_said_where_nothing_was_measured() -> None:
    said = _ecg_says(stach=LIKELY)

    assert contradictions(None, said) == ()
    for changed in ({"is_chaotic": True}, {"is_without_qrs": True}, {"is_flat": True}):
        assert contradictions(replace(SINUS, **changed), said) == ()  # type: ignore[arg-type]  # test table
    assert contradictions(EcgMeasurements(), said) == ()


def test_every_contradiction_has_a_text_with_both_numbers_in_both_languages() -> None:
    catalogue = Catalogue.of("qiangji_inference")
    worst = replace(SINUS, ventricular_bpm=140.0, qrs_ms=150.0, has_p=True, rr_variation=0.02)
    found = contradictions(
        worst, _ecg_says(stach=NONE, sbrad=LIKELY, cbbb=NONE, cd=NONE, af_flutter=LIKELY)
    )

    assert len(found) == 4
    for statement in found:
        for language in Language:
            text = catalogue.text(statement.code, language, **statement.params)
            assert "{" not in text
            assert str(statement.params["percent"]) in text
