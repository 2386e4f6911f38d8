"""Stored pixel values of a single-frame picture, every size checked before decoding.

References
----------
DICOM PS3.3 C.7.6.3 (Image Pixel module), PS3.5 8 and A.4.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.codestream import check_codestream
from qiangji_datasets.formats.dicom_elements import Element
from qiangji_datasets.formats.dicom_file import DicomFile
from qiangji_datasets.formats.dicom_tags import Tag
from qiangji_datasets.formats.dicom_values import DataSet
from qiangji_datasets.formats.limits import Limits

#: Stored values of a film.
StoredPixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int16]
_AnyPixels = NDArray[Any]  # Any: the number type is in the file, known at run time only

_MONOCHROME: Final = ("MONOCHROME1", "MONOCHROME2")
_COLOUR: Final = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
#: Luminance of RGB, ITU-R BT.601.
_LUMINANCE: Final = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class PixelFacts:
    """Checked attributes of the Image Pixel module."""

    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    planar: int

    @property
    def is_colour(self) -> bool:
        """True for three samples a pixel."""
        return self.samples == 3

    @property
    def native_bytes(self) -> int:
        """Bytes of uncompressed pixel data."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated // 8


def pixel_facts(data_set: DataSet, limits: Limits) -> PixelFacts:
    """Read and check the Image Pixel module.

    Raises
    ------
    InputRejected
        An attribute is missing, contradictory or beyond the limits, there are several frames,
        or the photometric interpretation cannot be a film's.
    """
    _pixel_element(data_set)
    photometric = data_set.code(Tag.PhotometricInterpretation)
    allocated = _required(data_set, Tag.BitsAllocated)
    stored = _or(data_set.integer(Tag.BitsStored), allocated)
    facts = PixelFacts(
        rows=_required(data_set, Tag.Rows),
        columns=_required(data_set, Tag.Columns),
        samples=_or(data_set.integer(Tag.SamplesPerPixel), 1),
        photometric=photometric,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=_or(data_set.integer(Tag.HighBit), stored - 1),
        is_signed=_or(data_set.integer(Tag.PixelRepresentation), 0) == 1,
        planar=_or(data_set.integer(Tag.PlanarConfiguration), 0),
    )
    _check_frames(data_set)
    _check_size(facts, limits)
    _check_bits(facts)
    _check_photometric(facts)
    return facts


def _required(data_set: DataSet, tag: Tag) -> int:
    value = data_set.integer(tag)
    if value is None:
        raise InputRejected("dicom.element_missing", element=tag.name)
    return value


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _check_frames(data_set: DataSet) -> None:
    frames = data_set.integer(Tag.NumberOfFrames)
    if frames is not None and frames > 1:
        raise InputRejected("film.several_frames", frames=frames)


def _check_size(facts: PixelFacts, limits: Limits) -> None:
    if facts.rows < 1 or facts.columns < 1:
        raise InputRejected("film.no_pixels")
    too_long = max(facts.rows, facts.columns) > limits.side
    if too_long or facts.rows * facts.columns > limits.pixels:
        raise InputRejected("film.too_large", rows=facts.rows, columns=facts.columns)


def _check_bits(facts: PixelFacts) -> None:
    if facts.bits_allocated not in (8, 16):
        raise InputRejected("film.bits_allocated", bits=facts.bits_allocated)
    if not 1 <= facts.bits_stored <= facts.bits_allocated:
        raise InputRejected("film.bits_stored", bits=facts.bits_stored)
    if not facts.bits_stored - 1 <= facts.high_bit < facts.bits_allocated:
        raise InputRejected("film.high_bit", bits=facts.high_bit)


def _check_photometric(facts: PixelFacts) -> None:
    if facts.photometric == "PALETTE COLOR":
        raise InputRejected("film.palette")
    if facts.photometric not in _MONOCHROME + _COLOUR:
        raise InputRejected("film.photometric")
    expected = 1 if facts.photometric in _MONOCHROME else 3
    if facts.samples != expected:
        raise InputRejected("film.samples_per_pixel", samples=facts.samples)


def stored_values(file: DicomFile, facts: PixelFacts) -> tuple[StoredPixels, int]:
    """Stored values (rows, columns) and their significant bits; colour becomes luminance.

    Raises
    ------
    InputRejected
        Pixel data are missing, too short, contradict the header, or cannot be decoded.
    """
    element = _pixel_element(file.data_set)
    if element.fragments is None:
        if file.is_encapsulated:
            raise InputRejected("film.not_encapsulated", uid=file.transfer_syntax)
        values = _native(element, facts, file.data_set)
    else:
        values = _compressed(element.fragments, file, facts)
    if facts.is_colour:
        file.data_set.notices.warn("film.colour", photometric=facts.photometric)
        return _luminance(values, facts), 8 if facts.bits_allocated == 8 else facts.bits_stored
    return _significant(values, facts), facts.bits_stored


def _pixel_element(data_set: DataSet) -> Element:
    element = data_set.element(Tag.PixelData)
    if element is None:
        is_float = Tag.FloatPixelData in data_set or Tag.DoubleFloatPixelData in data_set
        raise InputRejected("film.float_pixels" if is_float else "film.no_pixels")
    if element.fragments is None and not element.value:
        raise InputRejected("film.no_pixels")
    return element


