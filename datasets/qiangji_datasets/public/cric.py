"""CRIC, whole and reduced: cells of conventional Pap smears in colour, one Bethesda class each.

References
----------
Rezende et al. 2021, doi:10.1038/s41597-021-00933-8; collection doi:10.6084/m9.figshare.c.4960286.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.cell_files import cell
from qiangji_datasets.public.films import colour_stack
from qiangji_datasets.public.index import Index, Row, with_split
from qiangji_datasets.public.tables import Table, column, read_rows
from qiangji_datasets.records import CellImage, Stain
from qiangji_datasets.splits import hashed_parts

_SIDE: Final = 100
_JSON: Final = "classifications.json"
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


#: Class as the publisher writes it → its short name.
_NAMES: Final = {"Negative for intraepithelial lesion": "NILM", **{name: name for name in TARGETS}}
_COLUMNS: Final = (
    *("image_id", "image_filename", "cell_id", "bethesda_system", "nucleus_x", "nucleus_y"),
)


def index(folder: Path) -> Index[CellImage]:
    """Index the whole set: 400 fields of view, 11,534 cells.

    Parameters
    ----------
    folder
        Holds ``classifications.csv`` or ``classifications.json`` and, anywhere below, the images
        that it names.

    Returns
    -------
        Six Bethesda classes that exclude each other. A record is the 100 × 100 px around a
        nucleus. Groups are images: patients are not told. Split by a hash of the image.

    Raises
    ------
    InputRejected
        The table, a column or an image is missing, or a class is not one of the six.
    """
    table = _table(folder)
    paths = {path.name: path.relative_to(folder).as_posix() for path in folder.glob("**/*.png")}
    rows = [_row(entry, paths) for entry in table]
    parts = hashed_parts((row.group for row in rows), salt="cric")
    return Index(
        name="cric",
        labels=tuple(TARGETS),
        rows=with_split(rows, parts),
        load=lambda row: cell(
            folder / row.file,
            centre=(int(row.facts["nucleus_y"]), int(row.facts["nucleus_x"])),
            side=_SIDE,
            stain=Stain.PAPANICOLAOU,
        ),
    )


def _table(folder: Path) -> list[dict[str, str]]:
    if (folder / "classifications.csv").is_file() or not (folder / _JSON).is_file():
        return read_rows(folder / "classifications.csv", required=_COLUMNS)
    try:
        images: list[dict[str, Any]] = json.loads((folder / _JSON).read_text("utf-8"))
        return [
            {
                "image_id": str(image["image_id"]),
                "image_filename": str(image["image_name"]),
                **{key: str(entry[key]) for key in _COLUMNS[2:]},
            }
            for image in images
            for entry in image["classifications"]
        ]
    except (ValueError, KeyError, TypeError):
        raise InputRejected("dataset.table_damaged", file=_JSON) from None


def _row(entry: dict[str, str], paths: dict[str, str]) -> Row:
    name = entry["image_filename"]
    if name not in paths:
        raise InputRejected("dataset.missing", file=name)
    kind = _NAMES.get(entry["bethesda_system"])
    if kind is None:
        raise InputRejected("dataset.label_unknown", dataset="cric", label=entry["bethesda_system"])
    for axis in ("nucleus_x", "nucleus_y"):
        if not entry[axis].isdecimal():
            raise InputRejected(
                "dataset.cell_invalid", file="classifications", column=axis, value=entry[axis][:40]
            )
    return Row(
        id=entry["cell_id"],
        group=entry["image_id"],
        file=paths[name],
        present=frozenset({kind}),
        facts={"nucleus_x": entry["nucleus_x"], "nucleus_y": entry["nucleus_y"]},
    )


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
