"""Small DICOM files for tests, written element by element so that any fault can be put in."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_LONG = ("OB", "OW", "SQ", "UN", "UT", "OD", "OF")
EXPLICIT = "1.2.840.10008.1.2.1"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
ECG12 = "1.2.840.10008.5.1.4.1.1.9.1.1"


def element(tag: int, vr: str, value: bytes | str | int | Sequence[int]) -> bytes:
    """One element, explicit VR little endian, padded to even length."""
    if isinstance(value, str):
        raw = value.encode("utf-8")
    elif isinstance(value, bytes):
        raw = value
    else:
        numbers = [value] if isinstance(value, int) else list(value)
        raw = struct.pack(f"<{len(numbers)}{'I' if vr == 'UL' else 'H'}", *numbers)
    raw += (b"\x00" if vr in ("UI", "OB", "OW", "UN") else b" ") * (len(raw) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in _LONG:
        return head + b"\x00\x00" + struct.pack("<I", len(raw)) + raw
    return head + struct.pack("<H", len(raw)) + raw


def sequence(tag: int, items: Sequence[bytes]) -> bytes:
    """A sequence of defined length."""
    body = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    return element(tag, "SQ", body)


def part10(elements: dict[int, bytes], transfer_syntax: str = EXPLICIT) -> bytes:
    """A file of elements keyed by tag, with preamble and file meta information."""
    meta = element(0x00020010, "UI", transfer_syntax)
    meta = element(0x00020000, "UL", len(meta)) + meta
    body = b"".join(elements[tag] for tag in sorted(elements) if elements[tag])
    return b"\x00" * 128 + b"DICM" + meta + body


def header(sop_class: str, modality: str) -> dict[int, bytes]:
    """Patient and study elements."""
    return {
        0x00080005: element(0x00080005, "CS", "ISO_IR 192"),
        0x00080016: element(0x00080016, "UI", sop_class),
        0x00080018: element(0x00080018, "UI", "2.25.7"),
        0x00080020: element(0x00080020, "DA", "20260101"),
        0x00080030: element(0x00080030, "TM", "080910"),
        0x00080060: element(0x00080060, "CS", modality),
        0x00100010: element(0x00100010, "PN", "Zhang^San=张^三"),
        0x00100020: element(0x00100020, "LO", "P1"),
        0x00100030: element(0x00100030, "DA", "19700101"),
        0x00100040: element(0x00100040, "CS", "F"),
        0x0020000D: element(0x0020000D, "UI", "2.25.8"),
        0x0020000E: element(0x0020000E, "UI", "2.25.9"),
    }


def film_elements(pixels: NDArray[np.uint16], bits_stored: int = 12) -> dict[int, bytes]:
    """Elements of an unsigned 16-bit film."""
    rows, columns = pixels.shape
    return header(DX, "DX") | {
        0x00180015: element(0x00180015, "CS", "CHEST"),
        0x00185101: element(0x00185101, "CS", "PA"),
        0x00280002: element(0x00280002, "US", 1),
        0x00280004: element(0x00280004, "CS", "MONOCHROME2"),
        0x00280010: element(0x00280010, "US", rows),
        0x00280011: element(0x00280011, "US", columns),
        0x00280100: element(0x00280100, "US", 16),
        0x00280101: element(0x00280101, "US", bits_stored),
        0x00280102: element(0x00280102, "US", bits_stored - 1),
        0x00280103: element(0x00280103, "US", 0),
        0x00281050: element(0x00281050, "DS", "2048"),
        0x00281051: element(0x00281051, "DS", "4096"),
        0x7FE00010: element(0x7FE00010, "OW", pixels.astype("<u2").tobytes()),
    }


def film(pixels: NDArray[np.uint16] | None = None, **changed: bytes) -> bytes:
    """A film file; ``t00281050=b""`` leaves an element out, other bytes replace it."""
    if pixels is None:
        pixels = (np.arange(64 * 48, dtype=np.uint16) % 4096).reshape(64, 48)
    return _file(film_elements(pixels), changed)


def _file(elements: dict[int, bytes], changed: dict[str, bytes]) -> bytes:
    for name, raw in changed.items():
        elements[int(name[1:], 16)] = raw
    return part10(elements)


def channel(
    lead: str,
    *,
    code: str = "",
    scheme: str = "MDC",
    sensitivity: str = "2.5",
    unit: str = "uV",
    extra: bytes = b"",
) -> bytes:
    """One channel definition item."""
    source = b""
    if code:
        source += element(0x00080100, "SH", code) + element(0x00080102, "SH", scheme)
    source += element(0x00080104, "LO", lead)
    units = element(0x00080100, "SH", unit) + element(0x00080102, "SH", "UCUM")
    return (
        sequence(0x003A0208, [source])
        + (element(0x003A0210, "DS", sensitivity) if sensitivity else b"")
        + (sequence(0x003A0211, [units]) if unit else b"")
        + extra
        + element(0x003A021A, "US", 16)
    )


def waveform_group(
    channels: Sequence[bytes],
    samples: NDArray[np.int16],
    *,
    rate_hz: str = "500",
    originality: str = "ORIGINAL",
    stated_samples: int | None = None,
) -> bytes:
    """One multiplex group; ``samples`` is (n, channels)."""
    count = len(samples) if stated_samples is None else stated_samples
    return (
        element(0x003A0004, "CS", originality)
        + element(0x003A0005, "US", len(channels))
        + element(0x003A0010, "UL", count)
        + element(0x003A001A, "DS", rate_hz)
        + sequence(0x003A0200, channels)
        + element(0x54001004, "US", 16)
        + element(0x54001006, "CS", "SS")
        + element(0x54001010, "OW", samples.astype("<i2").tobytes())
    )


def ecg(groups: Sequence[bytes], **changed: bytes) -> bytes:
    """A 12-lead ECG file of these groups."""
    elements = header(ECG12, "ECG") | {0x54000100: sequence(0x54000100, groups)}
    return _file(elements, changed)