def _native(element: Element, facts: PixelFacts, data_set: DataSet) -> _AnyPixels:
    """Uncompressed values, (rows, columns) or (rows, columns, 3)."""
    expected, actual = facts.native_bytes, len(element.value)
    if actual < expected:
        raise InputRejected("film.pixels_short", expected=expected, actual=actual)
    if actual > expected + expected % 2:
        data_set.notices.warn("film.pixels_long", expected=expected, actual=actual)
    letter = "u" if not facts.is_signed else "i"
    order = ">" if element.is_big_endian else "<"
    flat = np.frombuffer(element.value[:expected], f"{order}{letter}{facts.bits_allocated // 8}")
    if element.is_big_endian and facts.bits_allocated == 8 and element.vr == "OW":
        words = np.frombuffer(element.value[: expected + expected % 2], ">u2")
        flat = words.astype("<u2").view(f"{letter}1")[:expected]
    native = flat.astype(flat.dtype.newbyteorder("="), copy=False)
    return _shaped(native, facts)


def _shaped(flat: _AnyPixels, facts: PixelFacts) -> _AnyPixels:
    rows, columns = facts.rows, facts.columns
    if not facts.is_colour:
        return flat.reshape(rows, columns)
    if facts.photometric == "YBR_FULL_422":
        if columns % 2:
            raise InputRejected("film.photometric")
        return flat.reshape(rows, columns // 2, 4)[:, :, :2].reshape(rows, columns, 1)
    if facts.planar == 1:
        shaped = np.moveaxis(flat.reshape(3, rows, columns), 0, -1)
    else:
        shaped = flat.reshape(rows, columns, 3)
    return shaped[..., :1] if facts.photometric == "YBR_FULL" else shaped


def _compressed(fragments: list[memoryview], file: DicomFile, facts: PixelFacts) -> _AnyPixels:
    frame = _one_frame(fragments)
    check_codestream(frame, file.transfer_syntax, facts.rows, facts.columns, facts.samples)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        values = _decode(frame, file.transfer_syntax, facts)
    if said:
        file.data_set.notices.inform("film.decoder_warned", count=len(said))
    expected = (facts.rows, facts.columns) + ((3,) if facts.is_colour else ())
    if values.shape != expected or values.dtype.itemsize > 2:
        raise InputRejected("film.decoded_shape", shape=str(values.shape))
    return values


def _one_frame(fragments: list[memoryview]) -> bytes:
    """All fragments of the only frame, the offset table checked and left out."""
    table, parts = (fragments[0], fragments[1:]) if fragments else (memoryview(b""), [])
    if not parts or not any(parts):
        raise InputRejected("film.no_fragments")
    offsets = np.frombuffer(table[: len(table) // 4 * 4], "<u4")
    if len(table) % 4 or offsets.size > 1 or (offsets.size == 1 and offsets[0] != 0):
        raise InputRejected("film.offset_table")
    return b"".join(parts)


def _decode(frame: bytes, transfer_syntax: str, facts: PixelFacts) -> _AnyPixels:
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    options: dict[str, Any] = {  # Any: pydicom types its options as one TypedDict
        "rows": facts.rows,
        "columns": facts.columns,
        "number_of_frames": 1,
        "samples_per_pixel": facts.samples,
        "photometric_interpretation": facts.photometric,
        "bits_allocated": facts.bits_allocated,
        "bits_stored": facts.bits_stored,
        "pixel_representation": int(facts.is_signed),
        "planar_configuration": facts.planar,
        "pixel_keyword": "PixelData",
    }
    try:
        decoder = get_decoder(UID(transfer_syntax))
        values, _ = decoder.as_array(encapsulate([frame], has_bot=False), index=0, **options)
    except NotImplementedError:
        raise InputRejected("dicom.transfer_syntax", uid=transfer_syntax) from None
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, OSError) as fault:
        # What decoders written in C say about damaged streams has no common base.
        raise InputRejected("film.decode_failed", uid=transfer_syntax) from fault
    except BaseException as fault:
        # A panic of a decoder written in Rust (pylibjpeg-rle) is no Exception.
        if type(fault).__module__ != "pyo3_runtime":
            raise
        raise InputRejected("film.decode_failed", uid=transfer_syntax) from None
    return values


def _significant(values: _AnyPixels, facts: PixelFacts) -> _AnyPixels:
    """Bits Low Bit to High Bit only, sign extended; overlays in unused bits are cut away."""
    unused_above = facts.bits_allocated - 1 - facts.high_bit
    unused_below = facts.high_bit - facts.bits_stored + 1
    if facts.is_signed:
        if values.dtype.kind != "i":
            values = values.view(f"i{values.dtype.itemsize}")
        wide: NDArray[np.int16] = values.astype(np.int16, copy=False)
        up = 16 - facts.bits_allocated + unused_above
        down = up + unused_below
        if down == 0:
            return wide
        signed: _AnyPixels = (wide << up) >> down
        return signed
    if values.dtype.kind == "i":
        values = values.view(f"u{values.dtype.itemsize}")
    kind: type[np.uint8] | type[np.uint16] = np.uint8 if facts.bits_allocated == 8 else np.uint16
    plain: _AnyPixels = values.astype(kind, copy=False)
    if unused_above + unused_below == 0:
        return plain
    mask = (1 << facts.bits_stored) - 1
    if not unused_below and int(plain.max()) <= mask:
        return plain
    masked: _AnyPixels = (plain >> unused_below) & kind(mask)
    return masked


def _luminance(values: _AnyPixels, facts: PixelFacts) -> _AnyPixels:
    kind = np.uint8 if facts.bits_allocated == 8 else np.uint16
    if values.shape[-1] == 1:  # uncompressed YBR: the first sample is the luminance
        return values[..., 0].astype(kind)
    grey: _AnyPixels = np.rint(values[..., :3] @ np.array(_LUMINANCE))
    return grey.astype(kind)
