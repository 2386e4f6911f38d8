"""Voltage criteria against the physicians' statements of PTB-XL, on the sample in true mV.

LUDB is left out: its headers give every lead a gain of its own, so its millivolts are not real.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.ludb import read_signal

from qiangji_datasets.records import EcgRecord, PersonIdentity, Sex, StudyIds
from qiangji_inference.ecg_measure import EcgMeasurements, measure

pytestmark = pytest.mark.shared


def _measured(folder: Path, row: dict[str, str]) -> EcgMeasurements:
    (header,) = (folder / "wfdb").glob(f"*{row['ecg_id'].zfill(5)}*.hea")
    signal = read_signal(header.with_suffix(""))
    ecg = EcgRecord(signal, 500.0, PersonIdentity(), StudyIds())
    sex = Sex.F if row["sex"].startswith("F") else Sex.M
    return measure(ecg, age_years=max(float(row["age"]), 18.0), sex=sex)


def test_hypertrophy_by_voltage_agrees_with_the_statement(
    shared_data: Path, record_property: Callable[[str, object], None]
) -> None:
    folder = shared_data / "ecg/ptbxl_raw_sample"
    with (folder / "labels.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    truth = np.array(["LVH" in row["sub_class"].split("|") for row in rows])
    measured = [_measured(folder, row) for row in rows]

    said = np.array([bool(m.is_lvh_sokolow_lyon or m.is_lvh_cornell) for m in measured])
    sensitivity, specificity = said[truth].mean(), (~said[~truth]).mean()
    record_property("lvh", f"n={truth.sum()} of {truth.size}, {sensitivity:.2f}, {specificity:.2f}")

    assert truth.sum() >= 5
    assert sensitivity >= 0.8
    assert specificity >= 0.85
