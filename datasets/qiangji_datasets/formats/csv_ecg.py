"""A 12-lead recording from a table of numbers with a declared unit and rate.

The file may begin with comments; what they leave out a person states::

    # rate_hz: 500
    # unit: mV
    I,II,V1,V2,V3,V4,V5,V6
    0.012,0.034,…

References
----------
RFC 4180, with ``;`` and tab accepted as separators.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_values import Notices
from qiangji_datasets.formats.leads import assemble, lead_of_label
from qiangji_datasets.formats.limits import Limits, Stated
from qiangji_datasets.formats.units import millivolts_per
from qiangji_datasets.records import EcgRecord, PersonIdentity, Sex, StudyIds

_COMMENT: Final = re.compile(r"#\s*([\w ]+?)\s*[:=]\s*(.*\S)")
_TIME: Final = re.compile(
    r"(time|t|sec|seconds|ms|sample|index|时间|序号)(?![A-Za-z]).*", re.IGNORECASE
)
#: Names that comments give to the same fact.
_RATE_NAMES: Final = ("rate_hz", "rate", "fs", "sampling_rate", "sampling rate", "采样率")
_UNIT_NAMES: Final = ("unit", "units", "单位")
#: A time column may be off by this share of the stated rate (rounded milliseconds).
_RATE_TOLERANCE: Final = 0.02
_OLDEST_YEARS: Final = 130


@dataclass(frozen=True)
class _Table:
    """Comments, column names (empty strings when there is no header row), values (n, columns)."""

    comments: dict[str, str]
    names: tuple[str, ...]
    values: NDArray[np.float64]


def read_csv(data: bytes, stated: Stated, limits: Limits) -> EcgRecord:
    """Read a table; unit and rate come from its comments or from what a person stated.

    Raises
    ------
    InputRejected
        Unit, rate or leads are neither in the file nor stated, or both and different; a cell is
        no number; rows differ in length.
    """
    notices = Notices()
    table = _parse(_text(data), limits)
    rate_hz = _rate(table, stated)
    factor = _unit_factor(table, stated)
    names = table.names if any(map(lead_of_label, table.names)) else stated.leads
    leads = _leads(table, names, rate_hz, notices)
    twelve = assemble({name: signal * factor for name, signal in leads.items()}, notices)
    return EcgRecord(
        signal_mv=twelve.signal_mv,
        rate_hz=rate_hz,
        person=_person(table, stated),
        ids=StudyIds(),
        derived_leads=twelve.derived,
        source_kind="csv",
        notices=tuple(notices.found),
    )


def _text(data: bytes) -> str:
    for codec in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    raise InputRejected("csv.encoding")


def _parse(text: str, limits: Limits) -> _Table:
    comments: dict[str, str] = {}
    names: tuple[str, ...] = ()
    rows: list[list[float]] = []
    separator = ""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            match = _COMMENT.match(stripped)
            if match:
                comments.setdefault(match[1].strip().lower(), match[2])
            continue
        separator = separator or next((mark for mark in "\t;," if mark in stripped), ",")
        cells = line.strip("\r\n").split(separator)
        if not rows and not names and not _is_numeric(cells):
            names = tuple(cell.strip().strip('"') for cell in cells)
            continue
        if len(rows) >= limits.waveform_samples:
            raise InputRejected("ecg.too_long", samples=len(rows), limit=limits.waveform_samples)
        rows.append(_numbers(cells, number, len(rows[0]) if rows else len(names or cells)))
    if not rows:
        raise InputRejected("ecg.no_samples")
    return _Table(comments, names or ("",) * len(rows[0]), np.array(rows))


def _is_numeric(cells: list[str]) -> bool:
    return all(re.fullmatch(r"\s*([-+]?[\d.]+([eE][-+]?\d+)?|nan)?\s*", cell) for cell in cells)


def _numbers(cells: list[str], line: int, expected: int) -> list[float]:
    if len(cells) != expected:
        raise InputRejected("csv.columns", line=line, actual=len(cells), expected=expected)
    try:
        found = [float(cell) if cell.strip() else math.nan for cell in cells]
    except ValueError:
        raise InputRejected("csv.number", line=line) from None
    if any(math.isinf(value) for value in found):
        raise InputRejected("csv.number", line=line)
    return found


def _declared(table: _Table, names: tuple[str, ...]) -> str:
    return next((table.comments[name] for name in names if name in table.comments), "")


def _rate(table: _Table, stated: Stated) -> float:
    text = _declared(table, _RATE_NAMES)
    match = re.match(r"[\d.]+", text)
    try:
        in_file = float(match[0]) if match else None
    except ValueError:
        raise InputRejected("csv.no_rate") from None
    if in_file is not None and stated.rate_hz is not None and in_file != stated.rate_hz:
        raise InputRejected(
            "csv.stated_differs", field="rate_hz", in_file=in_file, stated=stated.rate_hz
        )
    rate_hz = in_file if in_file is not None else stated.rate_hz
    if rate_hz is None:
        raise InputRejected("csv.no_rate")
    if not 50 <= rate_hz <= 4000:
        raise InputRejected("ecg.rate", rate_hz=rate_hz)
    return rate_hz


def _unit_factor(table: _Table, stated: Stated) -> float:
    in_file = _declared(table, _UNIT_NAMES)
    if in_file and stated.unit and millivolts_per(in_file) != millivolts_per(stated.unit):
        raise InputRejected(
            "csv.stated_differs", field="unit", in_file=in_file[:20], stated=stated.unit
        )
    unit = in_file or stated.unit
    if not unit:
        raise InputRejected("csv.no_unit")
    factor = millivolts_per(unit)
    if factor is None:
        raise InputRejected("ecg.unit_unknown")
    return factor


def _leads(
    table: _Table, names: tuple[str, ...], rate_hz: float, notices: Notices
) -> dict[str, NDArray[np.float64]]:
    if len(names) != table.values.shape[1]:
        raise InputRejected("csv.no_leads")
    found: dict[str, NDArray[np.float64]] = {}
    ignored = 0
    for index, name in enumerate(names):
        column = table.values[:, index]
        lead = lead_of_label(re.sub(r"[\[(].*?[\])]", "", name))
        if lead in found:
            raise InputRejected("ecg.lead_twice", lead=lead)
        if lead:
            found[lead] = column
        elif _TIME.fullmatch(name):
            _check_time(name, column, rate_hz)
        else:
            ignored += 1
    if not found:
        raise InputRejected("csv.no_leads")
    if ignored:
        notices.warn("csv.column_ignored", count=ignored)
    return {lead: column for lead, column in found.items() if np.isfinite(column).any()}


def _check_time(name: str, column: NDArray[np.float64], rate_hz: float) -> None:
    """A column of seconds or milliseconds must run at the stated rate; a counter may not."""
    if len(column) < 2 or not re.match(r"time|t(?![a-z])|sec|ms|时间", name, re.IGNORECASE):
        return
    step = float(column[-1] - column[0]) / (len(column) - 1)
    if step <= 0 or not math.isfinite(step):
        return
    rates = (1 / step, 1000 / step)
    if all(abs(seen - rate_hz) > _RATE_TOLERANCE * rate_hz for seen in rates) and step != 1:
        seen_hz = min(rates, key=lambda seen: abs(seen - rate_hz))
        raise InputRejected("csv.time_column", seen_hz=round(seen_hz, 1), rate_hz=rate_hz)


def _person(table: _Table, stated: Stated) -> PersonIdentity:
    age = stated.age_years
    noted = table.comments.get("age", "") or table.comments.get("年龄", "")
    if re.fullmatch(r"\d{1,3}(\.\d+)?", noted) and 0 < float(noted) <= _OLDEST_YEARS:
        age = float(noted)
    word = (table.comments.get("sex", "") or table.comments.get("性别", "")).upper()
    known = {"M": Sex.M, "MALE": Sex.M, "男": Sex.M, "F": Sex.F, "FEMALE": Sex.F, "女": Sex.F}
    return PersonIdentity(
        patient_id=stated.patient_id, sex=known.get(word, stated.sex), age_years=age
    )
