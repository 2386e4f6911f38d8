"""How the statements of PTB-XL and LUDB become our ECG labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Label id → (column, statements of which any one means "present").
PTBXL: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "norm": ("super_class", frozenset({"NORM"})),
    "mi": ("super_class", frozenset({"MI"})),
    "sttc": ("super_class", frozenset({"STTC"})),
    "cd": ("super_class", frozenset({"CD"})),
    "hyp": ("super_class", frozenset({"HYP"})),
    "af_flutter": ("rhythm", frozenset({"AFIB", "AFLT"})),
    "cbbb": ("sub_class", frozenset({"CLBBB", "CRBBB"})),
    "stach": ("rhythm", frozenset({"STACH"})),
    "sbrad": ("rhythm", frozenset({"SBRAD"})),
}

#: LUDB keeps rhythm and conduction statements together in ``codes``.
LUDB: Final[dict[str, tuple[str, frozenset[str]]]] = {
    label: (column if column == "super_class" else "codes", statements)
    for label, (column, statements) in PTBXL.items()
}


def targets(
    rows: Iterable[dict[str, str]], mapping: dict[str, tuple[str, frozenset[str]]]
) -> NDArray[np.float32]:
    """(rows, labels) of 0 and 1, labels in the order of ``mapping``."""
    table = [
        [
            float(not statements.isdisjoint(row[column].split("|")))
            for column, statements in mapping.values()
        ]
        for row in rows
    ]
    return np.array(table, np.float32)
