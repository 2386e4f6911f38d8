"""Write a demo film as a DICOM Digital X-Ray or Computed Radiography image, marked synthetic."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from qiangji_datasets.records import PersonIdentity, Radiograph

_STORAGE: Final = {
    "DX": DigitalXRayImageStorageForPresentation,
    "CR": ComputedRadiographyImageStorage,
}
_DEFAULT_TIME: Final = datetime(2025, 1, 1, 8, 0, 0)  # noqa: DTZ001 - device clocks are naive
_COMMENT: Final = "演示:合成图像,不是真实病人 / Synthetic demonstration, not a patient"


def write_film_dicom(film: Radiograph, path: Path, *, person: PersonIdentity | None = None) -> None:
    """Write one film; identifiers that the film lacks are generated from its pixels.

    Parameters
    ----------
    film
        ``modality_code`` DX or CR says which kind of object is written.
    person
        Who is named in the file; None takes the film's own.

    Raises
    ------
    ValueError
        The film's modality code is neither DX nor CR.

    References
    ----------
    DICOM PS3.3 A.26 (DX), A.2 (CR); PS3.3 C.7.6.3 (Image Pixel).
    """
    if film.modality_code not in _STORAGE:
        raise ValueError(f"modality code {film.modality_code!r}, DX or CR expected")
    dataset = Dataset()
    _put_study(dataset, film)
    _put_person(dataset, person or film.person)
    _put_acquisition(dataset, film)
    _put_pixels(dataset, film)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


def _put_study(dataset: Dataset, film: Radiograph) -> None:
    at = film.ids.acquired_at or _DEFAULT_TIME
    entropy = [film.pixels.tobytes().hex()[:4096], str(at)]
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = _STORAGE[film.modality_code]
    dataset.StudyInstanceUID = _uid(film.ids.study_uid, "study", entropy)
    dataset.SeriesInstanceUID = _uid(film.ids.series_uid, "series", entropy)
    dataset.SOPInstanceUID = _uid(film.ids.instance_uid, "instance", entropy)
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = f"{at:%Y%m%d}"
    dataset.AcquisitionDate = dataset.StudyDate
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = f"{at:%H%M%S}"
    dataset.AcquisitionTime = dataset.StudyTime
    dataset.AccessionNumber = film.ids.accession_number
    dataset.Modality = film.modality_code
    dataset.Manufacturer = film.ids.manufacturer or "Qiangji synthetic"
    dataset.ManufacturerModelName = film.ids.device_model
    dataset.InstitutionName = film.ids.institution
    dataset.StudyDescription = "演示 synthetic chest film"
    dataset.SeriesDescription = "演示 synthetic"
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.SeriesNumber = dataset.InstanceNumber = 1


def _uid(given: str, part: str, entropy: list[str]) -> UID:
    return UID(given) if given else generate_uid(entropy_srcs=[part, *entropy])


def _put_person(dataset: Dataset, who: PersonIdentity) -> None:
    dataset.PatientName = _person_name(who)
    dataset.PatientID = who.patient_id
    dataset.IssuerOfPatientID = who.issuer
    dataset.PatientBirthDate = f"{who.birth_date:%Y%m%d}" if who.birth_date else ""
    dataset.PatientSex = who.sex.value if who.sex else ""
    if who.age_years is not None:
        dataset.PatientAge = f"{int(who.age_years):03d}Y"
    dataset.PatientComments = _COMMENT


def _person_name(who: PersonIdentity) -> str:
    """Alphabetic, ideographic and phonetic groups (PS3.5 6.2.1.2)."""
    if who.name.isascii() and not who.name_phonetic:
        return who.name or who.name_alphabetic
    ideographic = "" if who.name.isascii() else who.name
    alphabetic = who.name_alphabetic or (who.name if who.name.isascii() else "")
    return "=".join([alphabetic, ideographic, who.name_phonetic]).rstrip("=")


def _put_acquisition(dataset: Dataset, film: Radiograph) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BodyPartExamined = film.body_part
    dataset.ViewPosition = film.view.value
    dataset.ImageLaterality = "U"
    dataset.PatientOrientation = ["L", "F"]
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.BurnedInAnnotation = "NO"  # the mark 演示 DEMO identifies nobody (PS3.3 C.7.6.1)
    dataset.LossyImageCompression = "00"
    dataset.AcquisitionContextSequence = Sequence()
    if film.spacing_mm is not None:
        dataset.ImagerPixelSpacing = list(film.spacing_mm)


def _put_pixels(dataset: Dataset, film: Radiograph) -> None:
    stored = np.ascontiguousarray(film.pixels, dtype="<u2")
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1" if film.is_monochrome1 else "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = 16
    dataset.BitsStored = film.bits_stored
    dataset.HighBit = film.bits_stored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleIntercept, dataset.RescaleSlope = film.intercept, film.slope
    dataset.RescaleType = "US"
    dataset.PresentationLUTShape = "INVERSE" if film.is_monochrome1 else "IDENTITY"
    if film.windows:
        dataset.WindowCenter = [window.centre for window in film.windows]
        dataset.WindowWidth = [window.width for window in film.windows]
        dataset.WindowCenterWidthExplanation = [window.name for window in film.windows]
    dataset.PixelData = stored.tobytes()
