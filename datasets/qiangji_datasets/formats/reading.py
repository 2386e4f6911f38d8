"""One way in: the reader is picked by content, limits come first, faults are refusals."""

from __future__ import annotations

from pathlib import Path

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.limits import DEFAULT, Limits, Stated
from qiangji_datasets.formats.sniffing import HEAD_BYTES, KNOWN_ECG, sniff
from qiangji_datasets.records import Record


def read(
    data: bytes, *, name: str = "", stated: Stated | None = None, limits: Limits = DEFAULT
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

    Raises
    ------
    InputRejected
        Not a format that is read, damaged, contradictory, or beyond the limits.
    """
    if len(data) > limits.file_bytes:
        raise InputRejected("file.too_large", bytes=len(data), limit=limits.file_bytes)
    kind = sniff(data[:HEAD_BYTES])
    if kind == "dicom":
        return _dicom(data, limits)
    return _other(kind, data, name, stated or Stated(), limits)


def _dicom(data: bytes, limits: Limits) -> Record:
    from qiangji_datasets.formats.dicom_ecg import read_ecg
    from qiangji_datasets.formats.dicom_file import open_dicom
    from qiangji_datasets.formats.dicom_film import read_film
    from qiangji_datasets.formats.dicom_kinds import ECG_CLASSES, refuse_other_kinds
    from qiangji_datasets.formats.dicom_tags import Tag

    file = open_dicom(data, limits)
    sop_class = file.data_set.uid(Tag.SOPClassUID)
    refuse_other_kinds(sop_class, file.data_set.code(Tag.Modality))
    if sop_class in ECG_CLASSES or Tag.WaveformSequence in file.data_set:
        return read_ecg(file, limits)
    return read_film(file, limits)


def _other(kind: str, data: bytes, name: str, stated: Stated, limits: Limits) -> Record:
    if kind in KNOWN_ECG:
        raise InputRejected("file.ecg_not_supported", format=kind)
    if kind == "empty":
        raise InputRejected("file.empty")
    raise InputRejected("file.not_supported", format=kind)


def read_path(path: Path, *, stated: Stated | None = None, limits: Limits = DEFAULT) -> Record:
    """Read one recording from disk, with the files that belong to it (WFDB).

    Raises
    ------
    InputRejected
        As for ``read``.
    """
    if path.stat().st_size > limits.file_bytes:
        raise InputRejected("file.too_large", bytes=path.stat().st_size, limit=limits.file_bytes)
    return read(path.read_bytes(), name=path.name, stated=stated, limits=limits)
