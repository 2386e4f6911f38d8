"""The reduced CRIC: cells of conventional Pap smears in colour, one Bethesda class each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import colour_stack
from qiangji_datasets.public.tables import Table, column, read_rows

_SIDE: Final = 100
LABELS: Final = ("cell_abnormal", "cell_high_grade")
#: Bethesda class → the two labels; high grade is what asks for colposcopy at once.
TARGETS: Final = {
    "NILM": (0.0, 0.0),
    "ASC-US": (1.0, 0.0),
    "LSIL": (1.0, 0.0),
    "ASC-H": (1.0, 1.0),
    "HSIL": (1.0, 1.0),
    "SCC": (1.0, 1.0),
}


def read(folder: Path) -> Table:
    """Read every cell once; two of the 5,006 rows repeat the pixels of their neighbour.

    Parameters
    ----------
    folder
        Holds ``labels.csv`` and ``img``.

    Returns
    -------
        ``inputs`` uint8 (5004, 100, 100, 3), RGB; cells cut by the edge of their image are
        centred and mirrored outwards. ``groups`` and fact ``block`` are the block of 250 cell
        ids: patients are not known, and neighbouring ids come from one image. Fact ``bethesda``
        is the class, ``whole`` "1" or, for a cut cell, "0".

    Raises
    ------
    InputRejected
        A file is missing or larger, or a class is not one of the six.
    """
    rows = list({row["md5_src"]: row for row in read_rows(folder / "labels.csv")}.values())
    unknown = {row["bethesda"] for row in rows} - TARGETS.keys()
    if unknown:
        raise InputRejected("dataset.label_unknown", dataset="cric", label=min(unknown))
    is_whole = [row["w"] == row["h"] == str(_SIDE) for row in rows]
    blocks = column(rows, "id_block250")
    return Table(
        name="cric_cells",
        inputs=colour_stack((folder / row["file"] for row in rows), side=_SIDE),
        labels=LABELS,
        targets=np.array([TARGETS[row["bethesda"]] for row in rows], np.float32),
        ids=column(rows, "cell_id"),
        groups=blocks,
        facts={
            "block": blocks,
            "bethesda": column(rows, "bethesda"),
            "whole": np.where(is_whole, "1", "0"),
        },
    )
