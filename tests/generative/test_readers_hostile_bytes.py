"""Cut, random and flipped bytes: a reader reads or refuses, nothing else ever escapes."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.dicom_builder import channel, ecg, film, waveform_group

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import Limits, Stated, read
from qiangji_datasets.formats.charset import CharacterSet
from qiangji_datasets.records import EcgRecord, Modality, NameStatus, Radiograph, Record

_EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
_STATED = Stated(modality=Modality.CXR)
#: Small enough that no accepted input costs time.
_LIMITS = Limits(pixels=200_000, side=2000, waveform_samples=20_000)
_SETTINGS = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _ecg() -> bytes:
    samples = np.arange(8 * 120, dtype=np.int16).reshape(120, 8)
    return ecg([waveform_group([channel(name) for name in _EIGHT], samples)])


def _png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30) % 251).save(out, "PNG")
    return out.getvalue()


_CSV = (
    "# rate_hz: 500\n# unit: mV\n" + ",".join(_EIGHT) + "\n" + "1,2,3,4,5,6,7,8\n" * 60
).encode()
_WFDB = (
    "rec 8 500 20\n" + "".join(f"rec.dat 16 1000(0)/mV 16 0 0 0 0 {name}\n" for name in _EIGHT)
).encode()
_SEEDS = {"film": film(), "ecg": _ecg(), "png": _png(), "csv": _CSV, "wfdb": _WFDB}


def _outcome(data: bytes) -> Record | None:
    try:
        record = read(
            data, stated=_STATED, limits=_LIMITS, companions={"rec.dat": b"\x01\x00" * 160}
        )
    except InputRejected:
        return None
    assert isinstance(record, Radiograph | EcgRecord)
    return record


@pytest.mark.parametrize("seed", list(_SEEDS))
def test_a_file_cut_at_any_length_is_read_or_refused(seed: str) -> None:
    data = _SEEDS[seed]
    step = max(1, len(data) // 400)

    for end in [*range(0, len(data), step), *range(max(0, len(data) - 40), len(data))]:
        _outcome(data[:end])


def test_a_film_or_an_ecg_that_is_cut_is_never_read_as_whole() -> None:
    for seed in ("film", "ecg"):
        data = _SEEDS[seed]
        for end in range(0, len(data), max(1, len(data) // 300)):
            assert _outcome(data[:end]) is None


@_SETTINGS
@given(st.binary(max_size=2000))
def test_random_bytes_are_refused(data: bytes) -> None:
    _outcome(data)


@_SETTINGS
@given(st.binary(max_size=1500))
def test_random_bytes_behind_a_dicom_head_are_read_or_refused(data: bytes) -> None:
    _outcome(b"\x00" * 128 + b"DICM" + data)
    _outcome(_SEEDS["film"][:352] + data)


@_SETTINGS
@given(st.sampled_from(sorted(_SEEDS)), st.data())
def test_flipped_bytes_are_read_or_refused(seed: str, data: st.DataObject) -> None:
    changed = bytearray(_SEEDS[seed])
    area = min(len(changed), 1400)
    for position in data.draw(st.lists(st.integers(0, area - 1), min_size=1, max_size=8)):
        changed[position] = data.draw(st.integers(0, 255))

    _outcome(bytes(changed))


@_SETTINGS
@given(st.binary(max_size=64), st.sampled_from(
    ["", "ISO_IR 100", "ISO_IR 192", "GB18030", "GBK", "ISO 2022 IR 58", "ISO 2022 IR 87", "?"]
))  # fmt: skip
def test_no_text_ever_shows_replacement_or_control_characters(raw: bytes, term: str) -> None:
    found = CharacterSet.declared(("", term) if "2022" in term else (term,)).decode(raw)

    assert "\ufffd" not in found.text and "\x1b" not in found.text
    assert found.text == "" or found.status is not NameStatus.UNRECOGNISED


@_SETTINGS
@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1,
               max_size=6))  # fmt: skip
def test_every_chinese_name_survives_the_sets_that_declare_it(name: str) -> None:
    for term, codec in (("ISO_IR 192", "utf-8"), ("GB18030", "gb18030")):
        found = CharacterSet.declared((term,)).decode(name.encode(codec))
        assert found.text == name or found.status is not NameStatus.DECODED


@pytest.mark.shared
def test_compressed_films_with_flipped_bytes_are_read_or_refused(shared_data: Path) -> None:
    folder = shared_data / "interop"
    names = ("dicom-mr/MR_small_RLE.dcm", "dicom-other-image/JPEGBaseline_1s_1f_u_08_08.dcm",
             "dicom-other-image/JPEGLSNearLossless_16.dcm")  # fmt: skip
    rng = np.random.default_rng(11)

    with redirect_stderr(io.StringIO()):
        for name in names:
            whole = (folder / name).read_bytes()
            for _ in range(40):
                changed = bytearray(whole)
                for position in rng.integers(len(whole) // 3, len(whole), 4):
                    changed[position] = int(rng.integers(256))
                _outcome(bytes(changed))
