"""The reduced Shenzhen TB screening set: 656 films, about half with tuberculosis."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.public.films import stack
from qiangji_datasets.public.tables import Table, column, read_rows

_SIDE: Final = 128


def read(folder: Path) -> Table:
    """Read every film of which an un-augmented or an augmented 128 px copy exists.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and the picture folders.

    Returns
    -------
        ``inputs`` uint8 (n, 128, 128); facts ``split`` (train, test; as published with the
        copies), ``copy`` ("plain", "augmented": rotated or shifted, for training only), ``age``
        and ``sex`` (known for some).

    Raises
    ------
    InputRejected
        A file is missing or has another size.
    """
    rows = [
        row
        for row in read_rows(folder / "labels.csv")
        if row["file128"] or row["file128_augmented"]
    ]
    copies = ["plain" if row["file128"] else "augmented" for row in rows]
    # Several augmented copies of one film are joined by semicolons; the first is enough.
    files = [row["file128"] or row["file128_augmented"].split(";")[0] for row in rows]
    facts = {key: column(rows, key) for key in ("age", "sex")}
    return Table(
        name="shenzhen",
        inputs=stack((folder / file for file in files), side=_SIDE),
        labels=("tb",),
        targets=np.array([[float(row["label_tb"])] for row in rows], np.float32),
        ids=column(rows, "image_id"),
        groups=column(rows, "patient_id"),
        facts={**facts, "split": column(rows, "xtb_split"), "copy": np.array(copies)},
    )
