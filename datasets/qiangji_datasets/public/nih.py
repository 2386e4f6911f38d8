"""NIH ChestX-ray14, whole and reduced: adult and child chest films, findings mined from reports.

References
----------
Wang et al. 2017, doi:10.1109/CVPR.2017.369.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import film, stack
from qiangji_datasets.public.index import Index, Row, listed, require
from qiangji_datasets.public.tables import Table, column, read_rows
from qiangji_datasets.public.wfdb_files import age_of, sex_of
from qiangji_datasets.records import Radiograph, View
from qiangji_datasets.splits import held_out

_SIDE: Final = 128
#: Our label id → column of ``labels.csv``.
COLUMNS: Final = {
    "no_finding": "No_Finding",
    "effusion": "Effusion",
    "pneumothorax": "Pneumothorax",
    "consolidation": "Consolidation",
    "infiltration": "Infiltration",
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "edema": "Edema",
    "emphysema": "Emphysema",
    "fibrosis": "Fibrosis",
    "mass": "Mass",
    "nodule": "Nodule",
    "pleural_thickening": "Pleural_Thickening",
    "pneumonia": "Pneumonia",
    "hernia": "Hernia",
}


_ENTRIES: Final = "Data_Entry_2017_v2020.csv"
_LISTS: Final = {"train": "train_val_list.txt", "test": "test_list.txt"}
#: Files that say which film shows what, and on which side it stands.
TABLES: Final = (_ENTRIES, *_LISTS.values())
#: Finding as the publisher writes it; "No Finding" excludes the others.
FINDINGS: Final = tuple(name.replace("No_Finding", "No Finding") for name in COLUMNS.values())
#: Part of the patients of the official training list that validates.
_VALIDATION: Final = 0.1


def index(folder: Path) -> Index[Radiograph]:
    """Index the whole set.

    Parameters
    ----------
    folder
        Holds ``Data_Entry_2017_v2020.csv``, ``train_val_list.txt``, ``test_list.txt`` and
        ``images_001/images/00000001_000.png`` … (``images_012``), or one folder ``images``.

    Returns
    -------
        Fifteen labels; one not mined from the report is absent. Split: official test list
        ``test``; the other list ``train``, a tenth of its patients, by hash, ``val``.

    Raises
    ------
    InputRejected
        A file, a column or an image is missing, a finding is unknown, or an image is in none or
        both of the lists.
    """
    require(folder, _ENTRIES, *_LISTS.values())
    required = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "View Position")
    rows = read_rows(folder / _ENTRIES, required=required)
    paths = {
        path.name: path.relative_to(folder).as_posix()
        for path in listed(folder, "images*/**/*.png")
    }
    lists = {
        part: frozenset((folder / name).read_text("utf-8").split()) for part, name in _LISTS.items()
    }
    groups = np.array([row["Patient ID"] for row in rows], np.str_)
    is_val = held_out(groups, fraction=_VALIDATION, salt="nih_chestxray14")
    return Index(
        name="nih_chestxray14",
        labels=FINDINGS,
        rows=tuple(
            _row(row, paths, lists, is_val=bool(val)) for row, val in zip(rows, is_val, strict=True)
        ),
        load=lambda row: film(
            folder / row.file,
            age_years=age_of(row.facts["age"]),
            sex=sex_of(row.facts["sex"]),
            view=View(row.facts["view"]),
        ),
    )


def _row(
    row: dict[str, str],
    paths: dict[str, str],
    lists: dict[str, frozenset[str]],
    *,
    is_val: bool,
) -> Row:
    name = row["Image Index"]
    if name not in paths:
        raise InputRejected("dataset.missing", file=name)
    parts = [part for part, names in lists.items() if name in names]
    if len(parts) != 1:
        raise InputRejected("dataset.not_in_split", dataset="nih_chestxray14", id=name)
    sex = row.get("Patient Gender", row.get("Patient Sex", ""))
    facts = {"age": row["Patient Age"], "sex": sex, "view": row["View Position"]}
    return Row(
        id=name,
        group=row["Patient ID"],
        file=paths[name],
        present=frozenset(row["Finding Labels"].split("|")),
        facts={**facts, "split": "val" if parts == ["train"] and is_val else parts[0]},
    )


def read(folder: Path) -> Table:
    """Read every film once; 587 of the 11,004 rows repeat a film with the same labels.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and ``img128``.

    Returns
    -------
        ``inputs`` uint8 (10,417, 128, 128) in the display range; facts ``split`` (train, val, test;
        patient-disjoint), ``age`` in years, ``sex``, ``view`` (PA, AP).

    Raises
    ------
    InputRejected
        A file is missing or has another size.
    """
    rows = list({row["image_id"]: row for row in read_rows(folder / "labels.csv")}.values())
    targets: NDArray[np.float32] = np.array(
        [[float(row[name]) for name in COLUMNS.values()] for row in rows], np.float32
    )
    return Table(
        name="nih_chestxray14",
        inputs=stack((folder / row["file"] for row in rows), side=_SIDE),
        labels=tuple(COLUMNS),
        targets=targets,
        ids=column(rows, "image_id"),
        groups=column(rows, "patient_id"),
        facts={key: column(rows, key) for key in ("split", "age", "sex", "view")},
    )
