"""The ECG chain on public recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qiangji_datasets.public import ludb, ptbxl_part
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess.specs import EcgSpec

SPEC = EcgSpec()

#: wfdb calls pandas in a way that pandas is about to drop; not ours to fix.
WFDB_WARNS = pytest.mark.filterwarnings("ignore:The inplace keyword")


def _ecg(signal_mv: NDArray[np.floating], rate_hz: float = 500.0) -> EcgRecord:
    return EcgRecord(signal_mv.astype(np.float32), rate_hz, PersonIdentity(), StudyIds())


@pytest.mark.shared
@WFDB_WARNS
def test_millivolts_reproduce_the_published_reduced_set(shared_data: Path) -> None:
    import wfdb

    folder = shared_data / "ecg" / "ptbxl_raw_sample"
    table = ptbxl_part.read(shared_data / "ecg" / "ptbxl_part")
    rows = [row for row in read_rows(folder / "labels.csv") if row["ecg_id"] in table.ids]

    assert len(rows) >= 4
    for row in rows:
        path = next((folder / "wfdb").glob(f"{int(row['ecg_id']):05d}*.hea"))
        signal, facts = wfdb.rdsamp(str(path.with_suffix("")))
        ours = ecgs.to_model_input(_ecg(signal.T, facts["fs"]), SPEC)[0]
        published = table.inputs[table.ids == row["ecg_id"]][0]
        for lead in range(12):
            assert np.corrcoef(ours[lead], published[lead])[0, 1] > 0.9999
        assert np.abs(ours - published).max() < 0.15


@pytest.mark.shared
@WFDB_WARNS
def test_every_ludb_recording_passes_the_chain(shared_data: Path) -> None:
    for record in ludb.read(shared_data / "ecg" / "ludb").records:
        assert np.isfinite(ecgs.to_model_input(record, SPEC)).all()
