"""The Guangzhou set, whole and reduced: films of children of 1–5 years, normal or with pneumonia.

References
----------
Kermany et al. 2018, doi:10.1016/j.cell.2018.02.010; data doi:10.17632/rscbjbr9sj.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import film, stack
from qiangji_datasets.public.index import Index, Row, listed
from qiangji_datasets.public.tables import Table, column, read_rows
from qiangji_datasets.records import Radiograph, View
from qiangji_datasets.splits import held_out

_SIDE: Final = 128
LABELS: Final = ("pneumonia", "bacterial_pneumonia", "viral_pneumonia")
#: Word of the set → the three labels; nothing else is known about a film.
TARGETS: Final = {
    "normal": (0.0, 0.0, 0.0),
    "bacteria": (1.0, 1.0, 0.0),
    "virus": (1.0, 0.0, 1.0),
}
_PERSON: Final = re.compile(r"(?:NORMAL2-)?IM-\d+|person\d+|(?:NORMAL|BACTERIA|VIRUS)-\d+")
_SUBTYPE: Final = re.compile(r"bacteria|virus", re.IGNORECASE)
#: Part of the persons of the official training folder that validates.
_VALIDATION: Final = 0.1


def index(folder: Path) -> Index[Radiograph]:
    """Index the whole set, in the naming of either published version.

    Parameters
    ----------
    folder
        Holds ``train`` and ``test`` (and, in one copy, a ``val`` of 16 films), each with
        ``NORMAL`` and ``PNEUMONIA``; files ``person1_bacteria_1.jpeg`` or
        ``BACTERIA-1008087-0001.jpeg``.

    Returns
    -------
        Labels ``normal``, ``bacteria``, ``virus``. Split: official ``test``; a tenth of the
        persons of ``train``, by hash, and the published ``val`` are ``val``.

    Raises
    ------
    InputRejected
        No film, or a folder or a name that is not one of the set's.
    """
    rows = [_row(path, folder) for path in listed(folder, "*/*/*.jp*g")]
    groups = np.array([row.group for row in rows], np.str_)
    held = held_out(groups, fraction=_VALIDATION, salt="kermany")
    return Index(
        name="kermany",
        labels=tuple(TARGETS),
        rows=tuple(
            replace(row, facts={**row.facts, "split": "val"})
            if is_held and row.facts["split"] == "train"
            else row
            for row, is_held in zip(rows, held, strict=True)
        ),
        load=lambda row: film(folder / row.file, view=View.AP),
    )


def _row(path: Path, folder: Path) -> Row:
    kind, part = path.parent.name, path.parent.parent.name
    subtype = _SUBTYPE.search(path.stem)
    is_named = kind in ("NORMAL", "PNEUMONIA") and part in ("train", "val", "test")
    if not is_named or (subtype is not None) != (kind == "PNEUMONIA"):
        raise InputRejected("dataset.name_unknown", dataset="kermany", file=path.name)
    return Row(
        id=f"{part}/{path.name}",
        group=f"{part}/{person_of(path.name)}",
        file=path.relative_to(folder).as_posix(),
        present=frozenset({subtype[0].lower() if subtype else "normal"}),
        facts={"split": part, "view": "AP"},
    )


def read(folder: Path) -> Table:
    """Read every film.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and ``img128``.

    Returns
    -------
        ``inputs`` uint8 (5840, 128, 128) in the display range; ``groups`` as ``person_of``; facts
        ``split`` (train, test, as published), ``subtype`` (normal, bacteria, virus) and
        ``patient_id`` (as published with the copies: one value for hundreds of normal films).

    Raises
    ------
    InputRejected
        A file is missing or has another size, or a word or a name is not one of the set's.
    """
    rows = read_rows(folder / "labels.csv")
    unknown = {row["subtype"] for row in rows} - TARGETS.keys()
    if unknown:
        raise InputRejected("dataset.label_unknown", dataset="kermany", label=min(unknown))
    groups = [f"{row['split']}/{person_of(row['image_id'])}" for row in rows]
    return Table(
        name="kermany_paediatric",
        inputs=stack((folder / row["file"] for row in rows), side=_SIDE),
        labels=LABELS,
        targets=np.array([TARGETS[row["subtype"]] for row in rows], np.float32),
        ids=column(rows, "image_id"),
        groups=np.array(groups, dtype=np.str_),
        facts={key: column(rows, key) for key in ("split", "subtype", "patient_id")},
    )


def person_of(image_id: str) -> str:
    """Who is on a film, as far as the name of its file says.

    Films with pneumonia are named after a person. Normal ones carry the number of an
    examination, which is the closest there is; numbers begin anew in the test part, so a
    person is told apart only within one part.

    Raises
    ------
    InputRejected
        The name is not built like the names of the set.
    """
    found = _PERSON.match(image_id)
    if found is None:
        raise InputRejected("dataset.name_unknown", dataset="kermany", file=image_id)
    return found.group()
