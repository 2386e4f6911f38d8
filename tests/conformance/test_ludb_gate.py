"""The ECG gate on real recordings: good ones pass, each fault laid on them is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.ludb import read_ludb_signal, read_signal

from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds
from qiangji_datasets.synthetic.ecg_faults import (
    EcgFaults,
    Reversal,
    apply_to_leads,
    electrodes_of,
    leads_of,
    noise_mv,
    reverse,
)
from qiangji_inference.ecg_measure import measure
from qiangji_inference.gate_ecg import check_ecg
from qiangji_inference.results import GateResult

pytestmark = pytest.mark.shared

_RECORDED = [0, 1, 6, 7, 8, 9, 10, 11]
_HELD_OUT = range(2, 201, 8)  # even records; thresholds come from odd ones


def _check(signal: np.ndarray) -> GateResult:
    ecg = EcgRecord(signal.astype(np.float32), 500.0, PersonIdentity(), StudyIds())
    return check_ecg(ecg, measure(ecg))


def _spoiled(signal: np.ndarray, faults: EcgFaults, seed: int) -> np.ndarray:
    electrodes = electrodes_of(np.asarray(signal, dtype=np.float64)[_RECORDED])
    noise = noise_mv(np.random.default_rng(seed), faults, signal.shape[1], 500.0)
    return apply_to_leads(leads_of(reverse(electrodes + noise, faults.reversal)), faults)


def test_at_most_one_in_a_hundred_good_recordings_is_refused_or_called_exchanged(
    shared_data: Path,
) -> None:
    signals = [read_ludb_signal(shared_data / f"ecg/ludb/data/{n}") for n in range(1, 201)]
    folder = shared_data / "ecg/ptbxl_raw_sample/wfdb"
    signals += [read_signal(header.with_suffix("")) for header in folder.glob("*.hea")]
    results = [_check(signal) for signal in signals]

    assert sum(not result.is_readable for result in results) <= 0.01 * len(results)
    exchanged = [r for r in results if any("reversal" in n.code for n in r.notices)]
    assert len(exchanged) <= 0.01 * len(results)


@pytest.mark.parametrize(
    "faults",
    [
        EcgFaults(muscle_mv=0.2),
        EcgFaults(mains_mv=0.6),
        EcgFaults(wander_mv=3.0),
        EcgFaults(leads_off=("V3",)),
        EcgFaults(flat_leads=("II",)),
        EcgFaults(scale=1000.0),
        EcgFaults(scale=0.001),
    ],
    ids=str,
)
def test_faults_laid_on_held_out_recordings_are_refused(
    shared_data: Path, faults: EcgFaults
) -> None:
    refused = [
        not _check(
            _spoiled(read_ludb_signal(shared_data / f"ecg/ludb/data/{number}"), faults, number)
        ).is_readable
        for number in _HELD_OUT
    ]

    assert np.mean(refused) >= 0.95


@pytest.mark.parametrize(
    ("reversal", "least"),
    [
        (Reversal.RA_LA, 0.95),
        (Reversal.RA_LL, 0.95),
        (Reversal.LA_LL, 0.70),
        (Reversal.V1_V2, 0.95),
        (Reversal.V2_V3, 0.85),
        (Reversal.V3_V4, 0.85),
    ],
)
def test_exchanged_electrodes_are_found_on_held_out_recordings(
    shared_data: Path, reversal: Reversal, least: float
) -> None:
    found = []
    for number in _HELD_OUT:
        signal = read_ludb_signal(shared_data / f"ecg/ludb/data/{number}")
        result = _check(_spoiled(signal, EcgFaults(reversal=reversal), number))
        if "ecg.gate.pacing" not in {notice.code for notice in result.notices}:
            found.append("mi" in result.suppresses)

    assert np.mean(found) >= least
