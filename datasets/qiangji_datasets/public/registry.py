"""Which reader reads which set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from qiangji_datasets.public import (
    chapman,
    chexpert,
    cinc,
    cinc2017,
    cpsc2018,
    cric,
    herlev,
    kermany,
    ludb,
    mitbih,
    montgomery,
    nih,
    pcam,
    ptbxl,
    ptbxl_part,
    ptbxl_raw_sample,
    rsna,
    shenzhen,
    sipakmed,
    tbx11k,
    vindr,
)
from qiangji_datasets.public.index import Index, Row
from qiangji_datasets.public.tables import Table
from qiangji_datasets.splits import hashed_parts

Reader = Callable[[Path], Index[Any]]


def from_table(table: Table, *, name: str) -> Index[Any]:
    """A reduced copy as an index; a record is the row of its array."""
    parts = table.facts.get("split", table.facts.get("fold"))
    if parts is None:
        hashed = hashed_parts(table.groups.tolist(), salt=name)
        parts = np.array([hashed[str(group)] for group in table.groups], np.str_)
    rows = []
    for place, recording in enumerate(table.ids.tolist()):
        truth = table.targets[place]
        present = [label for label, value in zip(table.labels, truth, strict=True) if value == 1]
        unclear = [
            label for label, value in zip(table.labels, truth, strict=True) if np.isnan(value)
        ]
        rows.append(
            Row(
                id=recording,
                group=str(table.groups[place]),
                file=str(place),
                present=frozenset(present),
                not_stated=frozenset(unclear),
                facts={"split": _FOLDS.get(str(parts[place]), str(parts[place]))},
            )
        )
    return Index(
        name=name,
        labels=table.labels,
        rows=tuple(rows),
        load=lambda row: table.inputs[int(row.file)],
    )


def _copy(read: Callable[[Path], Table], name: str) -> Reader:
    return lambda folder: from_table(read(folder), name=name)


#: Official folds of PTB-XL as sides of a split.
_FOLDS: Final = {**{str(fold): "train" for fold in range(1, 9)}, "9": "val", "10": "test"}
#: Name of a set → its reader; every card has one and the other way round.
READERS: Final[dict[str, Reader]] = {
    "chapman_shaoxing_ningbo": chapman.index,
    "chexpert": chexpert.index,
    "cinc2017": cinc2017.index,
    "cinc2020": cinc.index_2020,
    "cinc2021": cinc.index_2021,
    "cpsc2018": cpsc2018.index,
    "cric": cric.index,
    "cric_part": _copy(cric.read, "cric_part"),
    "herlev": herlev.index,
    "kermany": kermany.index,
    "kermany_part": _copy(kermany.read, "kermany_part"),
    "ludb": ludb.index,
    "mitbih": mitbih.index,
    "montgomery": montgomery.index,
    "nih_chestxray14": nih.index,
    "nih_part": _copy(nih.read, "nih_part"),
    "pcam": pcam.index,
    "ptbxl": ptbxl.index,
    "ptbxl_part": _copy(ptbxl_part.read, "ptbxl_part"),
    "ptbxl_raw_sample": ptbxl_raw_sample.index,
    "rsna_pneumonia": rsna.index,
    "shenzhen": shenzhen.index,
    "shenzhen_part": _copy(shenzhen.read, "shenzhen_part"),
    "sipakmed": sipakmed.index,
    "tbx11k": tbx11k.index,
    "vindr_cxr": vindr.index,
}
