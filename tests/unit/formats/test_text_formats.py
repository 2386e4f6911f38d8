"""CSV and WFDB: declared units and rates, and headers that lead astray."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import Limits, Stated, is_companion, read, read_path
from qiangji_datasets.records import LEADS, EcgRecord, Sex

_EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def _table(values: np.ndarray, separator: str = ",") -> str:
    return "\n".join(separator.join(f"{value:.4f}" for value in row) for row in values)


def _values(count: int = 300) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 0.5, (count, 8))


def _csv(head: str, values: np.ndarray, separator: str = ",") -> bytes:
    return (head + _table(values, separator) + "\n").encode("utf-8")


def _refusal(data: bytes, stated: Stated | None = None, **files: bytes) -> str:
    with pytest.raises(InputRejected) as refused:
        read(data, stated=stated, companions={f"{k}.dat": v for k, v in files.items()})
    return refused.value.code


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_with_declared_unit_and_rate_is_read(separator: str) -> None:
    values = _values() * 1000
    head = "# rate_hz: 250\n# unit: uV\n# age: 61\n# sex: 女\n" + separator.join(_EIGHT) + "\n"

    found = read(_csv(head, values, separator))

    assert isinstance(found, EcgRecord)
    assert found.rate_hz == 250 and found.source_kind == "csv"
    assert found.person.age_years == 61 and found.person.sex is Sex.F
    np.testing.assert_allclose(found.signal_mv[6], values[:, 2] / 1000, atol=1e-6)


def test_a_bare_table_is_read_with_what_a_person_states() -> None:
    values = _values()

    found = read(_csv("", values), stated=Stated(rate_hz=500, unit="mV", leads=_EIGHT))

    assert isinstance(found, EcgRecord)
    np.testing.assert_allclose(found.signal_mv[0], values[:, 0], atol=1e-4)


def test_a_header_saved_by_excel_in_gbk_is_read() -> None:
    head = "# 采样率: 500\n# 单位: mV\n" + ",".join(f"导联{name}" for name in _EIGHT) + "\n"
    data = (head + _table(_values())).encode("gbk")

    assert isinstance(read(data), EcgRecord)


@pytest.mark.parametrize(
    ("head", "stated", "code"),
    [
        (",".join(_EIGHT) + "\n", None, "csv.no_rate"),
        (",".join(_EIGHT) + "\n", Stated(rate_hz=500), "csv.no_unit"),
        ("", Stated(rate_hz=500, unit="mV"), "csv.no_leads"),
        ("# rate_hz: 500\n# unit: mV\n" + ",".join(_EIGHT) + "\n", Stated(rate_hz=250),
         "csv.stated_differs"),
        ("# rate_hz: 500\n# unit: bar\n" + ",".join(_EIGHT) + "\n", None, "ecg.unit_unknown"),
        ("# rate_hz: 9\n# unit: mV\n" + ",".join(_EIGHT) + "\n", None, "ecg.rate"),
        ("# rate_hz: 500\n# unit: mV\n" + ",".join((*_EIGHT[:7], "I")) + "\n", None,
         "ecg.lead_twice"),
    ],
)  # fmt: skip
def test_a_csv_without_its_facts_is_refused(head: str, stated: Stated | None, code: str) -> None:
    assert _refusal(_csv(head, _values()), stated) == code


@pytest.mark.parametrize(
    ("row", "code"), [("1,2\n", "csv.columns"), ("1,2,3,4,5,6,7,x\n", "csv.number")]
)
def test_a_row_that_does_not_fit_is_refused_by_its_line(row: str, code: str) -> None:
    head = "# rate_hz: 500\n# unit: mV\n" + ",".join(_EIGHT) + "\n"

    assert _refusal(_csv(head, _values()) + row.encode()) == code


def test_a_time_column_must_agree_with_the_rate() -> None:
    values = _values()
    head = "# rate_hz: {rate}\n# unit: mV\ntime_s," + ",".join(_EIGHT) + "\n"
    table = np.column_stack([np.arange(300) / 500, values])

    assert isinstance(read(_csv(head.format(rate=500), table)), EcgRecord)
    assert _refusal(_csv(head.format(rate=250), table)) == "csv.time_column"


def _header(lines: list[str], record: str = "rec 8 500 300") -> bytes:
    return ("\n".join([record, *lines]) + "\n# Age: 73\n# Sex: Female\n").encode()


def _signals(form: str = "16", file: str = "rec.dat", gain: str = "1000(0)/mV") -> list[str]:
    return [f"{file} {form} {gain} 16 0 0 0 0 {name}" for name in _EIGHT]


def _stored(count: int = 300) -> np.ndarray:
    return np.random.default_rng(6).integers(-2000, 2000, (count, 8))


def _pack_212(flat: np.ndarray) -> bytes:
    pairs = (flat.reshape(-1, 2) & 0xFFF).astype(int)
    low, high = pairs[:, 0], pairs[:, 1]
    triples = np.stack([low & 255, (low >> 8) | (high >> 8) << 4, high & 255], 1)
    return triples.astype(np.uint8).tobytes()


@pytest.mark.parametrize("form", ["16", "61", "24", "32", "160", "212"])
def test_wfdb_signal_formats_are_decoded(form: str) -> None:
    stored = _stored()
    lines = [line.replace(" 0 0 0 0 ", " 0 0 ") for line in _signals(form)]
    lines = [line.rsplit(" ", 3)[0] for line in lines]
    lines = [
        f"rec.dat {form} 1000(0)/mV 16 0 0 {int(column.sum()) % 65536} 0 {name}"
        for name, column in zip(_EIGHT, stored.T, strict=True)
    ]
    packed = {
        "16": stored.astype("<i2").tobytes(),
        "61": stored.astype(">i2").tobytes(),
        "32": stored.astype("<i4").tobytes(),
        "160": (stored + 32768).astype("<u2").tobytes(),
        "24": stored.astype("<i4").reshape(-1, 1).view("u1")[:, :3].tobytes(),
        "212": _pack_212(stored.reshape(-1)),
    }[form]

    found = read(_header(lines), companions={"rec.dat": packed})

    assert isinstance(found, EcgRecord) and found.notices == ()
    assert found.person.age_years == 73 and found.person.sex is Sex.F
    np.testing.assert_allclose(found.signal_mv[7], stored[:, 3] / 1000, atol=1e-6)


def test_a_wrong_checksum_is_noticed() -> None:
    found = read(
        _header([line.replace(" 0 0 0 0 ", " 0 0 77 0 ") for line in _signals()]),
        companions={"rec.dat": _stored().astype("<i2").tobytes()},
    )

    assert [notice.code for notice in found.notices] == ["wfdb.checksum"]


@pytest.mark.parametrize(
    "name", ["../rec.dat", "/etc/passwd", "a/rec.dat", "..", "-", "http://x/rec.dat", "a\\b.dat"]
)
def test_a_wfdb_header_leads_to_no_other_folder(name: str) -> None:
    assert _refusal(_header(_signals(file=name))) in ("wfdb.file_name", "wfdb.header")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (_header(_signals(), "rec 8 500 2147483647"), "ecg.too_long"),
        (_header(_signals(), "rec 8 500 301"), "ecg.samples_short"),
        (_header(_signals(), "rec 9 500 300"), "wfdb.header"),
        (_header(_signals(), "rec/3 8 500 300"), "wfdb.multi_segment"),
        (_header(_signals(), "rec 8 5 300"), "ecg.rate"),
        (_header(_signals("508")), "wfdb.format"),
        (_header(_signals(gain="0")), "ecg.no_sensitivity"),
        (_header(_signals(gain="1000/furlong")), "ecg.unit_unknown"),
    ],
)
def test_a_wfdb_header_is_checked_before_its_signals(header: bytes, code: str) -> None:
    found = _refusal(header, rec=_stored().astype("<i2").tobytes())

    assert found in (code, "ecg.channel_count")


def test_a_missing_signal_file_is_named() -> None:
    assert _refusal(_header(_signals())) == "wfdb.files_missing"


def test_header_and_signal_file_on_disk_give_the_same_record(tmp_path: Path) -> None:
    (tmp_path / "rec.hea").write_bytes(_header(_signals()))
    (tmp_path / "rec.dat").write_bytes(_stored().astype("<i2").tobytes())

    by_header, by_signal = read_path(tmp_path / "rec.hea"), read_path(tmp_path / "rec.dat")

    assert isinstance(by_header, EcgRecord) and isinstance(by_signal, EcgRecord)
    np.testing.assert_array_equal(by_header.signal_mv, by_signal.signal_mv)
    assert is_companion(tmp_path / "rec.dat") and not is_companion(tmp_path / "rec.hea")


def test_a_table_longer_than_the_limit_is_refused() -> None:
    head = "# rate_hz: 500\n# unit: mV\n" + ",".join(_EIGHT) + "\n"

    with pytest.raises(InputRejected) as refused:
        read(_csv(head, _values()), limits=Limits(waveform_samples=100))

    assert refused.value.code == "ecg.too_long" and len(LEADS) == 12
