"""SIPaKMeD: 4,049 cells cropped from 966 fields of Pap smears, in five classes.

References
----------
Plissiti et al. 2018, doi:10.1109/ICIP.2018.8451588.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.cell_files import cell
from qiangji_datasets.public.index import Index, Row, listed, with_split
from qiangji_datasets.records import CellImage, Stain
from qiangji_datasets.splits import hashed_parts

LABELS: Final = (
    *("Superficial-Intermediate", "Parabasal", "Koilocytotic", "Dyskeratotic", "Metaplastic"),
)
_NAME: Final = re.compile(r"(?P<field>\d+)_(?P<cell>\d+)")


def index(folder: Path) -> Index[CellImage]:
    """Index the set.

    Parameters
    ----------
    folder
        Holds ``im_Dyskeratotic/im_Dyskeratotic/CROPPED/001_01.bmp`` … (the doubled folder comes
        from the archives), or without the doubling.

    Returns
    -------
        Five classes that exclude each other. Groups are fields of view (``001``): patients are
        not told; split by the hash of the field.

    Raises
    ------
    InputRejected
        No picture, or a folder or a name that is not one of the set's.
    """
    rows = [_row(path, folder) for path in listed(folder, "**/CROPPED/*.bmp")]
    parts = hashed_parts((row.group for row in rows), salt="sipakmed")
    return Index(
        name="sipakmed",
        labels=LABELS,
        rows=with_split(rows, parts),
        load=lambda row: cell(folder / row.file, stain=Stain.PAPANICOLAOU),
    )


def _row(path: Path, folder: Path) -> Row:
    kind = path.parent.parent.name.removeprefix("im_")
    if kind not in LABELS:
        raise InputRejected("dataset.label_unknown", dataset="sipakmed", label=kind)
    found = _NAME.fullmatch(path.stem)
    if found is None:
        raise InputRejected("dataset.name_unknown", dataset="sipakmed", file=path.name)
    return Row(
        id=f"{kind}/{path.stem}",
        group=f"{kind}/{found['field']}",
        file=path.relative_to(folder).as_posix(),
        present=frozenset({kind}),
    )
