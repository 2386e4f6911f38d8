"""What every reader of a public set gives: arrays with one row a recording, and plain facts."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected


@dataclass(frozen=True, eq=False)
class Table:
    """One public set, or a part of one.

    Parameters
    ----------
    name
        Name of the set.
    inputs
        One row a recording; unit and stage depend on the reader.
    labels
        Label ids, in the order of the columns of ``targets``.
    targets
        (n, labels) float32: 1 present, 0 absent, NaN not known.
    ids
        Identifier of each recording within the set.
    groups
        Patient of each recording; the same value never stands on two sides of a split.
    facts
        Further columns (fold, age, sex, view), strings as published, empty when missing.
    left_out
        How many recordings of the set could not be used, by the code of the reason. A part of a
        table tells of the whole.
    """

    name: str
    inputs: NDArray[np.generic]
    labels: tuple[str, ...]
    targets: NDArray[np.float32]
    ids: NDArray[np.str_]
    groups: NDArray[np.str_]
    facts: dict[str, NDArray[np.str_]]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = (self.targets, self.ids, self.groups, *self.facts.values())
        if any(len(column) != len(self.inputs) for column in columns):
            raise ValueError(f"columns of {self.name} differ in length")
        if self.targets.shape != (len(self.inputs), len(self.labels)):
            raise ValueError(f"targets of {self.name} have shape {self.targets.shape}")

    def __len__(self) -> int:
        return len(self.inputs)

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """The rows for which ``kept`` is true, in order."""
        return replace(
            self,
            inputs=self.inputs[kept],
            targets=self.targets[kept],
            ids=self.ids[kept],
            groups=self.groups[kept],
            facts={key: column[kept] for key, column in self.facts.items()},
        )

    def with_labels(self, wanted: Sequence[str]) -> Self:
        """The same rows with the wanted labels; a label the set does not know is NaN."""
        targets = np.full((len(self), len(wanted)), np.nan, np.float32)
        for column, name in enumerate(wanted):
            if name in self.labels:
                targets[:, column] = self.targets[:, self.labels.index(name)]
        return replace(self, labels=tuple(wanted), targets=targets)


def read_rows(path: Path, *, required: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows of a CSV file with a header; blanks around the names of columns do not count.

    Raises
    ------
    InputRejected
        The file is missing, is no UTF-8 text, or lacks a required column.
    """
    if not path.is_file():
        raise InputRejected("dataset.missing", file=path.name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            missing = [name for name in required if name not in names]
            if missing:
                raise InputRejected("dataset.column_missing", file=path.name, column=missing[0])
            return [
                {key: cell or "" for key, cell in row.items() if key is not None} for row in reader
            ]
    except (UnicodeDecodeError, csv.Error):
        raise InputRejected("dataset.table_damaged", file=path.name) from None


def column(rows: Sequence[dict[str, str]], key: str) -> NDArray[np.str_]:
    """One column as strings."""
    return np.array([row[key] for row in rows], dtype=np.str_)


def numbers(column_: NDArray[np.str_]) -> NDArray[np.float64]:
    """A column of numbers; an empty cell is NaN."""
    return np.array([float(cell) if cell else np.nan for cell in column_], np.float64)
