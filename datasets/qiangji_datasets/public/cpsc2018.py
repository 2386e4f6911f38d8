"""CPSC 2018 as its organisers publish it: 12 leads at 500 Hz in MATLAB files, up to 3 labels.

References
----------
Liu et al. 2018, doi:10.1166/jmihi.2018.2442.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.index import Index, Row, with_split
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.public.wfdb_files import sex_of
from qiangji_datasets.records import LEADS, EcgRecord, PersonIdentity, StudyIds
from qiangji_datasets.splits import hashed_parts

RATE_HZ: Final = 500.0
#: Number in ``REFERENCE.csv`` → name used by the organisers.
LABELS: Final = {
    "1": "Normal",
    "2": "AF",
    "3": "I-AVB",
    "4": "LBBB",
    "5": "RBBB",
    "6": "PAC",
    "7": "PVC",
    "8": "STD",
    "9": "STE",
}
_COLUMNS: Final = ("First_label", "Second_label", "Third_label")


def index(folder: Path) -> Index[EcgRecord]:
    """Index the training set; the test set was never published.

    Parameters
    ----------
    folder
        Holds ``REFERENCE.csv`` and, beside it or in ``TrainingSet1`` … ``TrainingSet3``, the
        recordings ``A0001.mat`` ….

    Returns
    -------
        Nine labels; one not listed is absent. Persons are not told; split by a hash of the
        recording.

    Raises
    ------
    InputRejected
        A file or column is missing, or a label is not 1–9.
    """
    table = read_rows(folder / "REFERENCE.csv", required=("Recording", *_COLUMNS))
    found = {path.stem: path for path in folder.glob("**/*.mat")}
    rows = []
    for row in table:
        name = row["Recording"].strip()
        if name not in found:
            raise InputRejected("dataset.missing", file=f"{name}.mat")
        present = frozenset(_label(row[column]) for column in _COLUMNS if row[column].strip())
        rows.append(Row(name, name, found[name].relative_to(folder).as_posix(), present))
    parts = hashed_parts((row.group for row in rows), salt="cpsc2018")
    return Index(
        name="cpsc2018",
        labels=tuple(LABELS.values()),
        rows=with_split(rows, parts),
        load=lambda row: read_mat(folder / row.file),
    )


def read_mat(path: Path) -> EcgRecord:
    """Read one recording: a struct ``ECG`` with ``sex``, ``age`` and ``data`` (12, n) in mV.

    Raises
    ------
    InputRejected
        The file is missing, no MATLAB file, or holds something else.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path)["ECG"][0, 0]
        signal: NDArray[np.float32] = np.ascontiguousarray(content["data"], np.float32)
        sex, age = _scalar(content["sex"]), _scalar(content["age"])
    except FileNotFoundError:
        raise InputRejected("dataset.missing", file=path.name) from None
    except (
        MatReadError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        NotImplementedError,
        OSError,
    ):
        raise InputRejected(
            "dataset.recording_damaged", dataset="cpsc2018", file=path.name
        ) from None
    if signal.shape[:1] != (len(LEADS),):
        raise InputRejected("ecg.shape", shape=str(signal.shape))
    years = float(age) if age.replace(".", "", 1).isdigit() else None
    return EcgRecord(
        signal_mv=signal,
        rate_hz=RATE_HZ,
        person=PersonIdentity(sex=sex_of(sex), age_years=years),
        ids=StudyIds(),
        source_kind="mat",
    )


def _scalar(cell: NDArray[Any]) -> str:
    flat = np.asarray(cell).ravel()
    return str(flat[0]) if flat.size else ""


def _label(cell: str) -> str:
    number = cell.strip()
    if number not in LABELS:
        raise InputRejected("dataset.label_unknown", dataset="cpsc2018", label=number)
    return LABELS[number]
