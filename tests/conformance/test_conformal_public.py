"""Prediction sets of a shipped bundle reach their coverage on films of other patients."""

from __future__ import annotations

from pathlib import Path

import pytest

from qiangji_datasets.records import Modality
from qiangji_inference.evaluate import Rules, conformal_results, evaluate_bundle
from qiangji_inference.labelled import Columns, Labelled, LabelledSet, Target, Where, read_labelled
from qiangji_models.bundle import shipped_bundles

pytestmark = pytest.mark.shared
ALPHA = 0.2
RULES = Rules(is_gated=False)


def _films(shared_data: Path, *where: str) -> list[Labelled]:
    table = shared_data / "cxr" / "nih_chestxray14" / "labels.csv"
    wanted = LabelledSet(
        table=table,
        root=table.parent,
        columns=Columns(file="file", age="age", sex="sex", view="view", group="patient_id"),
        targets=[Target("effusion", "Effusion"), Target("no_finding", "No_Finding")],
        where=[Where.parse(text) for text in ("age>=18", "split=test", *where)],
    )
    return read_labelled(wanted, Modality.CXR)


def test_stated_coverage_is_reached_on_patients_not_calibrated_on(shared_data: Path) -> None:
    folder = shipped_bundles()["cxr-adult"]
    calibration = _films(shared_data, "patient_id<=2000")
    rows = _films(shared_data, "patient_id>3000", "patient_id<=3300")
    tested = evaluate_bundle(folder, rows, rules=RULES)

    found = conformal_results(folder, tested.scored, calibration, alpha=ALPHA, rules=RULES)

    assert set(found) == {"effusion", "no_finding"}
    for name, sets in found.items():
        assert min(sets.rule.n_pos, sets.rule.n_neg) >= 30, name
        for reached in (sets.coverage, sets.coverage_present, sets.coverage_absent):
            assert reached.high is not None
            # The promise is for the mean over calibration sets; one set of this size may fall
            # short by about 0.07, and films of one patient are alike.
            assert reached.high >= 1 - ALPHA - 0.07, name
