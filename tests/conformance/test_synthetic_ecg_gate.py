"""The ECG gate over many synthetic recordings: good ones pass, exchanged leads are found."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_datasets.records import EcgRecord
from qiangji_datasets.synthetic.ecg import (
    Conduction,
    EcgFaults,
    EcgRecipe,
    Reversal,
    Rhythm,
    StTerritory,
    make_ecg,
)
from qiangji_inference.ecg_measure import measure
from qiangji_inference.gate_ecg import check_ecg
from qiangji_inference.results import GateResult

CALM = {"muscle_mv": 0.006, "wander_mv": 0.03}


def _ecg(seed: int = 3, **recipe: object) -> EcgRecord:
    return make_ecg(np.random.default_rng(seed), EcgRecipe(**recipe))  # type: ignore[arg-type]  # test builder


def _check(ecg: EcgRecord, min_seconds: float = 9.5) -> GateResult:
    return check_ecg(ecg, measure(ecg), min_seconds=min_seconds)


def _codes(result: GateResult) -> set[str]:
    return {str(notice.code) for notice in result.notices}


READABLE = [
    EcgRecipe(rhythm=rhythm)
    for rhythm in Rhythm
    if rhythm not in (Rhythm.ASYSTOLE, Rhythm.VENTRICULAR_FIBRILLATION)
] + [
    EcgRecipe(conduction=Conduction.LBBB),
    EcgRecipe(conduction=Conduction.RBBB),
    EcgRecipe(st_mv=0.3, st_territory=StTerritory.INFERIOR),
    EcgRecipe(is_lvh=True),
    EcgRecipe(pvc_count=3),
]


@pytest.mark.parametrize("recipe", READABLE, ids=str)
@pytest.mark.parametrize("rate_hz", [250.0, 500.0])
def test_good_synthetic_recordings_pass(recipe: EcgRecipe, rate_hz: float) -> None:
    from dataclasses import replace

    for seed in range(2):
        ecg = make_ecg(np.random.default_rng(seed), replace(recipe, rate_hz=rate_hz))
        result = _check(ecg)
        assert result.is_readable, result.notices


@pytest.mark.parametrize("reversal", [Reversal.RA_LA, Reversal.RA_LL])
def test_exchanged_right_arm_is_found_and_withholds_infarction(reversal: Reversal) -> None:
    for seed in range(6):
        result = _check(_ecg(seed, faults=EcgFaults(**CALM, reversal=reversal)))

        assert f"ecg.gate.reversal_{reversal.value}" in _codes(result)
        assert "mi" in result.suppresses
        assert "stach" not in result.suppresses


def test_correct_wiring_is_not_suspected() -> None:
    for seed in range(12):
        assert not any("reversal" in code for code in _codes(_check(_ecg(seed))))
