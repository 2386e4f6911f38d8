"""Critical rhythms are recognised in many synthetic recordings of each."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.records import EcgRecord, Sex
from qiangji_datasets.synthetic.ecg import (
    EcgRecipe,
    Rhythm,
    make_ecg,
)
from qiangji_inference.ecg_measure import EcgMeasurements, Why, measure


def _ecg(seed: int = 11, **recipe: object) -> EcgRecord:
    return make_ecg(np.random.default_rng(seed), EcgRecipe(**recipe))  # type: ignore[arg-type]  # test builder


def _measured(seed: int = 11, **recipe: object) -> EcgMeasurements:
    return measure(_ecg(seed, **recipe), age_years=60, sex=Sex.M)


def _rules(measured: EcgMeasurements) -> set[str]:
    return {statement.rule_id for statement in measured.statements}


def test_ventricular_fibrillation_is_critical_and_nothing_is_measured() -> None:
    for seed in range(8):
        found = _measured(seed, rhythm=Rhythm.VENTRICULAR_FIBRILLATION)

        assert found.is_chaotic
        assert found.ventricular_bpm is None
        assert found.reasons["ventricular_bpm"] is Why.CHAOTIC
        assert found.statements[0].level is UrgencyLevel.CRITICAL
        assert _rules(found) == {"rhythm_chaotic"}


def test_asystole_is_critical() -> None:
    for seed in range(4):
        found = _measured(seed, rhythm=Rhythm.ASYSTOLE)

        assert found.is_without_qrs
        assert found.statements[0].level is UrgencyLevel.CRITICAL
        assert found.reasons["qrs_ms"] is Why.NO_QRS


def test_complete_av_block_shows_both_rates_and_is_critical() -> None:
    for seed in range(4):
        found = _measured(seed, rhythm=Rhythm.COMPLETE_AV_BLOCK)

        assert found.is_av_dissociated
        assert found.ventricular_bpm == pytest.approx(34, abs=1)
        assert found.atrial_bpm == pytest.approx(82, abs=2)
        assert found.pr_ms is None
        assert {"av_block_complete", "bradycardia_40"} <= _rules(found)


def test_ventricular_tachycardia_is_a_wide_qrs_tachycardia_and_critical() -> None:
    for seed in range(4):
        found = _measured(seed, rhythm=Rhythm.VENTRICULAR_TACHYCARDIA)

        assert found.is_wide_qrs_tachycardia
        assert found.ventricular_bpm == pytest.approx(178, rel=0.02)
        assert "wide_tachycardia_150" in _rules(found)


def test_flutter_waves_give_the_atrial_rate() -> None:
    for seed in range(4):
        found = _measured(seed, rhythm=Rhythm.ATRIAL_FLUTTER)

        assert found.is_flutter
        assert found.atrial_bpm == pytest.approx(300, abs=8)
