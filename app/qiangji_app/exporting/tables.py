"""A table as CSV or XLSX; no cell is ever a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

Cell = str | int | float | date | None

#: A spreadsheet takes a cell that begins so for a formula (OWASP, CSV Injection); an apostrophe
#: before it makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "=", "+", "-", "@")
#: Excel reads UTF-8 only behind this mark.
_BOM: Final = "\ufeff"
_WIDTH: Final = 14


@dataclass(frozen=True)
class FileKind:
    """Ending and media type of a file."""

    ending: str
    media_type: str


CSV: Final = FileKind("csv", "text/csv; charset=utf-8")
XLSX: Final = FileKind("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")


@dataclass(frozen=True)
class Table:
    """Rows under headings; ``file_name`` has no ending and no name of a patient."""

    file_name: str
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def guarded(text: str) -> str:
    """The text so that no spreadsheet runs it."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _plain(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, date):
        return cell.isoformat()
    return guarded(cell) if isinstance(cell, str) else cell


def to_csv(table: Table) -> bytes:
    """UTF-8 with a mark, as Excel wants it; lines end as RFC 4180 says."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([guarded(text) for text in table.headings])
    writer.writerows([_plain(cell) for cell in row] for row in table.rows)
    return (_BOM + out.getvalue()).encode("utf-8")


def to_xlsx(table: Table) -> bytes:
    """One sheet; text is written as text, so nothing is taken for a formula or a link."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True, "text_wrap": True})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(0, len(table.headings) - 1), _WIDTH)
        for column, text in enumerate(table.headings):
            sheet.write_string(0, column, text, bold)
        for number, row in enumerate(table.rows, start=1):
            for column, cell in enumerate(row):
                if isinstance(cell, (int, float)):
                    sheet.write_number(number, column, cell)
                else:
                    sheet.write_string(number, column, str(_plain(cell)))
    return out.getvalue()
