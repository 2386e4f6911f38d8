"""A DICOM file opened: preamble, file meta, transfer syntax, inflation; then its elements."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.charset import CharacterSet
from qiangji_datasets.formats.dicom_elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Syntax,
    walk,
)
from qiangji_datasets.formats.dicom_tags import Tag
from qiangji_datasets.formats.dicom_values import DataSet, Notices
from qiangji_datasets.formats.limits import Limits
from qiangji_datasets.formats.sniffing import is_bare_data_set

_PREAMBLE: Final = 128
_IMPLICIT_UID: Final = "1.2.840.10008.1.2"
_DEFLATED_UID: Final = "1.2.840.10008.1.2.1.99"
_BIG_UID: Final = "1.2.840.10008.1.2.2"
_SYNTAXES: Final = {
    _IMPLICIT_UID: IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.1": EXPLICIT_LITTLE,
    _BIG_UID: EXPLICIT_BIG,
    _DEFLATED_UID: EXPLICIT_LITTLE,
}
#: Transfer syntaxes of compressed pixel data all begin so (PS3.6 annex A).
_ENCAPSULATED: Final = ("1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.5")


@dataclass(frozen=True)
class DicomFile:
    """The elements of one file.

    Parameters
    ----------
    data_set
        Elements behind the file meta information.
    transfer_syntax
        UID; empty where the file does not say.
    sop_class
        UID of the data set, else of the file meta information, else empty.
    """

    data_set: DataSet
    transfer_syntax: str
    sop_class: str

    @property
    def is_encapsulated(self) -> bool:
        """True when pixel data are compressed in fragments."""
        return self.transfer_syntax.startswith(_ENCAPSULATED)


def open_dicom(data: bytes, limits: Limits) -> DicomFile:
    """Read the elements of a file in memory, pixel data left as they are.

    Raises
    ------
    InputRejected
        Not DICOM, cut off, damaged, nested or inflated beyond the limits, or in a transfer
        syntax that is not known.
    """
    notices = Notices()
    buffer = memoryview(data)
    start = _start(buffer, notices)
    meta, start = _meta(buffer, start, limits, notices)
    uid = meta.uid(Tag.TransferSyntaxUID)
    if uid == _DEFLATED_UID:
        buffer, start = memoryview(_inflate(buffer[start:], limits)), 0
    found = walk(buffer, _syntax(buffer, start, uid, notices), limits, start=start)
    if not found.elements:
        raise InputRejected("dicom.no_elements")
    if found.longest_text:
        notices.warn("dicom.text_too_long", bytes=found.longest_text)
    if found.trailing_bytes:
        notices.warn("dicom.trailing_bytes", bytes=found.trailing_bytes)
    bare = DataSet(found.elements, CharacterSet(), notices)
    charset = CharacterSet.declared(_charset_values(bare))
    if not charset.is_standard:
        notices.warn("dicom.charset_term")
    data_set = DataSet(found.elements, charset, notices)
    sop_class = data_set.uid(Tag.SOPClassUID) or meta.uid(Tag.MediaStorageSOPClassUID)
    return DicomFile(data_set, uid, sop_class)


def _charset_values(data_set: DataSet) -> tuple[str, ...]:
    text = data_set.raw(Tag.SpecificCharacterSet).decode("ascii", "replace").strip("\x00 ")
    return tuple(part.strip() for part in text.split("\\")) if text else ()


def _start(buffer: memoryview, notices: Notices) -> int:
    if bytes(buffer[_PREAMBLE : _PREAMBLE + 4]) == b"DICM":
        if bytes(buffer[:_PREAMBLE]).strip(b"\x00") and not _is_harmless(bytes(buffer[:4])):
            notices.warn("dicom.preamble_in_use")
        return _PREAMBLE + 4
    if not is_bare_data_set(bytes(buffer[:64])):
        raise InputRejected("dicom.not_dicom")
    notices.warn("dicom.no_preamble")
    return 0


def _is_harmless(head: bytes) -> bool:
    """True for the TIFF header that whole-slide files carry on purpose (PS3.10 7.1)."""
    return head in (b"II*\x00", b"MM\x00*")


def _meta(buffer: memoryview, start: int, limits: Limits, notices: Notices) -> tuple[DataSet, int]:
    """Read group 0002, always explicit little endian; returns it and where it ends."""
    if bytes(buffer[start : start + 2]) != b"\x02\x00":
        if len(buffer) - start < 8:
            raise InputRejected("dicom.no_elements")
        notices.warn("dicom.no_meta")
        return DataSet({}, CharacterSet(), notices), start
    found = walk(buffer, EXPLICIT_LITTLE, limits, start=start, group=0x0002)
    meta = DataSet(found.elements, CharacterSet(), notices)
    declared = meta.integer(Tag.FileMetaInformationGroupLength)
    if declared is not None and start + 12 + declared != found.end:
        notices.warn("dicom.meta_length")
    if not meta.raw(Tag.TransferSyntaxUID):
        notices.warn("dicom.no_transfer_syntax")
    return meta, found.end


def _syntax(buffer: memoryview, start: int, uid: str, notices: Notices) -> Syntax:
    seen = _seen_syntax(buffer, start)
    if not uid:
        return seen
    declared = _SYNTAXES.get(uid)
    if declared is None:
        if not uid.startswith(_ENCAPSULATED):
            raise InputRejected("dicom.transfer_syntax", uid=uid)
        declared = EXPLICIT_LITTLE
    if declared.is_implicit != seen.is_implicit and len(buffer) - start >= 8:
        notices.warn("dicom.vr_not_as_declared")
        return Syntax(seen.is_implicit, declared.is_big_endian)
    return declared


def _seen_syntax(buffer: memoryview, start: int) -> Syntax:
    head = bytes(buffer[start : start + 8])
    is_explicit = len(head) >= 6 and head[4:6].isalpha() and head[4:6].isupper()
    if not is_explicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if head[0] == 0 and head[1] else EXPLICIT_LITTLE


def _inflate(compressed: memoryview, limits: Limits) -> bytes:
    """Inflate a deflated data set, never beyond the limit."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = stream.decompress(compressed, limits.inflated_bytes)
    except zlib.error:
        raise InputRejected("dicom.deflate_damaged") from None
    if not stream.eof:
        if stream.unconsumed_tail or len(inflated) >= limits.inflated_bytes:
            raise InputRejected("dicom.inflates_too_much", limit=limits.inflated_bytes)
        raise InputRejected("dicom.deflate_damaged")
    return inflated
