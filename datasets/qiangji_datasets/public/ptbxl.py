"""PTB-XL in the publisher's layout: 10 s, 12 leads, at 100 or 500 Hz, official folds.

References
----------
Wagner et al. 2020, doi:10.1038/s41597-020-0495-6; ``scp_statements.csv`` maps statements to
superclasses and subclasses and marks those on form and rhythm.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.limits import Stated
from qiangji_datasets.public.index import Index, Row
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.public.wfdb_files import twelve_leads
from qiangji_datasets.records import EcgRecord, Sex

_TABLE: Final = "ptbxl_database.csv"
_STATEMENTS: Final = "scp_statements.csv"
_COLUMNS: Final = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold")
_FILES: Final = {100: "filename_lr", 500: "filename_hr"}
_SEXES: Final = {"0": Sex.M, "1": Sex.F}
#: The set writes ages above 89 as 300.
_OLDEST: Final = 90.0
_HIDDEN_AGE: Final = 300.0
_VALIDATION_FOLD: Final = 9
_TEST_FOLD: Final = 10


def index(folder: Path, *, rate_hz: int = 500) -> Index[EcgRecord]:
    """Index the set.

    Parameters
    ----------
    folder
        Holds ``ptbxl_database.csv``, ``scp_statements.csv``, ``records100`` and ``records500``.
    rate_hz
        100 or 500: which of the two copies is read.

    Returns
    -------
        Labels ``scp:LVH`` for each statement, ``super:HYP``, ``sub:LVH``, ``form:LVOLT`` and
        ``rhythm:AFIB`` as the publisher maps them; a statement not made is absent. Likelihoods
        of statements are kept (0: not stated by the publisher). Split: folds 1–8 ``train``, 9
        ``val``, 10 ``test``.

    Raises
    ------
    InputRejected
        A table or column is missing, or a statement is not in ``scp_statements.csv``.
    """
    file_column = _FILES[rate_hz]
    meanings = statements(folder)
    rows = read_rows(folder / _TABLE, required=(*_COLUMNS, file_column))
    vocabulary = {label: None for labels in meanings.values() for label in labels}
    return Index(
        name="ptbxl",
        labels=tuple(sorted(vocabulary)),
        rows=tuple(_row(row, file_column, meanings) for row in rows),
        load=lambda row: twelve_leads(folder / f"{row.file}.hea", _stated(row)),
    )


def statements(folder: Path) -> dict[str, tuple[str, ...]]:
    """SCP statement to the labels it brings.

    Raises
    ------
    InputRejected
        The table or one of its columns is missing.
    """
    columns = ("diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass")
    found = {}
    for row in read_rows(folder / _STATEMENTS, required=columns):
        code = next(iter(row.values()))  # the first column has no name
        labels = [f"scp:{code}"]
        if _is_set(row["diagnostic"]):
            labels += [f"super:{row['diagnostic_class']}", f"sub:{row['diagnostic_subclass']}"]
        labels += [f"{kind}:{code}" for kind in ("form", "rhythm") if _is_set(row[kind])]
        found[code] = tuple(labels)
    return found


def _row(row: Mapping[str, str], file_column: str, meanings: Mapping[str, tuple[str, ...]]) -> Row:
    made = _codes(row["scp_codes"])
    unknown = made.keys() - meanings.keys()
    if unknown:
        raise InputRejected("dataset.label_unknown", dataset="ptbxl", label=min(unknown))
    fold = int(float(row["strat_fold"]))
    split = {_VALIDATION_FOLD: "val", _TEST_FOLD: "test"}.get(fold, "train")
    return Row(
        id=row["ecg_id"],
        group=str(int(float(row["patient_id"]))),
        file=row[file_column],
        present=frozenset(label for code in made for label in meanings[code]),
        likelihood={f"scp:{code}": percent for code, percent in made.items()},
        facts={"age": row["age"], "sex": row["sex"], "fold": str(fold), "split": split},
    )


def _codes(text: str) -> dict[str, float]:
    """A cell such as ``{'NORM': 100.0, 'SR': 0.0}``."""
    try:
        found = ast.literal_eval(text)
        return {str(code): float(percent) for code, percent in found.items()}
    except (ValueError, SyntaxError, AttributeError, TypeError):
        raise InputRejected(
            "dataset.cell_invalid", file=_TABLE, column="scp_codes", value=text[:80]
        ) from None


def _stated(row: Row) -> Stated:
    age = float(row.facts["age"]) if row.facts["age"] else None
    return Stated(
        age_years=_OLDEST if age == _HIDDEN_AGE else age,
        sex=_SEXES.get(row.facts["sex"].split(".")[0]),
    )


def _is_set(cell: str) -> bool:
    return cell not in ("", "0", "0.0")
