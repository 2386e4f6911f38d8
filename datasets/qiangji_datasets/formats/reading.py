"""One way in: the reader is picked by content, limits come first, faults are refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.limits import DEFAULT, Limits, Stated
from qiangji_datasets.formats.sniffing import CELL_KINDS, HEAD_BYTES, KNOWN_ECG, sniff
from qiangji_datasets.records import Modality, Record


def read(
    data: bytes,
    *,
    name: str = "",
    stated: Stated | None = None,
    limits: Limits = DEFAULT,
    companions: Mapping[str, bytes] | None = None,
) -> Record:
    """Read one recording from the bytes of one file.

    Parameters
    ----------
    data
        The whole file.
    name
        Its name, for messages only; the format is told by the content.
    stated
        What a person said about a file that does not carry it.
    limits
        Bounds checked before decoding.
    companions
        Contents of files that belong to it, by plain name: the signal files of a WFDB header.

    Raises
    ------
    InputRejected
        Not a format that is read, damaged, contradictory, or beyond the limits.
    """

    def companion(file: str) -> bytes:
        if companions is None or file not in companions:
            raise InputRejected("wfdb.files_missing", name=file, header=name)
        return companions[file]

    return _read(data, stated, limits, companion)


def read_path(path: Path, *, stated: Stated | None = None, limits: Limits = DEFAULT) -> Record:
    """Read one recording from disk, with the files beside it that belong to it (WFDB).

    Raises
    ------
    InputRejected
        As for ``read``; also when the file cannot be opened.
    """
    folder = path.parent

    def companion(file: str) -> bytes:
        return _bytes(folder / file, limits, missing="wfdb.files_missing")

    data = _bytes(path, limits, missing="file.not_found")
    header = _header_of(path)
    if header is not None and sniff(data[:HEAD_BYTES]) in ("unknown", "text", "empty"):
        data = _bytes(header, limits, missing="file.not_found")
    return _read(data, stated, limits, companion)


def is_companion(path: Path) -> bool:
    """True for a file that belongs to a WFDB header beside it, so is no recording by itself."""
    return _header_of(path) is not None


def _header_of(path: Path) -> Path | None:
    header = path.with_suffix(".hea")
    if path.suffix in ("", ".hea") or not header.is_file():
        return None
    with header.open("rb") as file:
        return header if sniff(file.read(HEAD_BYTES)) == "wfdb" else None


def _bytes(path: Path, limits: Limits, *, missing: str) -> bytes:
    """Contents of a regular file of bounded size."""
    try:
        if not path.is_file():
            raise InputRejected(missing, name=path.name)
        size = path.stat().st_size
        if size > limits.file_bytes:
            raise InputRejected("file.too_large", bytes=size, limit=limits.file_bytes)
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        raise InputRejected(missing, name=path.name) from None


def _read(
    data: bytes, stated: Stated | None, limits: Limits, companion: Callable[[str], bytes]
) -> Record:
    if len(data) > limits.file_bytes:
        raise InputRejected("file.too_large", bytes=len(data), limit=limits.file_bytes)
    said = stated or Stated()
    kind = sniff(data[:HEAD_BYTES])
    if kind == "dicom":
        return _dicom(data, limits)
    if kind in CELL_KINDS and said.modality is Modality.PAP:
        from qiangji_datasets.formats.cell_picture import read_cell

        return read_cell(data, kind, said, limits)
    if kind in ("png", "jpeg"):
        from qiangji_datasets.formats.picture import read_picture

        return read_picture(data, kind, said, limits)
    if kind == "csv":
        from qiangji_datasets.formats.csv_ecg import read_csv

        return read_csv(data, said, limits)
    if kind == "wfdb":
        from qiangji_datasets.formats.dicom_values import Notices
        from qiangji_datasets.formats.wfdb_ecg import read_wfdb

        return read_wfdb(data, companion, said, limits, Notices())
    if kind in KNOWN_ECG:
        raise InputRejected("file.ecg_not_supported", format=kind)
    if kind == "empty":
        raise InputRejected("file.empty")
    raise InputRejected("file.not_supported", format=kind)


def _dicom(data: bytes, limits: Limits) -> Record:
    from qiangji_datasets.formats.dicom_ecg import read_ecg
    from qiangji_datasets.formats.dicom_file import open_dicom
    from qiangji_datasets.formats.dicom_film import read_film
    from qiangji_datasets.formats.dicom_kinds import ECG_CLASSES, refuse_other_kinds
    from qiangji_datasets.formats.dicom_tags import Tag

    file = open_dicom(data, limits)
    refuse_other_kinds(file.sop_class, file.data_set.code(Tag.Modality))
    if file.sop_class in ECG_CLASSES or Tag.WaveformSequence in file.data_set:
        return read_ecg(file, limits)
    return read_film(file, limits)
