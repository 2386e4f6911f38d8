"""LUDB: 200 ECGs in mV at 500 Hz, read by cardiologists; an external test, never trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import ecg_labels
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.records import LEADS, EcgRecord, PersonIdentity, Sex, StudyIds

#: The set writes ages of 90 and above as ">89".
_OLDEST: Final = 90.0


@dataclass(frozen=True, eq=False)
class Ludb:
    """The whole set: recordings and (n, labels) targets of 0 and 1."""

    records: tuple[EcgRecord, ...]
    labels: tuple[str, ...]
    targets: NDArray[np.float32]


def read(folder: Path) -> Ludb:
    """Read the set.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and ``data/<record>.hea``.

    Raises
    ------
    InputRejected
        Files missing, or a recording that is not 12 leads in mV.
    """
    rows = read_rows(folder / "labels.csv")
    records = tuple(_record(folder / "data" / row["record_id"], row) for row in rows)
    return Ludb(
        records=records,
        labels=tuple(ecg_labels.LUDB),
        targets=ecg_labels.targets(rows, ecg_labels.LUDB),
    )


def _record(path: Path, row: dict[str, str]) -> EcgRecord:
    import wfdb

    signal, facts = wfdb.rdsamp(str(path))
    by_name = {name.lower(): index for index, name in enumerate(facts["sig_name"])}
    missing = [lead for lead in LEADS if lead.lower() not in by_name]
    if missing or set(facts["units"]) != {"mV"}:
        raise InputRejected("dataset.mismatch", dataset="ludb")
    order = [by_name[lead.lower()] for lead in LEADS]
    return EcgRecord(
        signal_mv=np.ascontiguousarray(signal.T[order], np.float32),
        rate_hz=float(facts["fs"]),
        person=PersonIdentity(sex=Sex(row["Sex"]), age_years=_age(row["Age"])),
        ids=StudyIds(),
        source_kind="wfdb",
    )


def _age(text: str) -> float:
    return _OLDEST if text.startswith(">") else float(text)
