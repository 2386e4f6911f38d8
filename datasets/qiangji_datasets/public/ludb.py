"""LUDB: 200 ECGs in mV at 500 Hz, read by cardiologists; an external test, never trained on.

References
----------
Kalyakulina et al. 2020, doi:10.1109/ACCESS.2020.3029211; PhysioNet ``ludb`` 1.0.1.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.limits import Stated
from qiangji_datasets.public import ecg_labels
from qiangji_datasets.public.index import Index, Row
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.public.wfdb_files import sex_of, twelve_leads
from qiangji_datasets.records import LEADS, EcgRecord, PersonIdentity, Sex, StudyIds

#: The set writes ages of 90 and above as ">89".
_OLDEST: Final = 90.0
COLUMNS: Final = (
    *("ID", "Sex", "Age", "Rhythms", "Electric axis of the heart", "Conduction abnormalities"),
    *("Extrasystolies", "Hypertrophies", "Cardiac pacing", "Ischemia"),
    *("Non-specific repolarization abnormalities", "Other states"),
)


@dataclass(frozen=True, eq=False)
class Ludb:
    """The whole set: recordings and (n, labels) targets of 0 and 1."""

    records: tuple[EcgRecord, ...]
    labels: tuple[str, ...]
    targets: NDArray[np.float32]


def index(folder: Path) -> Index[EcgRecord]:
    """Index the set as published, in the cardiologists' own words.

    Parameters
    ----------
    folder
        Holds ``ludb.csv`` and ``data/<record>.hea``, ``.dat``.

    Returns
    -------
        Labels are the statements of ``ludb.csv``, several a cell, one a line; one not made is
        absent. One recording a person; split ``test`` throughout.

    Raises
    ------
    InputRejected
        A file or column is missing, or a statement is not one of the set's.
    """
    rows = read_rows(folder / "ludb.csv", required=COLUMNS)
    return Index(
        name="ludb",
        labels=words(),
        rows=tuple(_row(row) for row in rows),
        load=lambda row: twelve_leads(
            folder / row.file,
            Stated(age_years=_age(row.facts["age"]), sex=sex_of(row.facts["sex"])),
        ),
    )


@cache
def words() -> tuple[str, ...]:
    """Every statement that the set makes."""
    text = resources.files(__package__).joinpath("ludb_words.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["statements"])


def _row(row: dict[str, str]) -> Row:
    made = {line.strip() for column in COLUMNS[3:] for line in row[column].splitlines()}
    name = row["ID"].strip()
    return Row(
        id=name,
        group=name,
        file=f"data/{name}.hea",
        present=frozenset(made - {""}),
        facts={"age": row["Age"].strip(), "sex": row["Sex"].strip(), "split": "test"},
    )


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
