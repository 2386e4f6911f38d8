"""Typed access to the elements of one data set, with faults named by DICOM keyword."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.charset import CharacterSet, Decoded
from qiangji_datasets.formats.dicom_elements import Element, Elements
from qiangji_datasets.formats.dicom_tags import IMPLIED_VR, Tag
from qiangji_datasets.records import NameStatus, Notice, Severity

_NUMBERS: Final = {
    "US": ("H", 2), "SS": ("h", 2), "UL": ("I", 4), "SL": ("i", 4), "UV": ("Q", 8),
    "SV": ("q", 8), "FL": ("f", 4), "FD": ("d", 8),
}  # fmt: skip
_UID: Final = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*")
#: PS3.5 section 9.1.
UID_LENGTH: Final = 64
_TIME: Final = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?")


@dataclass
class Notices:
    """Notices collected while one file is read, each code and value once."""

    found: list[Notice] = field(default_factory=list)

    def warn(self, code: str, **params: str | int | float) -> None:
        """Add a warning."""
        self.add(Notice(code, Severity.WARN, params))

    def inform(self, code: str, **params: str | int | float) -> None:
        """Add a remark that needs no act."""
        self.add(Notice(code, Severity.INFO, params))

    def add(self, notice: Notice) -> None:
        """Add a notice unless the same one is there."""
        if notice not in self.found:
            self.found.append(notice)


@dataclass(frozen=True)
class DataSet:
    """One data set or sequence item.

    Parameters
    ----------
    elements
        Elements by tag.
    charset
        Character sets in force.
    notices
        Where doubtful values are reported.
    """

    elements: Elements
    charset: CharacterSet
    notices: Notices

    def __contains__(self, tag: Tag) -> bool:
        return tag in self.elements

    def raw(self, tag: Tag) -> bytes:
        """Bytes of an element; empty when it is missing."""
        element = self.elements.get(tag)
        return b"" if element is None else bytes(element.value)

    def element(self, tag: Tag) -> Element | None:
        """The element itself, or None."""
        return self.elements.get(tag)

    def items(self, tag: Tag) -> tuple[DataSet, ...]:
        """Items of a sequence; empty when it is missing."""
        element = self.elements.get(tag)
        if element is None or element.items is None:
            return ()
        return tuple(DataSet(item, self.charset, self.notices) for item in element.items)

    def code(self, tag: Tag) -> str:
        """First value of a coded string in the default repertoire, upper case, trimmed."""
        values = self.codes(tag)
        return values[0] if values else ""

    def codes(self, tag: Tag) -> tuple[str, ...]:
        """All values of a coded string, upper case."""
        text = self.raw(tag).decode("ascii", "replace").strip("\x00 ")
        return tuple(part.strip().upper() for part in text.split("\\")) if text else ()

    def decoded(self, tag: Tag) -> Decoded:
        """Text with its trust."""
        decoded = self.charset.decode(self.raw(tag))
        return Decoded(decoded.text.strip(" \x00"), decoded.status)

    def text(self, tag: Tag) -> str:
        """Text for display; empty, with a warning, when its character set is not recognised."""
        decoded = self.decoded(tag)
        if decoded.status in (NameStatus.UNRECOGNISED, NameStatus.GUESSED):
            code = "dicom.text_unrecognised"
            if decoded.status is NameStatus.GUESSED:
                code = "dicom.text_guessed"
            self.notices.warn(code, element=tag.name)
        return decoded.text

    def uid(self, tag: Tag) -> str:
        """A unique identifier, checked; empty when missing.

        Raises
        ------
        InputRejected
            Longer than 64 characters, or not digits and dots: it may be used in file paths.
        """
        value = self.raw(tag).decode("latin_1").strip("\x00 ")
        if not value:
            return ""
        if len(value) > UID_LENGTH:
            raise InputRejected("dicom.uid_too_long", element=tag.name, length=len(value))
        if not re.fullmatch(r"[\d.]+", value):
            raise InputRejected("dicom.uid_invalid", element=tag.name)
        if not _UID.fullmatch(value):
            self.notices.warn("dicom.uid_form", element=tag.name)
        return value

    def numbers(self, tag: Tag) -> tuple[float, ...]:
        """All values of a numeric element, binary or text; empty when missing.

        Raises
        ------
        InputRejected
            A value is not a finite number.
        """
        element = self.elements.get(tag)
        if element is None or not element.value:
            return ()
        vr = element.vr if element.vr in _NUMBERS else ""
        if element.vr in ("", "UN", "OB", "OW"):
            vr = IMPLIED_VR.get(tag, "")
        return _binary(element, vr, tag) if vr else _textual(element, tag)

    def number(self, tag: Tag) -> float | None:
        """First value of a numeric element, or None."""
        values = self.numbers(tag)
        return values[0] if values else None

    def integer(self, tag: Tag) -> int | None:
        """First value as an integer, or None.

        Raises
        ------
        InputRejected
            The value is not a whole number.
        """
        value = self.number(tag)
        if value is None:
            return None
        if value != int(value):
            raise InputRejected("dicom.value_invalid", element=tag.name)
        return int(value)

    def optional_numbers(self, tag: Tag) -> tuple[float, ...]:
        """Like ``numbers``, but a malformed value only warns and counts as missing."""
        try:
            return self.numbers(tag)
        except InputRejected:
            self.notices.warn("dicom.value_ignored", element=tag.name)
            return ()

    def day(self, tag: Tag) -> date | None:
        """A date, or None when missing or, with a warning, malformed."""
        text = self.code(tag)
        if not text:
            return None
        digits = text.replace(".", "").replace("-", "")
        try:
            return datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            self.notices.warn("dicom.value_ignored", element=tag.name)
            return None


def _binary(element: Element, vr: str, tag: Tag) -> tuple[float, ...]:
    letter, size = _NUMBERS[vr]
    count, rest = divmod(len(element.value), size)
    if rest or count > 1024:
        raise InputRejected("dicom.value_invalid", element=tag.name)
    order = ">" if element.is_big_endian else "<"
    return _finite(struct.unpack(f"{order}{count}{letter}", element.value), tag)


def _textual(element: Element, tag: Tag) -> tuple[float, ...]:
    text = bytes(element.value[:4096]).decode("ascii", "replace").strip("\x00 ")
    if not text:
        return ()
    try:
        return _finite(tuple(float(part) for part in text.split("\\") if part.strip()), tag)
    except ValueError:
        raise InputRejected("dicom.value_invalid", element=tag.name) from None


def _finite(values: tuple[float, ...], tag: Tag) -> tuple[float, ...]:
    if not all(math.isfinite(value) for value in values):
        raise InputRejected("dicom.value_invalid", element=tag.name)
    return values


def moment(day: date | None, clock: str, zone: str) -> datetime | None:
    """Put a date, a TM value and an offset (``+0800``) together; naive without an offset."""
    match = _TIME.match(clock)
    if day is None:
        return None
    hour, minute, second, fraction = match.groups() if match else (None,) * 4
    try:
        found = datetime(  # noqa: DTZ001 - the device's own clock, naive unless it names an offset
            day.year, day.month, day.day, int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )  # fmt: skip
    except ValueError:
        return None
    offset = re.fullmatch(r"([+-])(\d{2})(\d{2})", zone)
    if offset is None:
        return found
    span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    if span > timedelta(hours=14):
        return found
    return found.replace(tzinfo=timezone(-span if offset[1] == "-" else span))
