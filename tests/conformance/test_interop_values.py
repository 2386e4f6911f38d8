"""Decoded values against independent decoders: pydicom for films and ECGs, wfdb for WFDB."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import UID

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import read_path
from qiangji_datasets.records import EcgRecord, Radiograph

_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def _own_files() -> Iterator[Path]:
    """Test files that come with pydicom."""
    folder = Path(pydicom.__file__).parent / "data"
    yield from (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".py")


def _shared_files(shared_data: Path) -> Iterator[Path]:
    with (shared_data / "interop" / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"].startswith("dicom"):
                yield shared_data / "interop" / row["path"]


def _compare(path: Path) -> str:
    """Empty when equal or not comparable; else what differs."""
    try:
        record = read_path(path)
    except InputRejected:
        return ""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            reference = pydicom.dcmread(path, force=True)
        except OSError:
            return ""  # one implicit-VR file of nested undefined lengths, beyond pydicom
        if isinstance(record, EcgRecord):
            return _compare_ecg(reference, record)
        return _compare_film(reference, record)


def _compare_ecg(reference: pydicom.Dataset, record: EcgRecord) -> str:
    ours = np.sort(record.signal_mv.ravel())
    theirs = np.sort(reference.waveform_array(0).ravel() / 1000)
    return "" if np.abs(ours - theirs).max() < 1e-6 else "ECG differs"


def _compare_film(reference: pydicom.Dataset, film: Radiograph) -> str:
    if not getattr(reference.file_meta, "TransferSyntaxUID", None):
        implicit = reference.original_encoding[0]
        reference.file_meta.TransferSyntaxUID = UID(_IMPLICIT if implicit else _EXPLICIT)
    theirs: NDArray[Any] = reference.pixel_array  # Any: the number type is in the file
    stored: NDArray[Any] = film.pixels
    if theirs.ndim == 3:  # luminance; YBR goes through RGB there and not here
        luminance = theirs.astype(float) @ (0.299, 0.587, 0.114)
        return "" if np.abs(luminance - stored).max() <= 2 else "luminance differs"
    if not np.array_equal(theirs, stored):
        return "stored values differ"
    if "ModalityLUTSequence" in reference:
        return "" if film.modality_lut is not None else "modality LUT lost"
    values = theirs * float(reference.get("RescaleSlope", 1) or 1)
    values = values + float(reference.get("RescaleIntercept", 0) or 0)
    ours = stored * film.slope + film.intercept
    return "" if np.array_equal(values, ours) else "modality values differ"


def test_all_test_files_of_pydicom_agree_with_its_own_decoders() -> None:
    found = {path.name: said for path in _own_files() if (said := _compare(path))}

    assert found == {}


@pytest.mark.shared
def test_all_dicom_files_of_the_public_set_agree_with_pydicom(shared_data: Path) -> None:
    found = {path.name: said for path in _shared_files(shared_data) if (said := _compare(path))}

    assert found == {}


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["ludb/data", "ptbxl_raw_sample/wfdb"])
def test_wfdb_records_agree_with_the_wfdb_package(shared_data: Path, folder: str) -> None:
    wfdb = pytest.importorskip("wfdb")
    headers = sorted((shared_data / "ecg" / folder).glob("*.hea"))

    for header in headers[:: max(1, len(headers) // 24)]:
        record = read_path(header)
        reference = wfdb.rdrecord(str(header.with_suffix("")))

        assert isinstance(record, EcgRecord)
        assert record.rate_hz == reference.fs
        np.testing.assert_allclose(record.signal_mv, reference.p_signal.T, atol=1e-6)


@pytest.mark.shared
def test_every_wfdb_record_of_the_public_sets_is_read(shared_data: Path) -> None:
    headers = [*(shared_data / "ecg").glob("ludb/data/*.hea")]
    headers += (shared_data / "ecg").glob("ptbxl_raw_sample/wfdb/*.hea")

    records = [read_path(header) for header in headers]

    assert len(records) == 248
    assert all(record.person.sex is not None for record in records)
