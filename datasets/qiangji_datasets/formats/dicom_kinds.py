"""Which DICOM objects are films, which ECGs, and why all others are refused.

References
----------
DICOM PS3.4 table B.5-1 (SOP classes of storage).
"""

from __future__ import annotations

from typing import Final

from qiangji_datasets.errors import InputRejected

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
#: 12-lead ECG, General ECG, General 32-bit ECG.
ECG_CLASSES: Final = (f"{_STORAGE}9.1.1", f"{_STORAGE}9.1.2", f"{_STORAGE}9.1.4")

#: Beginning of the SOP class UID (dot at the end: any class below) to message key.
_REFUSED: Final = (
    ("1.2.840.10008.1.3.10", "dicom.kind_directory"),
    (f"{_STORAGE}9.1.", "dicom.kind_other_waveform"),
    (f"{_STORAGE}9.", "dicom.kind_other_waveform"),
    (f"{_STORAGE}11.", "dicom.kind_presentation"),
    (f"{_STORAGE}30", "dicom.kind_parametric"),
    (f"{_STORAGE}4.2", "dicom.kind_spectroscopy"),
    (f"{_STORAGE}66.4", "dicom.kind_segmentation"),
    (f"{_STORAGE}66.7", "dicom.kind_segmentation"),
    (f"{_STORAGE}66.5", "dicom.kind_segmentation"),
    (f"{_STORAGE}66", "dicom.kind_raw"),
    (f"{_STORAGE}67", "dicom.kind_value_mapping"),
    (f"{_STORAGE}68.", "dicom.kind_segmentation"),
    (f"{_STORAGE}77.1.6", "dicom.kind_slide"),
    (f"{_STORAGE}77.1.8", "dicom.kind_slide"),
    (f"{_STORAGE}88.", "dicom.kind_report"),
    (f"{_STORAGE}104.", "dicom.kind_document"),
    (f"{_STORAGE}481.", "dicom.kind_radiotherapy"),
    ("1.2.840.10008.5.1.4.34.", "dicom.kind_radiotherapy"),
)

#: SOP class to the Modality values it may carry; CR plates on DX classes are common practice.
_MODALITIES: Final = {
    f"{_STORAGE}1": ("CR", "DX", "RG"),
    f"{_STORAGE}1.1": ("DX", "CR"),
    f"{_STORAGE}1.1.1": ("DX", "CR"),
    f"{_STORAGE}1.2": ("MG",),
    f"{_STORAGE}1.2.1": ("MG",),
    f"{_STORAGE}1.3": ("IO",),
    f"{_STORAGE}2": ("CT",),
    f"{_STORAGE}4": ("MR",),
    f"{_STORAGE}6.1": ("US",),
    f"{_STORAGE}12.1": ("XA",),
    f"{_STORAGE}12.2": ("RF",),
    f"{_STORAGE}20": ("NM",),
    f"{_STORAGE}128": ("PT",),
    f"{_STORAGE}9.1.1": ("ECG",),
    f"{_STORAGE}9.1.2": ("ECG",),
    f"{_STORAGE}9.1.4": ("ECG",),
}
#: Modality values of objects that hold no picture, for files that name no SOP class.
_PICTURELESS: Final = {
    "SR": "dicom.kind_report", "PR": "dicom.kind_presentation", "KO": "dicom.kind_report",
    "RTSTRUCT": "dicom.kind_radiotherapy", "RTPLAN": "dicom.kind_radiotherapy",
    "RTDOSE": "dicom.kind_radiotherapy", "RTRECORD": "dicom.kind_radiotherapy",
    "SEG": "dicom.kind_segmentation", "RWV": "dicom.kind_value_mapping",
}  # fmt: skip
#: Classes whose Pixel Spacing is measured in the patient, not projected.
CROSS_SECTIONAL: Final = ("CT", "MR", "PT", "NM", "US")


def refuse_other_kinds(sop_class: str, modality: str) -> None:
    """Refuse objects that are neither a picture nor an ECG.

    Raises
    ------
    InputRejected
        With the kind of object as its code.
    """
    if sop_class in ECG_CLASSES:
        return
    for beginning, code in _REFUSED:
        if sop_class == beginning or (beginning.endswith(".") and sop_class.startswith(beginning)):
            raise InputRejected(code, sop_class=sop_class)
    if modality in _PICTURELESS:
        raise InputRejected(_PICTURELESS[modality], sop_class=sop_class)


def disagrees(sop_class: str, modality: str) -> bool:
    """True when the SOP class cannot carry this Modality."""
    allowed = _MODALITIES.get(sop_class)
    return allowed is not None and modality != "" and modality not in allowed
