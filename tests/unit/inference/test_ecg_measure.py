"""ECG measurements on synthetic recordings whose content is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.messages import Catalogue
from qiangji_datasets.records import LEADS, EcgRecord, PersonIdentity, Sex, StudyIds
from qiangji_datasets.synthetic.ecg import (
    Conduction,
    EcgFaults,
    EcgRecipe,
    Rhythm,
    StTerritory,
    make_ecg,
)
from qiangji_inference.ecg_measure import EcgMeasurements, Why, measure


def _ecg(seed: int = 11, **recipe: object) -> EcgRecord:
    return make_ecg(np.random.default_rng(seed), EcgRecipe(**recipe))  # type: ignore[arg-type]  # test builder


def _measured(seed: int = 11, **recipe: object) -> EcgMeasurements:
    return measure(_ecg(seed, **recipe), age_years=60, sex=Sex.M)


def _record(signal: np.ndarray, rate_hz: float = 500.0) -> EcgRecord:
    return EcgRecord(signal.astype(np.float32), rate_hz, PersonIdentity(), StudyIds())


def _rules(measured: EcgMeasurements) -> set[str]:
    return {statement.rule_id for statement in measured.statements}


@pytest.mark.parametrize("rate_hz", [100.0, 250.0, 360.0, 500.0, 1000.0])
def test_sinus_rhythm_is_measured_alike_at_every_sampling_rate(rate_hz: float) -> None:
    found = _measured(rate_hz=rate_hz)

    assert found.ventricular_bpm == pytest.approx(72, abs=2)
    assert found.atrial_bpm == found.ventricular_bpm
    assert found.pr_ms == pytest.approx(158, abs=12)
    assert found.qrs_ms == pytest.approx(100, abs=14)
    assert found.qt_ms == pytest.approx(378, abs=22)
    assert found.qtc_ms == pytest.approx(402, abs=25)
    assert found.is_wide_qrs is False
    assert found.statements == ()


def test_measured_rate_follows_the_recipe() -> None:
    for bpm in (45.0, 90.0, 130.0):
        assert _measured(bpm=bpm).ventricular_bpm == pytest.approx(bpm, rel=0.02)


def test_r_peaks_are_given_in_seconds_inside_the_recording() -> None:
    found = _measured(bpm=60.0)

    assert 9 <= len(found.r_peaks_s) <= 11
    assert all(0 <= at <= 10 for at in found.r_peaks_s)


def test_dead_leads_are_critical_like_asystole() -> None:
    found = measure(_record(np.zeros((12, 5000))))

    assert found.is_flat
    assert _rules(found) == {"rhythm_no_qrs"}


def test_a_recording_of_missing_samples_only_is_flat() -> None:
    assert measure(_record(np.full((12, 5000), np.nan))).is_flat


def test_paced_rhythm_is_recognised_by_its_spikes() -> None:
    found = _measured(rhythm=Rhythm.PACED)

    assert found.is_paced
    assert len(found.spikes_s) >= 10
    assert found.is_wide_qrs
    assert Why.PACED in found.qtc_doubts


def test_pacing_is_not_measurable_at_a_low_sampling_rate() -> None:
    found = _measured(rhythm=Rhythm.PACED, rate_hz=250.0)

    assert found.is_paced is None
    assert found.reasons["is_paced"] is Why.RATE_TOO_LOW


def test_atrial_fibrillation_is_irregular_without_p_and_doubts_qtc() -> None:
    found = _measured(rhythm=Rhythm.ATRIAL_FIBRILLATION)

    assert found.is_irregularly_irregular
    assert found.has_p is False
    assert found.reasons["pr_ms"] is Why.NO_P
    assert Why.ATRIAL_FIBRILLATION in found.qtc_doubts


@pytest.mark.parametrize(
    ("territory", "leads"),
    [
        (StTerritory.ANTERIOR, {"V2", "V3"}),
        (StTerritory.INFERIOR, {"II", "III", "aVF"}),
        (StTerritory.LATERAL, {"I", "aVL", "V5", "V6"}),
    ],
)
def test_st_elevation_is_critical_and_names_its_leads(
    territory: StTerritory, leads: set[str]
) -> None:
    found = _measured(st_territory=territory, st_mv=0.45)

    statement = next(s for s in found.statements if s.rule_id == "st_elevation")
    assert statement.level is UrgencyLevel.CRITICAL
    assert leads <= set(str(statement.params["leads"]).split())


def test_measured_st_level_agrees_with_the_recipe() -> None:
    change = {}
    for st_mv in (0.0, 0.3):
        found = _measured(st_territory=StTerritory.INFERIOR, st_mv=st_mv)
        change[st_mv] = found.st_j60_mv["aVF"]

    assert (change[0.3] or 0.0) - (change[0.0] or 0.0) == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("conduction", [Conduction.LBBB, Conduction.RBBB])
def test_bundle_branch_blocks_are_wide_and_st_is_not_judged(conduction: Conduction) -> None:
    found = _measured(conduction=conduction, st_mv=0.4)

    assert found.is_wide_qrs
    assert (found.qrs_ms or 0) > 130
    assert "st_elevation" not in _rules(found)
    assert Why.WIDE_QRS in found.qtc_doubts


def test_voltage_criteria_are_judged_in_adults_only() -> None:
    large, small = _ecg(is_lvh=True), _ecg(is_low_voltage=True)

    assert measure(large, age_years=60, sex=Sex.M).is_lvh_sokolow_lyon
    assert measure(small, age_years=60, sex=Sex.M).is_low_voltage_limb
    child = measure(large, age_years=9, sex=Sex.M)
    assert child.is_lvh_sokolow_lyon is None
    assert child.reasons["is_lvh_sokolow_lyon"] is Why.NO_CHILD_LIMITS
    assert child.age_group == "child"
    assert measure(large, sex=Sex.M).reasons["is_lvh_sokolow_lyon"] is Why.AGE_UNKNOWN


def test_cornell_needs_the_sex() -> None:
    ecg = _ecg(is_lvh=True)

    assert measure(ecg, age_years=60).reasons["is_lvh_cornell"] is Why.SEX_UNKNOWN
    assert measure(ecg, age_years=60, sex=Sex.F).is_lvh_cornell is not None


def test_premature_beats_are_listed_and_do_not_widen_the_usual_beat() -> None:
    found = _measured(pvc_count=2)

    assert len(found.unusual_beats_s) == 2
    assert found.is_wide_qrs is False
    assert (found.rr_longest_ms or 0) > 1.3 * (found.rr_shortest_ms or 0)


def test_a_pause_counts_also_at_the_edge_of_the_recording() -> None:
    signal = _ecg(bpm=60.0).signal_mv.copy()
    signal[:, 3200:] = signal[:, 3199:3200]

    found = measure(_record(signal), age_years=60)
    assert (found.longest_pause_s or 0) >= 3.0
    assert "pause_3s" in _rules(found)


def test_a_missing_lead_gives_no_values_for_it_and_a_reason() -> None:
    found = _measured(faults=EcgFaults(leads_off=("V5",)))

    assert found.st_j_mv["V5"] is None
    assert found.st_j_mv["V4"] is not None
    assert found.sokolow_lyon_mv is None
    assert found.reasons["st_j_mv"] is Why.LEADS_MISSING
    assert found.reasons["is_lvh_sokolow_lyon"] is Why.LEADS_MISSING


def test_without_limb_leads_there_is_no_axis() -> None:
    found = _measured(faults=EcgFaults(leads_off=LEADS[:6]))

    assert found.axis_deg is None
    assert found.ventricular_bpm is not None


def test_short_gaps_are_bridged() -> None:
    signal = _ecg().signal_mv.copy()
    signal[3, 1000:1100] = np.nan

    assert measure(_record(signal)).ventricular_bpm == pytest.approx(72, abs=2)


def test_wrong_units_give_rates_but_no_amplitudes() -> None:
    found = _measured(faults=EcgFaults(muscle_mv=0.005, scale=1000.0))

    assert found.ventricular_bpm == pytest.approx(72, abs=2)
    assert found.reasons["r_mv"] is Why.SCALE
    assert found.statements == ()


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0, 1.6, 2.5])
def test_very_short_recordings_are_measured_without_failing(seconds: float) -> None:
    found = _measured(duration_s=seconds)

    assert found.reasons


def test_the_quiet_of_a_fast_rate_keeps_qtc_from_raising_anything() -> None:
    assert Why.FAST in _measured(bpm=120.0).qtc_doubts


def test_to_dict_is_json() -> None:
    for rhythm in (Rhythm.SINUS, Rhythm.VENTRICULAR_FIBRILLATION, Rhythm.COMPLETE_AV_BLOCK):
        plain = json.loads(json.dumps(_measured(rhythm=rhythm).to_dict(), allow_nan=False))

        assert plain["qtc_formula"] == "Fridericia"
        assert isinstance(plain["statements"], list)


def test_every_reason_and_statement_has_texts_in_both_languages() -> None:
    entries = Catalogue.of("qiangji_inference").entries

    for why in Why:
        assert f"ecg.why.{why.value}" in entries
