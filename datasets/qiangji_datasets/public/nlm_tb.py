"""What the two tuberculosis sets of the US National Library of Medicine have in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import film
from qiangji_datasets.public.index import Index, Row, listed, with_split
from qiangji_datasets.public.wfdb_files import age_of, sex_of
from qiangji_datasets.records import Radiograph, View
from qiangji_datasets.splits import hashed_parts

_LABELS: Final = {"0": "normal", "1": "tb"}


@dataclass(frozen=True)
class Reading:
    """What a clinical reading says; empty strings where it does not."""

    age: str
    sex: str
    finding: str


def index_films(
    folder: Path, *, name: str, prefix: str, reading_of: Callable[[str], Reading]
) -> Index[Radiograph]:
    """Index ``CXR_png/<prefix>_<number>_<0 or 1>.png`` with ``ClinicalReadings/….txt``.

    Raises
    ------
    InputRejected
        A folder or a reading is missing, or a name is built in another way.
    """
    pattern = re.compile(rf"{prefix}_(\d+)_([01])")
    rows = []
    for path in listed(folder, "CXR_png/*.png"):
        match = pattern.fullmatch(path.stem)
        if match is None:
            raise InputRejected("dataset.name_unknown", dataset=name, file=path.name)
        reading = reading_of(_text(folder / "ClinicalReadings" / f"{path.stem}.txt"))
        facts = {"age": reading.age, "sex": reading.sex, "reading": reading.finding}
        present = frozenset({_LABELS[match[2]]})
        rows.append(
            Row(path.stem, match[1], f"CXR_png/{path.name}", present, facts={**facts, "view": "PA"})
        )
    parts = hashed_parts((row.group for row in rows), salt=name)
    return Index(
        name=name,
        labels=tuple(_LABELS.values()),
        rows=with_split(rows, parts),
        load=lambda row: film(
            folder / row.file,
            age_years=age_of(row.facts["age"]),
            sex=sex_of(row.facts["sex"]),
            view=View.PA,
        ),
    )


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputRejected("dataset.missing", file=path.name)
    return path.read_bytes().decode("utf-8", "replace")
