"""VinDr-CXR: 18,000 films of two hospitals in Vietnam, read by radiologists, in DICOM.

References
----------
Nguyen et al. 2022, doi:10.1038/s41597-022-01498-w; PhysioNet ``vindr-cxr`` 1.0.0: each training
film was read by three radiologists, each test film by the consensus of five.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.films import film
from qiangji_datasets.public.index import Index, Row, require
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.records import Radiograph

LABELS: Final = (
    *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture"),
    *("Consolidation", "Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity"),
    *("Lung cavity", "Lung cyst", "Mediastinal shift", "Nodule/Mass", "Pleural effusion"),
    *("Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture", "Other lesion"),
    *("COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases", "No finding"),
)
#: The test table writes one label in the singular.
_SPELLINGS: Final = {"Other disease": "Other diseases"}
_TABLES: Final = {
    "train": "annotations/image_labels_train.csv",
    "test": "annotations/image_labels_test.csv",
}
#: More than half of those who read a film.
_MAJORITY: Final = 0.5


def index(folder: Path) -> Index[Radiograph]:
    """Index the set.

    Parameters
    ----------
    folder
        Holds ``annotations/image_labels_train.csv`` and ``…_test.csv``, ``train/<id>.dicom`` and
        ``test/<id>.dicom``.

    Returns
    -------
        Twenty-eight labels: present where most readers of the film saw it; ``likelihood`` is the
        part of readers in percent. Split as published. Persons are not told: each film is its own
        group.

    Raises
    ------
    InputRejected
        A table is missing, a column is not one of the labels or a label has none, or a cell is
        not 1, 0 or blank.
    """
    require(folder, *_TABLES.values())
    rows = [row for part, name in _TABLES.items() for row in _rows(folder / name, part)]
    return Index(
        name="vindr_cxr",
        labels=LABELS,
        rows=tuple(rows),
        load=lambda row: film(folder / row.file),
    )


def _rows(path: Path, part: str) -> list[Row]:
    table = read_rows(path, required=("image_id",))
    readings: dict[str, list[dict[str, str]]] = {}
    for row in table:
        plain = {_SPELLINGS.get(key, key): cell for key, cell in row.items()}
        _check_columns(path, plain)
        readings.setdefault(plain["image_id"], []).append(plain)
    return [_row(name, part, path, read) for name, read in readings.items()]


def _check_columns(path: Path, row: dict[str, str]) -> None:
    columns = row.keys() - {"image_id", "rad_id"}
    unknown, missing = columns - set(LABELS), set(LABELS) - columns
    if unknown:
        raise InputRejected("dataset.label_unknown", dataset="vindr_cxr", label=min(unknown))
    if missing:
        raise InputRejected("dataset.column_missing", file=path.name, column=min(missing))


def _row(name: str, part: str, path: Path, readings: Sequence[dict[str, str]]) -> Row:
    seen = {
        label: sum(_is_seen(path, label, reading[label]) for reading in readings) / len(readings)
        for label in LABELS
    }
    return Row(
        id=name,
        group=name,
        file=f"{part}/{name}.dicom",
        present=frozenset(label for label, share in seen.items() if share > _MAJORITY),
        likelihood={label: 100 * share for label, share in seen.items() if share},
        facts={"split": part, "readers": str(len(readings))},
    )


def _is_seen(path: Path, label: str, cell: str) -> bool:
    value = cell.strip().removesuffix(".0")
    if value not in ("1", "0", ""):
        raise InputRejected("dataset.cell_invalid", file=path.name, column=label, value=cell[:40])
    return value == "1"
