"""Write a synthetic ECG as a DICOM 12-lead ECG Waveform (PS3.3 A.34.3), marked as synthetic."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage

from qiangji_datasets.records import LEADS, EcgRecord, PersonIdentity

#: Codes of DICOM CID 3001 (ECG leads), coding scheme MDC, in the order of ``LEADS``.
_LEAD_CODES: Final = (
    ("2:1", "Lead I"),
    ("2:2", "Lead II"),
    ("2:61", "Lead III"),
    ("2:62", "Lead aVR"),
    ("2:63", "Lead aVL"),
    ("2:64", "Lead aVF"),
    *((f"2:{index + 2}", f"Lead V{index}") for index in range(1, 7)),
)
_UV_PER_STEP: Final = 1.25
_PADDING: Final = -32768
_MARK: Final = "演示:合成数据,不是真实病人 / Synthetic demonstration, not a patient"
_DEFAULT_TIME: Final = datetime(2025, 1, 1, 8, 0, 0)  # noqa: DTZ001 - device clocks are naive


def write_ecg_dicom(record: EcgRecord, path: Path, *, person: PersonIdentity | None = None) -> None:
    """Write one recording; leads that were off become waveform padding.

    Parameters
    ----------
    person
        Who is named in the file; None takes the record's own.
    """
    who = person or record.person
    at = record.ids.acquired_at or _DEFAULT_TIME
    dataset = Dataset()
    dataset.file_meta = _meta(record)
    _put_study(dataset, record, at)
    _put_person(dataset, who)
    dataset.WaveformSequence = Sequence([_group(record)])
    dataset.WaveformAnnotationSequence = Sequence([_annotation(_MARK)])
    dataset.AcquisitionContextSequence = Sequence()
    dataset.save_as(path, enforce_file_format=True)


def _meta(record: EcgRecord) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = TwelveLeadECGWaveformStorage
    meta.MediaStorageSOPInstanceUID = UID(record.ids.instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def _put_study(dataset: Dataset, record: EcgRecord, at: datetime) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = TwelveLeadECGWaveformStorage
    dataset.SOPInstanceUID = record.ids.instance_uid
    dataset.StudyInstanceUID = record.ids.study_uid
    dataset.SeriesInstanceUID = record.ids.series_uid
    dataset.StudyDate = dataset.ContentDate = f"{at:%Y%m%d}"
    dataset.StudyTime = dataset.ContentTime = f"{at:%H%M%S}"
    dataset.AcquisitionDateTime = f"{at:%Y%m%d%H%M%S}"
    dataset.Modality = "ECG"
    dataset.Manufacturer = record.ids.manufacturer
    dataset.ManufacturerModelName = record.ids.device_model
    dataset.InstitutionName = record.ids.institution
    dataset.StudyDescription = "演示 synthetic 12-lead ECG"
    dataset.SeriesDescription = "演示 synthetic"
    dataset.AccessionNumber = record.ids.accession_number
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.SeriesNumber = dataset.InstanceNumber = 1


def _put_person(dataset: Dataset, who: PersonIdentity) -> None:
    dataset.PatientName = _person_name(who)
    dataset.PatientID = who.patient_id
    dataset.IssuerOfPatientID = who.issuer
    dataset.PatientBirthDate = f"{who.birth_date:%Y%m%d}" if who.birth_date else ""
    dataset.PatientSex = who.sex.value if who.sex else ""
    if who.age_years is not None:
        dataset.PatientAge = f"{int(who.age_years):03d}Y"


def _person_name(who: PersonIdentity) -> str:
    """Alphabetic, ideographic and phonetic groups (PS3.5 6.2.1.2)."""
    if who.name.isascii() and not who.name_phonetic:
        return who.name or who.name_alphabetic
    ideographic = "" if who.name.isascii() else who.name
    alphabetic = who.name_alphabetic or (who.name if who.name.isascii() else "")
    return "=".join([alphabetic, ideographic, who.name_phonetic]).rstrip("=")


def _group(record: EcgRecord) -> Dataset:
    steps = _to_steps(record.signal_mv)
    group = Dataset()
    group.MultiplexGroupTimeOffset = 0
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels = len(LEADS)
    group.NumberOfWaveformSamples = steps.shape[1]
    group.SamplingFrequency = record.rate_hz
    group.MultiplexGroupLabel = "RHYTHM"
    group.WaveformBitsAllocated = 16
    group.WaveformSampleInterpretation = "SS"
    group.add_new("WaveformPaddingValue", "OW", np.int16(_PADDING).tobytes())
    group.ChannelDefinitionSequence = Sequence([_channel(*code) for code in _LEAD_CODES])
    group.add_new("WaveformData", "OW", np.ascontiguousarray(steps.T).tobytes())
    return group


def _to_steps(signal_mv: NDArray[np.float32]) -> NDArray[np.int16]:
    """(12, n) little-endian steps; NaN becomes padding, values beyond the range are clipped."""
    steps = np.clip(np.round(signal_mv * 1000.0 / _UV_PER_STEP), _PADDING + 1, 32767)
    return np.where(np.isnan(steps), _PADDING, steps).astype("<i2")


def _channel(code: str, meaning: str) -> Dataset:
    channel = Dataset()
    channel.ChannelSourceSequence = Sequence([_code(code, "MDC", meaning)])
    channel.ChannelSensitivity = _UV_PER_STEP
    channel.ChannelSensitivityUnitsSequence = Sequence([_code("uV", "UCUM", "microvolt")])
    channel.ChannelSensitivityCorrectionFactor = 1
    channel.ChannelBaseline = 0
    channel.ChannelSampleSkew = 0
    channel.WaveformBitsStored = 16
    return channel


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def _annotation(text: str) -> Dataset:
    item = Dataset()
    item.ReferencedWaveformChannels = [1, 0]
    item.AnnotationGroupNumber = 0
    item.UnformattedTextValue = text
    return item
