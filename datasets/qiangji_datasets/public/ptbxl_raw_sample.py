"""48 recordings of PTB-XL in true millivolts at 500 Hz, for checks of amplitude and format."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qiangji_datasets.formats.limits import Stated
from qiangji_datasets.public import ecg_labels
from qiangji_datasets.public.index import Index, Row
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.public.wfdb_files import sex_of, twelve_leads
from qiangji_datasets.records import EcgRecord

_COLUMNS: Final = (
    *("ecg_id", "age", "sex", "patient_id", "strat_fold", "filename_hr"),
    *("super_class", "sub_class", "form", "rhythm"),
)


def index(folder: Path) -> Index[EcgRecord]:
    """Index the sample.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and ``wfdb/<ecg_id, 5 digits>_hr.hea``.

    Returns
    -------
        The nine labels of ``ecg_labels.PTBXL``; split ``test`` throughout: five patients also
        stand in the reduced PTB-XL, so the sample tests formats and amplitudes only.

    Raises
    ------
    InputRejected
        A file or column is missing.
    """
    rows = read_rows(folder / "labels.csv", required=_COLUMNS)
    return Index(
        name="ptbxl_raw_sample",
        labels=tuple(ecg_labels.PTBXL),
        rows=tuple(_row(row) for row in rows),
        load=lambda row: twelve_leads(folder / row.file, _stated(row)),
    )


def _row(row: dict[str, str]) -> Row:
    present = frozenset(
        label
        for label, (column, statements) in ecg_labels.PTBXL.items()
        if statements & set(row[column].split("|"))
    )
    facts = {key: row[key] for key in ("age", "sex", "form", "rhythm", "sub_class")}
    return Row(
        id=row["ecg_id"],
        group=row["patient_id"],
        file=f"wfdb/{Path(row['filename_hr']).name}.hea",
        present=present,
        facts={**facts, "fold": row["strat_fold"], "split": "test"},
    )


def _stated(row: Row) -> Stated:
    age = row.facts["age"]
    return Stated(age_years=float(age) if age else None, sex=sex_of(row.facts["sex"]))
