"""Which format a file is in, judged by its first bytes, never by its name."""

from __future__ import annotations

import re
import struct
from typing import Final

#: Enough bytes for every rule below.
HEAD_BYTES: Final = 4096

#: Formats with a reader here.
READABLE: Final = ("dicom", "wfdb", "csv", "png", "jpeg")
#: Pictures that may show a stained cell; a BMP is read as nothing else.
CELL_KINDS: Final = ("png", "jpeg", "bmp")
#: ECG formats that are recognised and refused by name.
KNOWN_ECG: Final = ("scp", "aecg", "muse", "philips", "edf", "contec")

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"%PDF-", "pdf"),
    (b"\xffBIOSEMI", "edf"),
)
_XML_ROOTS: Final = (
    ("annotatedecg", "aecg"),
    ("restingecgdata", "philips"),
    ("restingecg", "muse"),
)
_WFDB_LINE: Final = re.compile(rb"^[\w.\-]+(/\d+)? \d{1,4} [\d.]+(e[+-]?\d+)?([/( ].*)?$", re.I)
_CONTEC: Final = re.compile(rb"^\d{7}\x00{3}\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}:\d{2}\x00")


def sniff(head: bytes) -> str:
    """Name the format of a file from its first bytes.

    Parameters
    ----------
    head
        The first ``HEAD_BYTES`` of the file, or all of it when shorter.

    Returns
    -------
        One of ``READABLE`` or ``KNOWN_ECG``, or ``empty``, ``gzip``, ``zip``, ``bmp``, ``tiff``,
        ``pdf``, ``xml``, ``text``, ``unknown``.
    """
    if not head:
        return "empty"
    if head[128:132] == b"DICM":
        return "dicom"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return _sniff_structure(head[:HEAD_BYTES])


def _sniff_structure(head: bytes) -> str:
    if is_bare_data_set(head):
        return "dicom"
    if head[16:22] == b"SCPECG" or _is_scp_without_mark(head):
        return "scp"
    if re.match(rb"^0 {7}[\x20-\x7e]{80}", head) and len(head) >= 256:
        return "edf"
    if _CONTEC.match(head):
        return "contec"
    return _sniff_text(head)


def is_bare_data_set(head: bytes) -> bool:
    """True when the bytes begin with a plausible DICOM element of group 0002 or 0008."""
    little = head[:2] in (b"\x02\x00", b"\x08\x00")
    big = head[:2] == b"\x00\x08"
    if not (little or big) or len(head) < 12:
        return False
    if head[4:6] in (b"UL", b"OB", b"UI", b"CS", b"SH", b"DA", b"TM", b"LO", b"PN", b"DT"):
        return True
    element, length = struct.unpack("<HI" if little else ">HI", head[2:8])
    return bool(element <= 0x0100 and length <= 128)


def _is_scp_without_mark(head: bytes) -> bool:
    # Section 0 of EN 1064 right after the six bytes of CRC and length, "SCPECG" left out.
    return (
        len(head) >= 32
        and int.from_bytes(head[8:10], "little") == 0
        and 16 <= int.from_bytes(head[10:14], "little") <= 1024
        and head[22:24] == b"\x00\x00"
        and head[24:28] == head[10:14]
    )


def _sniff_text(head: bytes) -> str:
    text = _as_text(head)
    if text is None:
        return "unknown"
    stripped = text.lstrip("\ufeff \r\n\t")
    if stripped.startswith("<"):
        lowered = stripped.lower()
        for root, name in _XML_ROOTS:
            if re.search(rf"<(\w+:)?{root}\b", lowered):
                return name
        return "xml"
    if _is_wfdb_header(head):
        return "wfdb"
    return "csv" if _is_table(stripped) else "text"


def _as_text(head: bytes) -> str | None:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head[: len(head) // 2 * 2].decode("utf-16", "replace")
    if b"\x00" in head:
        return None
    return head.decode("utf-8", "replace")


def _is_wfdb_header(head: bytes) -> bool:
    for line in head.splitlines():
        if line.strip() and not line.startswith(b"#"):
            return _WFDB_LINE.match(line.strip()) is not None
    return False


def _is_table(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) < 2:
        return False
    separator = next((mark for mark in ("\t", ";", ",") if mark in lines[1]), "")
    if not separator:
        return False
    cells = [cell.strip() for cell in lines[1].split(separator)]
    numbers = [cell for cell in cells if re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", cell)]
    return len(numbers) >= 2 and len(numbers) + cells.count("") + 1 >= len(cells)
