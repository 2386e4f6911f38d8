"""Headers of compressed pictures, compared with the DICOM header before a decoder sees them.

References
----------
ITU-T T.81 B.2.2 (JPEG frame header), T.87 C.2.2 (JPEG-LS), T.800 A.5.1 (JPEG 2000 SIZ),
DICOM PS3.5 annex G (RLE).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from qiangji_datasets.errors import InputRejected

_RLE_UID: Final = "1.2.840.10008.1.2.5"
#: SOF0-15 without DHT (C4), JPG (C8), DAC (CC), and SOF55 of JPEG-LS.
_FRAME_MARKERS: Final = frozenset(
    (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
)
_STANDALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
#: A tile header costs memory; no device cuts one film into more.
_MOST_TILES: Final = 4096
_MOST_BITS: Final = 16


@dataclass(frozen=True)
class PictureSize:
    """What a compressed picture says about itself."""

    rows: int
    columns: int
    samples: int
    bits: int


def check_codestream(
    frame: bytes, transfer_syntax: str, rows: int, columns: int, samples: int
) -> None:
    """Refuse a compressed picture whose own header contradicts the DICOM header.

    Raises
    ------
    InputRejected
        The stream has no readable header, or another size, or too many bits.
    """
    if transfer_syntax == _RLE_UID:
        _check_rle(frame, rows, columns)
        return
    size = picture_size(frame)
    if (size.rows, size.columns) != (rows, columns) or size.samples != samples:
        raise InputRejected(
            "film.stream_size", rows=rows, columns=columns,
            stream_rows=size.rows, stream_columns=size.columns,
        )  # fmt: skip
    if not 1 <= size.bits <= _MOST_BITS:
        raise InputRejected("film.bits_stored", bits=size.bits)


def picture_size(stream: bytes) -> PictureSize:
    """Size from the header of a JPEG, JPEG-LS or JPEG 2000 stream.

    Raises
    ------
    InputRejected
        There is no such header.
    """
    if stream[:4] == b"\xff\x4f\xff\x51":
        return _siz(stream, 4)
    if stream[4:8] == b"jP  ":
        start = stream.find(b"\xff\x4f\xff\x51")
        if start >= 0:
            return _siz(stream, start + 4)
    if stream[:2] == b"\xff\xd8":
        return _frame_header(stream)
    raise InputRejected("film.stream_header")


def _siz(stream: bytes, start: int) -> PictureSize:
    if len(stream) < start + 39:
        raise InputRejected("film.stream_header")
    _, _, x1, y1, x0, y0, tile_x, tile_y, _, _, samples = struct.unpack_from(
        ">HHIIIIIIIIH", stream, start
    )
    columns, rows = x1 - x0, y1 - y0
    if columns < 1 or rows < 1 or not tile_x or not tile_y or not samples:
        raise InputRejected("film.stream_header")
    if -(-columns // tile_x) * -(-rows // tile_y) > _MOST_TILES:
        raise InputRejected("film.stream_header")
    return PictureSize(rows, columns, samples, (stream[start + 38] & 0x7F) + 1)


def _frame_header(stream: bytes) -> PictureSize:
    position = 2
    while position + 4 <= len(stream):
        if stream[position] != 0xFF:
            break
        marker = stream[position + 1]
        if marker == 0xFF or marker in _STANDALONE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME_MARKERS and position + 10 <= len(stream):
            bits, rows, columns, samples = struct.unpack_from(">BHHB", stream, position + 4)
            return PictureSize(rows, columns, samples, bits)
        position += 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
    raise InputRejected("film.stream_header")


def _check_rle(frame: bytes, rows: int, columns: int) -> None:
    """Segment offsets in order and inside; enough bytes that the picture can be in them."""
    if len(frame) < 64:
        raise InputRejected("film.stream_header")
    count, *offsets = struct.unpack_from("<16I", frame)
    used = offsets[:count]
    ordered = used == sorted(set(used))
    if not 1 <= count <= 15 or not ordered or used[0] != 64 or used[-1] >= len(frame):
        raise InputRejected("film.stream_header")
    # A packet of two bytes holds 128 at most.
    if (len(frame) - 64) * 64 < rows * columns:
        raise InputRejected("film.pixels_short", expected=rows * columns, actual=len(frame))
