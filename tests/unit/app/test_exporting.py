"""Tables as CSV and XLSX: what people typed is never run by a spreadsheet."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date

import pytest

from qiangji_app.exporting.tables import Table, guarded, to_csv, to_xlsx

DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|' /C calc'!A0", "=1"]
TABLE = Table(
    file_name="t",
    title="高血压",
    headings=["姓名", "=头"],
    rows=[[text, 3.5] for text in DANGEROUS] + [["演示,“某”", None], [date(2026, 3, 2), 7]],
)


@pytest.mark.parametrize("text", DANGEROUS)
def test_text_that_a_spreadsheet_would_run_is_made_text(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "演示某", "1-2", "a=b", "0000-1"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text


def test_csv_opens_in_a_spreadsheet_as_it_was_typed() -> None:
    data = to_csv(TABLE)

    assert data.startswith("\ufeff".encode())
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert rows[0] == ["姓名", "'=头"]
    assert all(row[0].startswith("'") for row in rows[1 : len(DANGEROUS) + 1])
    assert rows[-2] == ["演示,“某”", ""]
    assert rows[-1] == ["2026-03-02", "7"]


def test_xlsx_holds_text_and_numbers_and_no_formula() -> None:
    with zipfile.ZipFile(io.BytesIO(to_xlsx(TABLE))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()

    assert "<f>" not in sheet
    assert "<v>3.5</v>" in sheet
    assert "演示" in texts
    assert "2026-03-02" in texts
