"""Recordings as the rest of the program sees them: frozen, checked, units in names."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected

#: Order of leads everywhere (IEC 60601-2-25 names).
LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


class Modality(StrEnum):
    """Kinds of recordings, as our bundles and commands name them."""

    CXR = "cxr"
    ECG = "ecg"
    PAP = "pap"


class Sex(StrEnum):
    """Administrative sex (DICOM Patient's Sex values)."""

    M = "M"
    F = "F"
    O = "O"  # noqa: E741 - DICOM's own code for "other"


class Severity(StrEnum):
    """Weight of a notice: REFUSE means that the AI does not read the recording."""

    INFO = "info"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Notice:
    """Something worth saying about a recording, found while reading or by the gate.

    ``code`` is a message key with ``zh``, ``en`` and, for the gate, ``advice_zh`` and
    ``advice_en`` ("what to do at the desk"); ``params`` are the values in the text.
    """

    code: str
    severity: Severity
    params: dict[str, str | int | float] = field(default_factory=dict)


class NameStatus(StrEnum):
    """How far a name in a file can be trusted."""

    DECODED = "decoded"
    GUESSED = "guessed"  # undeclared or wrongly declared character set, plausible decoding found
    UNRECOGNISED = "unrecognised"  # shown as 未能识别的字符集, never as mojibake
    ABSENT = "absent"


@dataclass(frozen=True)
class PersonIdentity:
    """Who a file says the patient is; never logged.

    ``name`` is the ideographic group where there is one, else the alphabetic one; empty when
    ``name_status`` is UNRECOGNISED or ABSENT. ``patient_id`` means nothing without ``issuer``.
    ``age_years`` is None when missing or recorded as 000Y.
    """

    name: str = ""
    name_status: NameStatus = NameStatus.ABSENT
    name_alphabetic: str = ""
    name_phonetic: str = ""
    patient_id: str = ""
    issuer: str = ""
    birth_date: date | None = None
    sex: Sex | None = None
    age_years: float | None = None


@dataclass(frozen=True)
class StudyIds:
    """Identifiers and provenance of one recording; empty strings where the file has none.

    ``acquired_at`` is the device's own clock, naive as recorded unless the file names an offset.
    ``study_date`` is DICOM Study Date, which a copy or a digitised film may hold from long before.
    """

    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    sop_class_uid: str = ""
    accession_number: str = ""
    acquired_at: datetime | None = None
    study_date: date | None = None
    institution: str = ""
    manufacturer: str = ""
    device_model: str = ""


class View(StrEnum):
    """Projection of a chest film; UNKNOWN when the file does not say."""

    PA = "PA"
    AP = "AP"
    LATERAL = "LL"
    OTHER = "other"
    UNKNOWN = "unknown"


class SpacingKind(StrEnum):
    """What a millimetre on the film means (DICOM PS3.3 10.7)."""

    CALIBRATED = "calibrated"  # Pixel Spacing with calibration, or equal to neither detector value
    DETECTOR = "detector"  # Imager Pixel Spacing alone: millimetres at the detector plane
    NONE = "none"


@dataclass(frozen=True)
class Window:
    """A VOI window in units of the modality values: centre, width, name given by the device."""

    centre: float
    width: float
    name: str = ""


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One frontal or lateral film.

    Parameters
    ----------
    pixels
        (rows, cols), integer values as stored, row 0 at the top, column 0 at the image's left;
        uint8, uint16 or int16.
    bits_stored
        Significant bits of a stored value, 1–16.
    slope, intercept
        Modality rescale: value = stored * slope + intercept.
    is_monochrome1
        True when the lowest value is white (DICOM PS3.3 C.7.6.3.1.2); ``values`` undoes it.
    windows
        VOI windows offered by the device, first is the default; empty when none.
    voi_lut
        (first stored value mapped, table) or None; applied instead of a window when present.
    modality_lut
        (first stored value mapped, table) or None; replaces slope and intercept when present.
    spacing_mm
        (row, column) spacing in mm, or None.
    patient_orientation
        Patient directions towards the right end of a row and the lower end of a column as the
        device states them (``("L", "F")``: the patient's left is at the picture's right), or None.

    References
    ----------
    Patient Orientation: DICOM PS3.3 C.7.6.1.1.1.
    """

    pixels: NDArray[np.generic]
    bits_stored: int
    view: View
    person: PersonIdentity
    ids: StudyIds
    slope: float = 1.0
    intercept: float = 0.0
    is_monochrome1: bool = False
    windows: tuple[Window, ...] = ()
    voi_lut: tuple[int, NDArray[np.uint16]] | None = None
    modality_lut: tuple[int, NDArray[np.uint16]] | None = None
    spacing_mm: tuple[float, float] | None = None
    spacing_kind: SpacingKind = SpacingKind.NONE
    laterality: str = ""
    body_part: str = ""
    patient_position: str = ""
    patient_orientation: tuple[str, str] | None = None
    modality_code: str = ""
    source_kind: str = "dicom"
    notices: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or 0 in self.pixels.shape:
            raise InputRejected("film.not_two_dimensional", shape=str(self.pixels.shape))
        if self.pixels.dtype.kind not in "iu" or self.pixels.dtype.itemsize > 2:
            raise InputRejected("film.pixel_type", dtype=str(self.pixels.dtype))
        if not 1 <= self.bits_stored <= 16:
            raise InputRejected("film.bits_stored", bits=self.bits_stored)
        if self.slope == 0 or not np.isfinite([self.slope, self.intercept]).all():
            raise InputRejected("film.rescale_slope", slope=self.slope)
        self.pixels.setflags(write=False)

    @property
    def modality(self) -> Modality:
        """Always CXR: what the upload asks for, not what the picture shows."""
        return Modality.CXR


@dataclass(frozen=True, eq=False)
class EcgRecord:
    """One resting 12-lead recording.

    Parameters
    ----------
    signal_mv
        (12, n) float32 in mV, rows in the order of ``LEADS``; NaN marks samples of a lead that
        was off or absent.
    rate_hz
        Samples per second, 50–4000.
    derived_leads
        Leads computed from others while reading (Einthoven, Goldberger), not recorded.
    filters
        Filters the device says it applied, for example ``{"low_hz": 0.05, "high_hz": 150.0,
        "notch_hz": 50.0}``; missing keys mean not stated.
    """

    signal_mv: NDArray[np.float32]
    rate_hz: float
    person: PersonIdentity
    ids: StudyIds
    derived_leads: tuple[str, ...] = ()
    filters: dict[str, float] = field(default_factory=dict)
    source_kind: str = "dicom"
    notices: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        if self.signal_mv.ndim != 2 or self.signal_mv.shape[0] != len(LEADS):
            raise InputRejected("ecg.shape", shape=str(self.signal_mv.shape))
        if self.signal_mv.dtype != np.float32:
            raise InputRejected("ecg.dtype", dtype=str(self.signal_mv.dtype))
        if self.signal_mv.shape[1] == 0:
            raise InputRejected("ecg.no_samples")
        if not 50 <= self.rate_hz <= 4000:
            raise InputRejected("ecg.rate", rate_hz=self.rate_hz)
        self.signal_mv.setflags(write=False)

    @property
    def modality(self) -> Modality:
        """Always ECG."""
        return Modality.ECG

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return float(self.signal_mv.shape[1] / self.rate_hz)


class Stain(StrEnum):
    """How the specimen was stained; UNKNOWN when the file does not say."""

    PAPANICOLAOU = "papanicolaou"
    HAEMATOXYLIN_EOSIN = "haematoxylin_eosin"
    UNKNOWN = "unknown"


#: Size of one pixel in the object plane that a light microscope or slide scanner can give, µm.
CELL_PIXEL_UM: Final = (0.02, 10.0)


@dataclass(frozen=True, eq=False)
class CellImage:
    """One stained cell or a small field of a smear, in transmitted light.

    Parameters
    ----------
    pixels
        (rows, cols, 3) uint8, red, green, blue; row 0 at the top; bright = little stain.
    pixel_um
        Side of a square pixel in the object plane in µm; None when not known.
    stain
        As stated by the source.
    """

    pixels: NDArray[np.uint8]
    person: PersonIdentity
    ids: StudyIds
    pixel_um: float | None = None
    stain: Stain = Stain.UNKNOWN
    source_kind: str = "png"
    notices: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or 0 in self.pixels.shape:
            raise InputRejected("cell.shape", shape=str(self.pixels.shape))
        if self.pixels.dtype != np.uint8:
            raise InputRejected("cell.pixel_type", dtype=str(self.pixels.dtype))
        low, high = CELL_PIXEL_UM
        if self.pixel_um is not None and not low <= self.pixel_um <= high:
            raise InputRejected("cell.pixel_um", um=self.pixel_um, low=low, high=high)
        self.pixels.setflags(write=False)

    @property
    def modality(self) -> Modality:
        """Always PAP: what the upload asks for, not what the picture shows."""
        return Modality.PAP


Record = Radiograph | EcgRecord | CellImage
