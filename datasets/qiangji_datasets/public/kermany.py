"""The reduced Guangzhou set: chest films of children of 1 to 5 years, normal or with pneumonia."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import stack
from qiangji_datasets.public.tables import Table, column, read_rows

_SIDE: Final = 128
LABELS: Final = ("pneumonia", "bacterial_pneumonia", "viral_pneumonia")
#: Word of the set → the three labels; nothing else is known about a film.
TARGETS: Final = {
    "normal": (0.0, 0.0, 0.0),
    "bacteria": (1.0, 1.0, 0.0),
    "virus": (1.0, 0.0, 1.0),
}
_PERSON: Final = re.compile(r"(?:NORMAL2-)?IM-\d+|person\d+")


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
