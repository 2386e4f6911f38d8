"""RSNA pneumonia challenge: 26,684 films of the NIH set, read anew by radiologists, in DICOM.

References
----------
Shih et al. 2019, doi:10.1148/ryai.2019180041.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import film
from qiangji_datasets.public.index import Index, Row, require, with_split
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.records import Radiograph
from qiangji_datasets.splits import hashed_parts

_BOXES: Final = "stage_2_train_labels.csv"
_CLASSES: Final = "stage_2_detailed_class_info.csv"
LABELS: Final = ("Lung Opacity", "No Lung Opacity / Not Normal", "Normal")
_IMAGES: Final = "stage_2_train_images"


def index(folder: Path) -> Index[Radiograph]:
    """Index the training films; labels of the test films were never published.

    Parameters
    ----------
    folder
        Holds ``stage_2_train_labels.csv``, ``stage_2_detailed_class_info.csv`` and
        ``stage_2_train_images/<patientId>.dcm``.

    Returns
    -------
        Three classes that exclude each other; fact ``boxes`` is the number of opacities outlined.
        What the set calls a patient is a film; split by its hash.

    Raises
    ------
    InputRejected
        A file or column is missing, a class is unknown, or the two tables contradict each other.
    """
    require(folder, _BOXES, _CLASSES, _IMAGES)
    boxes: dict[str, int] = {}
    for row in read_rows(folder / _BOXES, required=("patientId", "x", "Target")):
        boxes[row["patientId"]] = boxes.get(row["patientId"], 0) + (row["Target"] == "1")
    classes = {
        row["patientId"]: row["class"]
        for row in read_rows(folder / _CLASSES, required=("patientId", "class"))
    }
    rows = [_row(name, kind, boxes) for name, kind in classes.items()]
    parts = hashed_parts((row.group for row in rows), salt="rsna_pneumonia")
    return Index(
        name="rsna_pneumonia",
        labels=LABELS,
        rows=with_split(rows, parts),
        load=lambda row: film(folder / row.file),
    )


def _row(name: str, kind: str, boxes: dict[str, int]) -> Row:
    if name not in boxes or (boxes[name] > 0) != (kind == "Lung Opacity"):
        raise InputRejected("dataset.mismatch", dataset="rsna_pneumonia")
    return Row(
        id=name,
        group=name,
        file=f"{_IMAGES}/{name}.dcm",
        present=frozenset({kind}),
        facts={"boxes": str(boxes[name])},
    )
