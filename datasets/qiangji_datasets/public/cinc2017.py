"""The PhysioNet challenge of 2017: one lead from a hand-held device, AF against other rhythms.

References
----------
Clifford et al. 2017, doi:10.22489/CinC.2017.065-469; labels of version 3.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.index import Index, Row, with_split
from qiangji_datasets.public.strips import Strip
from qiangji_datasets.public.wfdb_files import strip
from qiangji_datasets.records import PersonIdentity
from qiangji_datasets.splits import hashed_parts

LABELS: Final = {"N": "normal", "A": "af", "O": "other", "~": "noisy"}
_REFERENCE: Final = "REFERENCE-v3.csv"


def index(folder: Path) -> Index[Strip]:
    """Index the training set; the test set was never published.

    Parameters
    ----------
    folder
        Holds ``REFERENCE-v3.csv`` (no header; ``A00001,N``) and ``training2017/A00001.hea``
        and ``.mat``.

    Returns
    -------
        Four labels that exclude each other. Persons are not told; split by a hash of the
        recording.

    Raises
    ------
    InputRejected
        A file is missing or a label is not one of the four.
    """
    path = folder / _REFERENCE
    if not path.is_file():
        raise InputRejected("dataset.missing", file=_REFERENCE)
    with path.open(encoding="utf-8", newline="") as stream:
        table = [row for row in csv.reader(stream) if row]
    rows = []
    for row in table:
        if len(row) != 2 or row[1] not in LABELS:
            raise InputRejected(
                "dataset.label_unknown", dataset="cinc2017", label=",".join(row)[:40]
            )
        name = row[0]
        rows.append(Row(name, name, f"training2017/{name}", frozenset({LABELS[row[1]]})))
    parts = hashed_parts((row.group for row in rows), salt="cinc2017")
    return Index(
        name="cinc2017",
        labels=tuple(LABELS.values()),
        rows=with_split(rows, parts),
        load=lambda row: strip(folder / row.file, PersonIdentity()),
    )
