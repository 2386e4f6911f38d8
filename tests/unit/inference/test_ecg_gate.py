"""The ECG gate on synthetic recordings with known faults."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_datasets.labels import labels
from qiangji_datasets.messages import Catalogue
from qiangji_datasets.records import EcgRecord, Notice, PersonIdentity, Severity, StudyIds
from qiangji_datasets.synthetic.ecg import (
    EcgFaults,
    EcgRecipe,
    Reversal,
    Rhythm,
    make_ecg,
)
from qiangji_inference import gate_ecg
from qiangji_inference.ecg_measure import measure
from qiangji_inference.gate_ecg import EcgCode, check_ecg
from qiangji_inference.results import GateResult

CALM = {"muscle_mv": 0.006, "wander_mv": 0.03}


def _ecg(seed: int = 3, **recipe: object) -> EcgRecord:
    return make_ecg(np.random.default_rng(seed), EcgRecipe(**recipe))  # type: ignore[arg-type]  # test builder


def _check(ecg: EcgRecord, min_seconds: float = 9.5) -> GateResult:
    return check_ecg(ecg, measure(ecg), min_seconds=min_seconds)


def _codes(result: GateResult) -> set[str]:
    return {str(notice.code) for notice in result.notices}


@pytest.mark.parametrize(
    ("recipe", "code"),
    [
        ({"duration_s": 9.4}, EcgCode.TOO_SHORT),
        ({"faults": EcgFaults(**CALM, leads_off=("V3",))}, EcgCode.LEAD_MISSING),
        ({"faults": EcgFaults(**CALM, flat_leads=("II",))}, EcgCode.LEAD_FLAT),
        ({"faults": EcgFaults(muscle_mv=0.25)}, EcgCode.NOISE),
        ({"faults": EcgFaults(muscle_mv=0.006, mains_mv=0.8)}, EcgCode.MAINS),
        ({"faults": EcgFaults(muscle_mv=0.006, wander_mv=4.0)}, EcgCode.WANDER),
        ({"faults": EcgFaults(**CALM, clip_mv=0.35)}, EcgCode.CLIPPED),
        ({"faults": EcgFaults(**CALM, scale=1000.0)}, EcgCode.SCALE_LARGE),
        ({"faults": EcgFaults(**CALM, scale=0.001)}, EcgCode.SCALE_SMALL),
        ({"rhythm": Rhythm.ASYSTOLE}, EcgCode.NO_QRS),
        ({"rhythm": Rhythm.VENTRICULAR_FIBRILLATION}, EcgCode.CHAOTIC),
    ],
)
def test_each_fault_is_refused_under_its_own_code(recipe: dict[str, object], code: str) -> None:
    result = _check(_ecg(**recipe))

    assert not result.is_readable
    assert code in _codes(result)
    assert result.notices[0].severity is Severity.REFUSE


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        (EcgFaults(muscle_mv=0.06, wander_mv=0.02), EcgCode.NOISE_SOME),
        (EcgFaults(muscle_mv=0.006, mains_mv=0.07), EcgCode.MAINS_SOME),
        (EcgFaults(muscle_mv=0.006, wander_mv=0.9), EcgCode.WANDER_SOME),
    ],
)
def test_a_slighter_fault_warns_and_may_be_read(faults: EcgFaults, code: str) -> None:
    result = _check(_ecg(faults=faults))

    assert result.is_readable, result.notices
    assert code in _codes(result)


def test_muscle_noise_over_visible_complexes_is_noise_and_no_chaos() -> None:
    for seed in range(3):
        codes = _codes(_check(_ecg(seed, faults=EcgFaults(muscle_mv=0.25))))

        assert EcgCode.NOISE in codes
        assert EcgCode.CHAOTIC not in codes


@pytest.mark.parametrize("reversal", [Reversal.RA_LA, Reversal.RA_LL, Reversal.V1_V2])
def test_an_exchange_withholds_what_it_invalidates_and_keeps_the_rhythm(
    reversal: Reversal,
) -> None:
    result = _check(_ecg(faults=EcgFaults(**CALM, reversal=reversal)))

    assert f"ecg.gate.reversal_{reversal.value}" in _codes(result)
    assert {"norm", "mi", "sttc", "hyp"} <= result.suppresses.keys()
    assert not {"af_flutter", "stach", "sbrad"} & result.suppresses.keys()


def test_a_bundle_may_ask_for_less() -> None:
    ecg = _ecg(duration_s=6.0)

    assert EcgCode.TOO_SHORT in _codes(_check(ecg))
    assert _check(ecg, min_seconds=5.0).is_readable


def test_pacing_withholds_what_it_invalidates_and_keeps_the_rest() -> None:
    result = _check(_ecg(rhythm=Rhythm.PACED))

    assert result.is_readable
    assert {"cd", "mi", "sttc", "cbbb", "hyp", "norm"} <= result.suppresses.keys()
    assert result.suppresses["mi"] == EcgCode.PACING
    assert "af_flutter" not in result.suppresses


def test_low_voltage_withholds_amplitude_calls() -> None:
    result = _check(_ecg(is_low_voltage=True))

    assert EcgCode.LOW_AMPLITUDE in _codes(result)
    assert {"hyp", "sttc", "norm"} <= result.suppresses.keys()


def test_a_low_sampling_rate_says_that_spikes_may_be_invisible() -> None:
    result = _check(_ecg(rate_hz=250.0))

    assert result.is_readable
    assert EcgCode.SPIKES_UNSEEN in _codes(result)


def test_refusing_notices_of_the_reader_are_carried_over() -> None:
    notice = Notice("ecg.some_reader_refusal", Severity.REFUSE)
    good = _ecg()
    ecg = EcgRecord(good.signal_mv.copy(), 500.0, PersonIdentity(), StudyIds(), notices=(notice,))

    assert notice in _check(ecg).notices


def test_every_code_has_text_and_advice_in_both_languages() -> None:
    entries = Catalogue.of("qiangji_inference").entries

    for code in EcgCode:
        assert {"zh", "en", "advice_zh", "advice_en"} <= entries[code].keys()


def test_only_known_ecg_labels_are_withheld() -> None:
    known = {key for key, row in labels().items() if row.modality == "ecg"}

    for names in gate_ecg._SUPPRESSED.values():
        assert set(names) <= known
