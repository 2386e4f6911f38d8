"""Films from DICOM: facts, spacing, pixels, and refusals before decoding."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from support.dicom_builder import element, film, film_elements, part10, sequence

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import Limits, read
from qiangji_datasets.records import (
    NameStatus,
    Radiograph,
    Severity,
    Sex,
    SpacingKind,
    View,
    Window,
)


def _film(**changed: bytes) -> Radiograph:
    record = read(film(None, **changed))
    assert isinstance(record, Radiograph)
    return record


def _codes(record: Radiograph) -> set[str]:
    return {notice.code for notice in record.notices}


def _refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(InputRejected) as refused:
        read(data, limits=limits or Limits())
    return refused.value.code


def test_a_plain_film_is_read_with_all_facts_and_no_notice() -> None:
    found = _film()

    assert found.pixels.shape == (64, 48) and found.pixels.dtype == np.uint16
    assert found.pixels[1, 0] == 48 and not found.pixels.flags.writeable
    assert (found.view, found.body_part, found.modality_code) == (View.PA, "CHEST", "DX")
    assert found.windows == (Window(2048.0, 4096.0),)
    assert found.person.name == "张三" and found.person.name_alphabetic == "Zhang San"
    assert found.person.sex is Sex.F
    assert found.person.age_years == pytest.approx(56.0, abs=0.01)
    assert str(found.ids.acquired_at) == "2026-01-01 08:09:10"
    assert found.notices == ()


@pytest.mark.parametrize(
    ("age", "years"),
    [("055Y", 55), ("006M", 0.5), ("026W", 0.498), ("010D", 0.0274), ("55Y", 55)],
)
def test_age_is_read_in_every_unit(age: str, years: float) -> None:
    found = _film(t00101010=element(0x00101010, "AS", age), t00100030=b"")

    assert found.person.age_years == pytest.approx(years, rel=1e-2)


def test_age_000y_counts_as_missing() -> None:
    stated = element(0x00101010, "AS", "000Y")

    assert _film(t00101010=stated, t00100030=b"").person.age_years is None
    assert _film(t00101010=stated).person.age_years == pytest.approx(56.0, abs=0.01)


def test_an_age_that_contradicts_the_birth_date_is_noticed() -> None:
    found = _film(t00101010=element(0x00101010, "AS", "020Y"))

    assert found.person.age_years == 20 and _codes(found) == {"dicom.age_differs"}


@pytest.mark.parametrize(
    ("pixel", "imager", "calibration", "kind"),
    [
        ("", "", "", SpacingKind.NONE),
        ("", "0.2\\0.2", "", SpacingKind.DETECTOR),
        ("0.2\\0.2", "0.2\\0.2", "", SpacingKind.DETECTOR),
        ("0.18\\0.18", "0.2\\0.2", "", SpacingKind.CALIBRATED),
        ("0.2\\0.2", "", "", SpacingKind.DETECTOR),
        ("0.2\\0.2", "", "GEOMETRY", SpacingKind.CALIBRATED),
    ],
)
def test_spacing_says_which_plane_its_millimetres_are_in(
    pixel: str, imager: str, calibration: str, kind: SpacingKind
) -> None:
    found = _film(
        t00280030=element(0x00280030, "DS", pixel) if pixel else b"",
        t00181164=element(0x00181164, "DS", imager) if imager else b"",
        t00280A02=element(0x00280A02, "CS", calibration) if calibration else b"",
    )

    assert found.spacing_kind is kind
    assert (found.spacing_mm is None) == (kind is SpacingKind.NONE)


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("L\\F", ("L", "F")),
        ("R\\FP", ("R", "FP")),
        ("L", None),
        ("L\\", None),
        ("X\\F", None),
        ("", None),
    ],
)
def test_patient_directions_are_kept_only_where_both_are_stated(
    stated: str, kept: tuple[str, str] | None
) -> None:
    found = _film(t00200020=element(0x00200020, "CS", stated) if stated else b"")

    assert found.patient_orientation == kept


def test_signed_twelve_bit_values_are_sign_extended_and_overlay_bits_cut() -> None:
    pixels = np.array([[0x0FFF, 0x0001], [0xF800, 0x07FF]], np.uint16)

    signed = read(film(pixels, t00280103=element(0x00280103, "US", 1)))
    unsigned = read(film(pixels))

    assert isinstance(signed, Radiograph) and isinstance(unsigned, Radiograph)
    assert signed.pixels.tolist() == [[-1, 1], [-2048, 2047]]
    assert unsigned.pixels.tolist() == [[0x0FFF, 1], [0x0800, 0x07FF]]


def test_lookup_tables_are_kept() -> None:
    item = element(0x00283002, "US", [4, 10, 16]) + element(0x00283006, "OW", b"\1\0\2\0\3\0\4\0")

    found = _film(t00283010=sequence(0x00283010, [item]), t00283000=sequence(0x00283000, [item]))

    for table in (found.voi_lut, found.modality_lut):
        assert table is not None and table[0] == 10 and table[1].tolist() == [1, 2, 3, 4]


def test_a_lookup_table_that_is_too_short_is_refused() -> None:
    item = element(0x00283002, "US", [400, 0, 16]) + element(0x00283006, "OW", b"\1\0")

    assert _refusal(film(t00283010=sequence(0x00283010, [item]))) == "film.lut"


def test_a_colour_picture_becomes_grey_with_a_warning() -> None:
    rgb = np.full((2, 2, 3), (255, 0, 0), np.uint8)
    found = _film(
        t00280002=element(0x00280002, "US", 3),
        t00280004=element(0x00280004, "CS", "RGB"),
        t00280006=element(0x00280006, "US", 0),
        t00280010=element(0x00280010, "US", 2),
        t00280011=element(0x00280011, "US", 2),
        t00280100=element(0x00280100, "US", 8),
        t00280101=element(0x00280101, "US", 8),
        t00280102=element(0x00280102, "US", 7),
        t7FE00010=element(0x7FE00010, "OB", rgb.tobytes()),
    )

    assert found.pixels.tolist() == [[76, 76], [76, 76]]
    assert _codes(found) == {"film.colour"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"t00280010": element(0x00280010, "US", 65535)}, "film.too_large"),
        ({"t00280008": element(0x00280008, "IS", "2147483647")}, "film.several_frames"),
        ({"t00280100": element(0x00280100, "US", 32)}, "film.bits_allocated"),
        ({"t00280101": element(0x00280101, "US", 17)}, "film.bits_stored"),
        ({"t00280102": element(0x00280102, "US", 3)}, "film.high_bit"),
        ({"t00280002": element(0x00280002, "US", 255)}, "film.samples_per_pixel"),
        ({"t00280004": element(0x00280004, "CS", "PALETTE COLOR")}, "film.palette"),
        ({"t00280010": b""}, "dicom.element_missing"),
        ({"t7FE00010": b""}, "film.no_pixels"),
        ({"t7FE00010": element(0x7FE00010, "OW", b"12")}, "film.pixels_short"),
        ({"t00281053": element(0x00281053, "DS", "0")}, "film.rescale_slope"),
        ({"t00281053": element(0x00281053, "DS", "nan")}, "dicom.value_invalid"),
        ({"t0020000D": element(0x0020000D, "UI", "../../etc")}, "dicom.uid_invalid"),
        ({"t0020000D": element(0x0020000D, "UI", "1." * 40 + "1")}, "dicom.uid_too_long"),
        ({"t00080016": element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.88.11")},
         "dicom.kind_report"),
        ({"t00080016": element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.104.1")},
         "dicom.kind_document"),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_is_refused_before_decoding(
    changed: dict[str, bytes], code: str
) -> None:
    assert _refusal(film(None, **changed)) == code


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"t00100010": element(0x00100010, "PN", "<script>alert(1)</script>")},
         "dicom.text_suspicious"),
        ({"t00100020": element(0x00100020, "LO", "1'; DROP TABLE study;--")},
         "dicom.text_suspicious"),
        ({"t00100020": element(0x00100020, "LO", "@SUM(1)")}, "dicom.text_suspicious"),
        ({"t00080060": element(0x00080060, "CS", "CT")}, "dicom.modality_disagrees"),
        ({"t00100040": element(0x00100040, "CS", "X")}, "dicom.value_ignored"),
        ({"t00281051": element(0x00281051, "DS", "0")}, "film.window_ignored"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_read_with_a_warning(changed: dict[str, bytes], code: str) -> None:
    found = _film(**changed)

    assert code in {n.code for n in found.notices if n.severity is Severity.WARN}


def test_a_name_that_cannot_be_decoded_is_empty_and_said_so() -> None:
    found = _film(t00100010=element(0x00100010, "PN", b"\xff\xfe\x81\x00"))

    assert found.person.name == "" and found.person.name_status is NameStatus.UNRECOGNISED
    assert "dicom.name_unrecognised" in _codes(found)


def test_a_name_under_a_misspelt_set_is_right_but_marked_as_guessed() -> None:
    found = _film(
        t00080005=element(0x00080005, "CS", "GB2312"),
        t00100010=element(0x00100010, "PN", "张^三".encode("gbk")),
    )

    assert (found.person.name, found.person.name_status) == ("张三", NameStatus.GUESSED)
    assert _codes(found) == {"dicom.charset_term", "dicom.name_guessed"}


def test_nested_sequences_are_bounded_without_recursion() -> None:
    def nested(depth: int) -> bytes:
        opening = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF)
        opening += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
        closing = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        return opening * depth + closing * depth

    assert _film(t0040A730=nested(60)).pixels.shape == (64, 48)
    assert _refusal(film(t0040A730=nested(20000))) == "dicom.too_deep"


def test_a_deflated_data_set_never_inflates_beyond_the_limit() -> None:
    plain = part10(film_elements(np.zeros((64, 48), np.uint16)), "1.2.840.10008.1.2.1.99")
    start = plain.index(b"\x08\x00\x05\x00")
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = plain[:start] + packed.compress(plain[start:]) + packed.flush()

    assert isinstance(read(data), Radiograph)
    assert _refusal(data, Limits(inflated_bytes=1000)) == "dicom.inflates_too_much"
    assert _refusal(data[:-4]) == "dicom.deflate_damaged"


def test_too_large_a_file_is_refused_unread() -> None:
    assert _refusal(film(), Limits(file_bytes=100)) == "file.too_large"


def test_padding_behind_the_pixels_is_named_not_obeyed() -> None:
    found = read(film() + b"\x01\x02\x03\x04\x05")

    assert isinstance(found, Radiograph) and _codes(found) == {"dicom.trailing_bytes"}


def test_a_patient_id_that_comes_twice_with_two_values_is_refused() -> None:
    twice = element(0x00100020, "LO", "P1") + element(0x00100020, "LO", "P2")

    assert _refusal(film(t00100020=twice)) == "dicom.element_twice"


def test_a_jpeg2000_header_that_disagrees_is_refused_before_the_decoder() -> None:
    siz = struct.pack(">HHIIIIIIIIH", 49, 0, 2**31 - 1, 2**31 - 1, 0, 0, 64, 64, 0, 0, 1)
    stream = b"\xff\x4f\xff\x51" + siz + b"\x0b\x01\x01" + b"\xff\xd9"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, len(stream))
    pixels = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + item + stream
    pixels += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    elements = film_elements(np.zeros((64, 48), np.uint16)) | {0x7FE00010: pixels}

    assert _refusal(part10(elements, "1.2.840.10008.1.2.4.90")) in (
        "film.stream_size",
        "film.stream_header",
    )
