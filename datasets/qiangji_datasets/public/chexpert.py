"""CheXpert: 224,316 films of one US hospital, labels mined from reports, with uncertainty.

References
----------
Irvin et al. 2019, doi:10.1609/aaai.v33i01.3301590: 1 present, 0 absent, -1 uncertain, blank not
mentioned in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import film
from qiangji_datasets.public.index import Index, Row, require
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.public.wfdb_files import age_of, sex_of
from qiangji_datasets.records import Radiograph, View

LABELS: Final = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion"),
    *("Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion"),
    *("Pleural Other", "Fracture", "Support Devices"),
)
_PERSON_COLUMNS: Final = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
#: ``valid.csv`` was read by radiologists from the films, ``train.csv`` mined from reports.
_TABLES: Final = {"train": "train.csv", "val": "valid.csv"}
_UNKNOWN_AGE: Final = "0"


class Meaning(StrEnum):
    """What an unclear cell counts as."""

    NOT_STATED = "not_stated"
    ABSENT = "absent"
    PRESENT = "present"


@dataclass(frozen=True)
class Policy:
    """What "-1" (uncertain) and a blank (not mentioned) mean; by default neither states a thing."""

    uncertain: Meaning = Meaning.NOT_STATED
    blank: Meaning = Meaning.NOT_STATED


def index(folder: Path, *, policy: Policy | None = None) -> Index[Radiograph]:
    """Index the set.

    Parameters
    ----------
    folder
        ``CheXpert-v1.0`` or ``CheXpert-v1.0-small``: ``train.csv``, ``valid.csv`` and
        ``train/patient00001/study1/view1_frontal.jpg`` ….
    policy
        What uncertain and blank cells mean. Whatever it says, facts ``uncertain`` and ``blank``
        name those labels, joined by ``|``.

    Returns
    -------
        Fourteen labels; split ``train`` and ``val`` as published, patient-disjoint.

    Raises
    ------
    InputRejected
        A table or column is missing, or a cell is not 1, 0, -1 or blank.
    """
    require(folder, *_TABLES.values())
    chosen = policy or Policy()
    rows = [
        _row(row, part, chosen)
        for part, name in _TABLES.items()
        for row in read_rows(folder / name, required=(*_PERSON_COLUMNS, *LABELS))
    ]
    return Index(
        name="chexpert",
        labels=LABELS,
        rows=tuple(rows),
        load=lambda row: film(
            folder / row.file,
            age_years=age_of(row.facts["age"]),
            sex=sex_of(row.facts["sex"]),
            view=View(row.facts["view"]),
        ),
    )


def _row(row: Mapping[str, str], part: str, policy: Policy) -> Row:
    path = PurePosixPath(row["Path"])
    inside = PurePosixPath(*path.parts[1:])  # the first part is the name of the set
    if len(inside.parts) != 4 or ".." in inside.parts:
        raise InputRejected("dataset.name_unknown", dataset="chexpert", file=row["Path"][:80])
    cells = {name: _cell(row[name], part, name) for name in LABELS}
    by_meaning: dict[Meaning, set[str]] = {meaning: set() for meaning in Meaning}
    for name, value in cells.items():
        by_meaning[_meaning(value, policy)].add(name)
    age = row["Age"].split(".")[0]
    return Row(
        id=str(inside),
        group=inside.parts[1],
        file=str(inside),
        present=frozenset(by_meaning[Meaning.PRESENT]),
        not_stated=frozenset(by_meaning[Meaning.NOT_STATED]),
        facts={
            "age": "" if age == _UNKNOWN_AGE else age,
            "sex": row["Sex"],
            "view": _view(row),
            "split": part,
            "uncertain": "|".join(name for name, value in cells.items() if value == "-1"),
            "blank": "|".join(name for name, value in cells.items() if value == ""),
        },
    )


def _cell(text: str, part: str, name: str) -> str:
    value = text.strip().removesuffix(".0")
    if value not in ("1", "0", "-1", ""):
        raise InputRejected(
            "dataset.cell_invalid", file=_TABLES[part], column=name, value=text[:40]
        )
    return value


def _meaning(value: str, policy: Policy) -> Meaning:
    known = {"1": Meaning.PRESENT, "0": Meaning.ABSENT, "-1": policy.uncertain}
    return known.get(value, policy.blank)


def _view(row: Mapping[str, str]) -> str:
    if row["Frontal/Lateral"] == "Lateral":
        return View.LATERAL.value
    known = {"AP": View.AP, "PA": View.PA}
    return known.get(row["AP/PA"], View.OTHER if row["AP/PA"] else View.UNKNOWN).value
