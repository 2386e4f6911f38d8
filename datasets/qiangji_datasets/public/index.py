"""What a reader of a whole set gives: one light row a recording, loaded one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Row:
    """One recording, not yet read.

    Parameters
    ----------
    id
        Unique within the set.
    group
        Patient, or the closest to one that the publisher tells.
    file
        Path inside the set's folder, with forward slashes.
    present
        Labels that the publisher says are there.
    not_stated
        Labels about which the publisher says nothing; every other label is stated as absent.
    likelihood
        Percent, for labels to which the publisher gives one.
    facts
        Further columns as published (age, sex, view, split …); empty strings where missing.
    """

    id: str
    group: str
    file: str
    present: frozenset[str]
    not_stated: frozenset[str] = frozenset()
    likelihood: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Index(Generic[T_co]):
    """A set, or a part of one, in the publisher's own labels.

    Parameters
    ----------
    name
        Name of the set, as in ``qiangji data list``.
    labels
        Vocabulary of the set, in the order of the columns of ``targets``.
    rows
        One a recording; every one has the fact ``split``.
    load
        Reads the recording of a row; never called while indexing.
    left_out
        Ids that the publisher lists and that cannot be used, as the card explains.

    Raises
    ------
    InputRejected
        A row carries a label outside the vocabulary, or two rows one id.
    """

    name: str
    labels: tuple[str, ...]
    rows: tuple[Row, ...]
    load: Callable[[Row], T_co]
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known, ids = frozenset(self.labels), set[str]()
        for row in self.rows:
            unknown = (row.present | row.not_stated) - known
            if unknown:
                raise InputRejected("dataset.label_unknown", dataset=self.name, label=min(unknown))
            if row.id in ids:
                raise InputRejected("dataset.id_twice", dataset=self.name, id=row.id)
            ids.add(row.id)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def targets(self) -> NDArray[np.float32]:
        """(n, labels): 1 present, 0 stated as absent, NaN not stated."""
        found = np.zeros((len(self.rows), len(self.labels)), np.float32)
        columns = {name: column for column, name in enumerate(self.labels)}
        for place, row in enumerate(self.rows):
            found[place, [columns[name] for name in row.not_stated]] = np.nan
            found[place, [columns[name] for name in row.present]] = 1
        return found

    @property
    def ids(self) -> NDArray[np.str_]:
        """Identifier of each row."""
        return np.array([row.id for row in self.rows], np.str_)

    @property
    def groups(self) -> NDArray[np.str_]:
        """Patient of each row."""
        return np.array([row.group for row in self.rows], np.str_)

    def fact(self, name: str) -> NDArray[np.str_]:
        """One column of facts, an empty string where a row lacks it."""
        return np.array([row.facts.get(name, "") for row in self.rows], np.str_)

    def record(self, place: int) -> T_co:
        """Read the recording of the row at this place."""
        return self.load(self.rows[place])

    def where(self, kept: NDArray[np.bool_]) -> Index[T_co]:
        """The rows for which ``kept`` is true, in order."""
        rows = tuple(row for row, wanted in zip(self.rows, kept, strict=True) if wanted)
        return replace(self, rows=rows)

    def part(self, split: str) -> Index[T_co]:
        """The rows of one side of the split."""
        return self.where(self.fact("split") == split)

    def mapped(self, label_map: Mapping[str, Sequence[str]]) -> Index[T_co]:
        """The same rows in other labels, each the union of some of the present ones.

        Parameters
        ----------
        label_map
            New label to the labels of this set of which any one means "present". Where none is
            present and one is not stated, the new label is not stated.

        Raises
        ------
        InputRejected
            The map names a label that the set does not have.
        """
        unknown = {name for names in label_map.values() for name in names} - set(self.labels)
        if unknown:
            raise InputRejected("dataset.label_unknown", dataset=self.name, label=min(unknown))
        sources = {label: frozenset(names) for label, names in label_map.items()}
        rows = tuple(_mapped(row, sources) for row in self.rows)
        return replace(self, labels=tuple(sources), rows=rows)


def _mapped(row: Row, sources: Mapping[str, frozenset[str]]) -> Row:
    present = frozenset(label for label, names in sources.items() if names & row.present)
    unclear = frozenset(label for label, names in sources.items() if names & row.not_stated)
    return replace(row, present=present, not_stated=unclear - present, likelihood={})


def require(folder: Path, *names: str) -> None:
    """Refuse a folder in which a file or a sub-folder of the layout is missing.

    Raises
    ------
    InputRejected
        Names the first one missing.
    """
    for name in names:
        if not (folder / name).exists():
            raise InputRejected("dataset.missing", file=name)


def listed(folder: Path, pattern: str) -> list[Path]:
    """Files that match, in order.

    Raises
    ------
    InputRejected
        None matches.
    """
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not found:
        raise InputRejected("dataset.missing", file=pattern)
    return found


def with_split(rows: Iterable[Row], parts: Mapping[str, str]) -> tuple[Row, ...]:
    """Rows with the fact ``split`` looked up by group."""
    return tuple(replace(row, facts={**row.facts, "split": parts[row.group]}) for row in rows)
