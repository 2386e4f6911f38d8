"""Herlev: 917 single cells of Pap smears in seven classes, in folders of the publisher.

References
----------
Jantzen et al. 2005, "Pap-smear Benchmark Data For Pattern Classification".
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.cell_files import cell
from qiangji_datasets.public.index import Index, Row, listed, with_split
from qiangji_datasets.records import CellImage, Stain
from qiangji_datasets.splits import hashed_parts

#: Folders, in the publisher's spelling.
LABELS: Final = (
    *("normal_superficiel", "normal_intermediate", "normal_columnar"),
    *("light_dysplastic", "moderate_dysplastic", "severe_dysplastic", "carcinoma_in_situ"),
)
#: Ending of the hand-made outline beside each cell.
_OUTLINE: Final = "-d"


def index(folder: Path) -> Index[CellImage]:
    """Index the set.

    Parameters
    ----------
    folder
        ``New database pictures``: seven folders with ``….BMP`` and, for each, the outline
        ``…-d.bmp``, which is not read.

    Returns
    -------
        Seven classes that exclude each other. Patients are not told: names begin with a number of
        the slide's field, which is the group; split by its hash.

    Raises
    ------
    InputRejected
        No picture, or a folder that is not one of the seven.
    """
    paths = [path for path in listed(folder, "*/*") if path.suffix.lower() == ".bmp"]
    cells = [path for path in paths if not path.stem.endswith(_OUTLINE)]
    rows = [_row(path) for path in cells]
    parts = hashed_parts((row.group for row in rows), salt="herlev")
    return Index(
        name="herlev",
        labels=LABELS,
        rows=with_split(rows, parts),
        load=lambda row: cell(folder / row.file, stain=Stain.PAPANICOLAOU),
    )


def _row(path: Path) -> Row:
    kind = path.parent.name
    if kind not in LABELS:
        raise InputRejected("dataset.label_unknown", dataset="herlev", label=kind)
    return Row(
        id=f"{kind}/{path.stem}",
        group=path.stem.split("-")[0],
        file=f"{kind}/{path.name}",
        present=frozenset({kind}),
    )
