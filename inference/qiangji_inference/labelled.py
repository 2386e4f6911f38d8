"""A site's own labelled folder: a CSV with a file and truth in every row."""

from __future__ import annotations

import csv
import io
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import Stated
from qiangji_datasets.records import Modality, Sex, View

Row = Mapping[str, str]

_TRUE: Final = frozenset({"1", "1.0", "true", "yes", "是"})
_FALSE: Final = frozenset({"0", "0.0", "false", "no", "否"})
#: Not stated: empty, not a number, or CheXpert's -1 ("uncertain").
_UNSTATED: Final = frozenset({"", "nan", "na", "-1", "-1.0"})
_SEXES: Final = {"m": Sex.M, "male": Sex.M, "男": Sex.M, "f": Sex.F, "female": Sex.F, "女": Sex.F}
_COMPARED: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION: Final = re.compile(r"(?P<column>.+?)(?P<operator>!=|>=|<=|=|>|<)(?P<value>.*)")


@dataclass(frozen=True)
class Target:
    """Which column holds the truth of a label.

    Without ``codes`` the cell is 1 or 0. With codes it is a list separated by ``|`` and the
    label is present when it holds one of them. An empty cell is "not stated" in both.
    """

    label: str
    column: str
    codes: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``LABEL=COLUMN`` or ``LABEL=COLUMN~CODE|CODE``.

        Raises
        ------
        InputRejected
            The text has another form.
        """
        label, _, rest = text.partition("=")
        column, tilde, codes = rest.partition("~")
        wanted = frozenset(code for code in codes.split("|") if code)
        if not label or not column or (tilde and not wanted):
            raise InputRejected("evaluate.target_form", text=text)
        return cls(label, column, wanted)

    def truth(self, row: Row) -> float:
        """1, 0 or NaN (not stated).

        Raises
        ------
        InputRejected
            The cell holds something else.
        """
        cell = row[self.column].strip()
        if cell.lower() in _UNSTATED:
            return math.nan
        if self.codes:
            return float(not self.codes.isdisjoint(part.strip() for part in cell.split("|")))
        if cell.lower() not in _TRUE | _FALSE:
            raise InputRejected("evaluate.truth_unclear", column=self.column, value=cell)
        return float(cell.lower() in _TRUE)


@dataclass(frozen=True)
class Where:
    """A condition on a column; ``=`` and ``!=`` compare text, the others numbers."""

    column: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``COL=VALUE``, ``COL!=VALUE``, ``COL>=N``, ``COL<=N``, ``COL>N`` or ``COL<N``.

        Raises
        ------
        InputRejected
            The text has another form, or a number is missing.
        """
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise InputRejected("evaluate.where_form", text=text)
        where = cls(found["column"].strip(), found["operator"], found["value"].strip())
        if where.operator in _COMPARED and _number(where.value) is None:
            raise InputRejected("evaluate.where_form", text=text)
        return where

    def holds(self, row: Row) -> bool:
        """True when the row meets the condition; an empty or wordy cell meets no comparison."""
        cell = row[self.column].strip()
        if self.operator in ("=", "!="):
            return (cell == self.value) == (self.operator == "=")
        left, right = _number(cell), _number(self.value)
        if left is None or right is None:
            return False
        return _COMPARED[self.operator](left, right)


@dataclass(frozen=True)
class Columns:
    """Where a row says what; empty means that the CSV has no such column.

    ``file`` names the column with the path; ``template`` builds it instead, for example
    ``data/{record_id}``. ``group`` is the patient; ``kept`` are further columns to divide by.
    """

    file: str = ""
    template: str = ""
    age: str = ""
    sex: str = ""
    view: str = ""
    group: str = ""
    site: str = ""
    kept: tuple[str, ...] = ()

    def named(self) -> tuple[str, ...]:
        """The plain column names given."""
        single = (self.file, self.age, self.sex, self.view, self.group, self.site)
        return (*(column for column in single if column), *self.kept)


@dataclass(frozen=True)
class Labelled:
    """One recording with its truth.

    ``truth`` maps label id to 1, 0 or NaN; ``patient`` is empty without a group column, ``site``
    without a site; ``kept`` maps further columns to their cells. ``line`` is the row's number in
    its table, the header being 1: what a report names instead of a file or a person.
    """

    path: Path
    truth: Mapping[str, float]
    stated: Stated
    patient: str = ""
    site: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True)
class LabelledSet:
    """What to read of a CSV; ``site`` names all its rows where no column does.

    ``pixel_um`` is the side of a pixel on the glass, for pictures of cells that do not say it.
    """

    table: Path
    root: Path
    columns: Columns
    targets: Sequence[Target]
    where: Sequence[Where] = field(default_factory=tuple)
    site: str = ""
    pixel_um: float | None = None


def read_labelled(wanted: LabelledSet, modality: Modality) -> list[Labelled]:
    """Rows of the table that meet all conditions.

    Parameters
    ----------
    wanted
        Table, columns, targets and conditions.
    modality
        Stated for files that do not say it themselves (PNG, JPEG).

    Raises
    ------
    InputRejected
        The table cannot be read, a named column is missing, or a truth is not 1, 0 or empty.
    """
    rows = _rows(wanted.table)
    columns = wanted.columns
    named = (
        *columns.named(),
        *(t.column for t in wanted.targets),
        *(w.column for w in wanted.where),
    )
    for name in named:
        if rows and name not in rows[0]:
            raise InputRejected("evaluate.column_missing", column=name, table=wanted.table.name)
    return [
        Labelled(
            path=_path(wanted.root, columns, row),
            truth={target.label: target.truth(row) for target in wanted.targets},
            stated=replace(_stated(columns, row, modality), pixel_um=wanted.pixel_um),
            patient=_cell(row, columns.group),
            site=_cell(row, columns.site) or wanted.site,
            kept={column: _cell(row, column) for column in columns.kept},
            line=number,
        )
        for number, row in enumerate(rows, start=2)
        if all(where.holds(row) for where in wanted.where)
    ]


def _cell(row: Row, column: str) -> str:
    """What a row says in a column; empty without a column."""
    return row[column].strip() if column else ""


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        content = table.read_bytes()
    except OSError as error:
        raise InputRejected("evaluate.table_unreadable", table=table.name) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", errors="replace")  # what Excel writes in China
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    return [{key: value for key, value in row.items() if key is not None} for row in reader]


def _path(root: Path, columns: Columns, row: Row) -> Path:
    if columns.template:
        try:
            return root / columns.template.format_map(row)
        except (KeyError, ValueError, IndexError) as error:
            raise InputRejected("evaluate.template_form", text=columns.template) from error
    return root / row[columns.file].strip()


def _stated(columns: Columns, row: Row, modality: Modality) -> Stated:
    return Stated(
        modality=modality,
        age_years=_number(row[columns.age]) if columns.age else None,
        sex=_SEXES.get(row[columns.sex].strip().lower()) if columns.sex else None,
        view=_view(row[columns.view].strip().upper()) if columns.view else None,
    )


def _view(text: str) -> View:
    return View(text) if text in set(View) else View.UNKNOWN


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
