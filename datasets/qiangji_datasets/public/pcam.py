"""PatchCamelyon: 327,680 patches of lymph nodes, 96 px, with or without metastasis, in HDF5.

References
----------
Veeling et al. 2018, doi:10.1007/978-3-030-00934-2_24; Zenodo 2546921.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.index import Index, Row, require
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.records import CellImage, PersonIdentity, Stain, StudyIds

_STEM: Final = "camelyonpatch_level_2_split"
#: Name of a part in the files → split.
_PARTS: Final = {"train": "train", "valid": "val", "test": "test"}
LABELS: Final = ("tumor",)


def index(folder: Path) -> Index[CellImage]:
    """Index the set; needs the package h5py.

    Parameters
    ----------
    folder
        Holds, unpacked, ``camelyonpatch_level_2_split_train_x.h5``, ``…_y.h5`` and
        ``…_meta.csv``, and the same for ``valid`` and ``test``.

    Returns
    -------
        One label: tumour in the middle 32 px. Split as published; groups are slides (``wsi``).

    Raises
    ------
    InputRejected
        h5py is not installed, a file is missing, or the parts of one split differ in length.
    """
    files = [f"{_STEM}_{part}_{kind}" for part in _PARTS for kind in ("x.h5", "y.h5", "meta.csv")]
    require(folder, *files)
    rows = [row for part in _PARTS for row in _rows(folder, part)]
    return Index(name="pcam", labels=LABELS, rows=tuple(rows), load=lambda row: _patch(folder, row))


def _rows(folder: Path, part: str) -> list[Row]:
    truth = _array(folder / f"{_STEM}_{part}_y.h5", "y").reshape(-1)
    slides = read_rows(folder / f"{_STEM}_{part}_meta.csv", required=("wsi",))
    if len(truth) != len(slides):
        raise InputRejected("dataset.mismatch", dataset="pcam")
    return [
        Row(
            id=f"{part}/{place}",
            group=slide["wsi"],
            file=f"{_STEM}_{part}_x.h5",
            present=frozenset(LABELS if is_tumour else ()),
            facts={"split": _PARTS[part], "place": str(place)},
        )
        for place, (is_tumour, slide) in enumerate(zip(truth, slides, strict=True))
    ]


def _patch(folder: Path, row: Row) -> CellImage:
    pixels = _array(folder / row.file, "x", place=int(row.facts["place"]))
    return CellImage(
        pixels=np.ascontiguousarray(pixels, np.uint8),
        person=PersonIdentity(),
        ids=StudyIds(),
        stain=Stain.HAEMATOXYLIN_EOSIN,
        source_kind="h5",
    )


def _array(path: Path, key: str, *, place: int | None = None) -> NDArray[Any]:
    try:
        import h5py
    except ModuleNotFoundError:
        raise InputRejected("dataset.package_needed", dataset="pcam", package="h5py") from None
    try:
        with h5py.File(path, "r") as file:
            stored = file[key]
            return np.asarray(stored[()] if place is None else stored[place])
    except (OSError, KeyError, IndexError, ValueError):
        raise InputRejected("dataset.recording_damaged", dataset="pcam", file=path.name) from None
