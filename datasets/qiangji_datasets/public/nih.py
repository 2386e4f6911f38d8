"""The reduced NIH ChestX-ray14: 8-bit films, short side 128 px, findings mined from reports."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.public.films import stack
from qiangji_datasets.public.tables import Table, column, read_rows

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
