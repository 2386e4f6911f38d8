"""PNG and JPEG with stated facts; formats told by content; every message has its texts."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.dicom_builder import film

import qiangji_datasets
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import Limits, Stated, read, read_path, sniff
from qiangji_datasets.messages import Catalogue
from qiangji_datasets.records import Modality, Radiograph, Severity, Sex, View

_CXR = Stated(modality=Modality.CXR, age_years=40, sex=Sex.M, view=View.PA)


def _encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def _grey(dtype: type[np.unsignedinteger]) -> np.ndarray:
    ramp: np.ndarray = np.arange(40 * 30) * 7 % int(np.iinfo(dtype).max)
    return ramp.reshape(40, 30).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_grey_png_is_read_at_full_depth_with_stated_facts(
    dtype: type[np.unsignedinteger],
) -> None:
    pixels = _grey(dtype)

    found = read(_encoded(pixels), stated=_CXR)

    assert isinstance(found, Radiograph)
    assert found.pixels.dtype == dtype and (found.pixels == pixels).all()
    assert found.person.age_years == 40 and found.view is View.PA
    assert all(notice.severity is Severity.INFO for notice in found.notices)


def test_grey_stored_as_colour_stays_grey_and_true_colour_is_warned_of() -> None:
    grey = np.repeat(_grey(np.uint8)[..., None], 3, axis=2)
    colour = grey.copy()
    colour[..., 0] = 200

    same, other = read(_encoded(grey), stated=_CXR), read(_encoded(colour), stated=_CXR)

    assert isinstance(same, Radiograph) and (same.pixels == grey[..., 0]).all()
    assert "film.colour" not in [notice.code for notice in same.notices]
    assert "film.colour" in [notice.code for notice in other.notices]


def test_a_picture_renamed_dcm_without_stated_facts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(_encoded(_grey(np.uint8), "JPEG"))

    with pytest.raises(InputRejected) as refused:
        read_path(path)

    assert refused.value.code == "file.needs_stated_facts"


def test_a_png_that_declares_a_huge_size_is_refused_before_decoding() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 50000, 50000, 8, 0, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    data += chunk(b"IEND", b"")

    for limits in (Limits(), Limits(pixels=2**40, side=2**20)):
        with pytest.raises(InputRejected) as refused:
            read(data, stated=_CXR, limits=limits)
        assert refused.value.code in ("film.too_large", "picture.damaged")


def test_a_cut_picture_is_refused() -> None:
    data = _encoded(_grey(np.uint8))

    for end in range(8, len(data) - 12, 25):
        with pytest.raises(InputRejected):
            read(data[:end], stated=_CXR)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"BM1234", "bmp"),
        (b"%PDF-1.7", "pdf"),
        (b"0       " + b"X" * 300, "edf"),
        (b"\xffBIOSEMI", "edf"),
        (b"\0" * 6 + b"\x88\0\0\0\0\0\0\0\x14\x14SCPECG", "scp"),
        (b'<?xml version="1.0"?><AnnotatedECG xmlns="urn:hl7-org:v3">', "aecg"),
        ('\ufeff<?xml version="1.0"?><restingecgdata>'.encode("utf-16"), "philips"),
        (b"<RestingECG>", "muse"),
        (b"<project/>", "xml"),
        (b"0000053\0\0\0002020-1-16 21:44:39\0\0", "contec"),
        (b"rec 12 500 5000\nrec.dat 16 1000/mV 16 0 0 0 0 I\n", "wfdb"),
        (b"# rate_hz: 500\nI,II,V1\n1,2,3\n", "csv"),
        (b"hello world\nthis is text\n", "text"),
        (b"\x00\x01\x02\x03", "unknown"),
    ],
)
def test_the_format_is_told_by_content(head: bytes, kind: str) -> None:
    assert sniff(head) == kind


def test_dicom_is_told_with_and_without_its_preamble() -> None:
    data = film()

    assert sniff(data[:4096]) == "dicom"
    assert sniff(data[data.index(b"\x08\x00\x05\x00") :]) == "dicom"


def test_every_message_code_of_the_readers_has_both_texts() -> None:
    package = Path(qiangji_datasets.__file__).parent
    sources = [*(package / "formats").glob("*.py"), package / "records.py"]
    pattern = re.compile(r'"((?:dicom|film|cell|ecg|file|reader|picture|wfdb|csv)\.[a-z0-9_]+)"')
    codes = {code for path in sources for code in pattern.findall(path.read_text("utf-8"))}
    texts = Catalogue.of("qiangji_datasets").entries

    assert len(codes) > 90
    assert codes - texts.keys() == set()
