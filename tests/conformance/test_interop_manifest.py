"""Every DICOM and ECG file of the public interoperability set, against what is expected of it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import read_path
from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import EcgRecord, Radiograph, Record, Severity

pytestmark = pytest.mark.shared

_OTHER_STANDARDS = ("fhir-r4", "hl7v2")
#: Refused by the gate, not by a reader.
_FOR_THE_GATE = ("scope_", "tiny_1x1", "ecg_1lead", "ecg_2s", "ecg_flat")
_NAMED_FORMATS = {
    "ecg-scp": "scp", "ecg-aecg": "aecg", "ecg-muse": "muse", "ecg-contec": "contec",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "interop" / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] not in _OTHER_STANDARDS]


def _outcome(path: Path) -> tuple[str, Record | InputRejected]:
    try:
        record = read_path(path)
    except InputRejected as refused:
        return "reject", refused
    is_doubtful = any(notice.severity is Severity.WARN for notice in record.notices)
    return ("accept+warn" if is_doubtful else "accept"), record


def test_every_row_with_an_expectation_gets_exactly_that(
    rows: list[dict[str, str]], shared_data: Path
) -> None:
    wrong = []
    for row in rows:
        if not row["expect"] or any(mark in row["path"] for mark in _FOR_THE_GATE):
            continue
        found, detail = _outcome(shared_data / "interop" / row["path"])
        if found != row["expect"]:
            wrong.append((row["path"], row["expect"], found, str(detail)[:200]))

    assert wrong == []


def test_every_file_is_read_or_refused_with_a_reason_in_both_languages(
    rows: list[dict[str, str]], shared_data: Path
) -> None:
    texts = Catalogue.of("qiangji_datasets")

    for row in rows:
        _, detail = _outcome(shared_data / "interop" / row["path"])
        if isinstance(detail, InputRejected):
            said = [(detail.code, detail.params)]
        else:
            said = [(notice.code, notice.params) for notice in detail.notices]
        for code, params in said:
            for language in Language:
                shown = texts.text(code, language, **params)
                assert shown and "{" not in shown, (row["path"], code, shown)


def test_ecg_formats_that_are_not_read_are_refused_by_name(
    rows: list[dict[str, str]], shared_data: Path
) -> None:
    for row in rows:
        name = _NAMED_FORMATS.get(row["kind"])
        if row["path"].endswith((".edf", ".bdf")):
            name = "edf"
        if row["kind"] == "ecg-philips" and not row["path"].endswith("build.xml"):
            name = "philips"
        if name is None:
            continue

        _, detail = _outcome(shared_data / "interop" / row["path"])

        assert isinstance(detail, InputRejected), row["path"]
        assert (detail.code, detail.params["format"]) == ("file.ecg_not_supported", name)


def test_names_in_chinese_sets_come_out_right_or_not_recognised(shared_data: Path) -> None:
    expected = {
        "cn_gb18030_rare4byte": "\u738b\U00020087\U0002cb29",
        "cn_iso2022_ir58": "张三",
        "cn_gbk_declared_latin1": "张三",
        "cn_gbk_declared_utf8": "",
        "cn_badterm_GB2312": "张三",
        "cn_badterm_ISO_IR_192": "张三",
        "cn_badterm_UTF8": "张三",
        "cn_badterm_gb18030": "张三",
        "cn_cut_midchar": "",
        "cn_multi_illegal": "张三",
        "cn_fullwidth": "张\u3000三",
    }
    folder = shared_data / "interop" / "dicom-synthetic"

    names = {stem: read_path(folder / f"{stem}.dcm").person.name for stem in expected}
    expected["cn_gb18030_rare4byte"] = b"\xfe\x9f\x820\xb71\x954\xb25".decode("gb18030")

    assert names == expected


def test_a_lead_order_other_than_ours_is_put_right_by_code(shared_data: Path) -> None:
    folder = shared_data / "interop" / "dicom-synthetic"

    ordered = read_path(folder / "ecg_ok_12lead.dcm")
    swapped = read_path(folder / "ecg_lead_order_swapped.dcm")

    assert isinstance(ordered, EcgRecord) and isinstance(swapped, EcgRecord)
    assert (swapped.signal_mv[0] == ordered.signal_mv[1]).all()
    assert (swapped.signal_mv[1] == ordered.signal_mv[0]).all()
    assert (swapped.signal_mv[2:] == ordered.signal_mv[2:]).all()


def test_an_animal_is_read_with_a_refusing_notice(shared_data: Path) -> None:
    film = read_path(shared_data / "interop" / "dicom-synthetic" / "scope_animal.dcm")

    assert isinstance(film, Radiograph)
    assert ("dicom.animal", Severity.REFUSE) in [(n.code, n.severity) for n in film.notices]
