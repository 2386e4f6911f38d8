"""A film from the elements of a DICOM picture: pixels as stored, and all facts to show them.

References
----------
DICOM PS3.3 10.7 (pixel spacing), C.8.11 (DX), C.11.1 and C.11.2 (modality and VOI LUT).
"""

from __future__ import annotations

import math
import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.dicom_file import DicomFile
from qiangji_datasets.formats.dicom_header import read_ids, read_person, report_species
from qiangji_datasets.formats.dicom_kinds import CROSS_SECTIONAL, disagrees
from qiangji_datasets.formats.dicom_pixels import pixel_facts, stored_values
from qiangji_datasets.formats.dicom_tags import Tag
from qiangji_datasets.formats.dicom_values import DataSet
from qiangji_datasets.formats.limits import Limits
from qiangji_datasets.records import Radiograph, SpacingKind, View, Window

#: Defined terms of View Position (PS3.3 C.8.11.5 and C.8.1.1), to the views told apart here.
_VIEWS: Final = {
    "PA": View.PA, "AP": View.AP, "LL": View.LATERAL, "RL": View.LATERAL, "LAT": View.LATERAL,
    "LATERAL": View.LATERAL, "LLD": View.OTHER, "RLD": View.OTHER, "RLO": View.OTHER,
    "LLO": View.OTHER, "RPO": View.OTHER, "LPO": View.OTHER, "RAO": View.OTHER,
    "LAO": View.OTHER, "ML": View.LATERAL, "LM": View.LATERAL,
}  # fmt: skip
#: One direction of Patient Orientation, most important first (PS3.3 C.7.6.1.1.1).
_DIRECTION: Final = re.compile("[LRAPHF]{1,3}")
_LUT = tuple[int, NDArray[np.uint16]]


def read_film(file: DicomFile, limits: Limits) -> Radiograph:
    """Read a single-frame picture, whatever modality it says it is; the gate judges that.

    Raises
    ------
    InputRejected
        Header or pixel data are missing, contradictory, damaged or beyond the limits.
    """
    data_set = file.data_set
    ids, person = read_ids(data_set), read_person(data_set)
    report_species(data_set)
    modality = data_set.code(Tag.Modality)
    if disagrees(ids.sop_class_uid, modality):
        data_set.notices.warn("dicom.modality_disagrees", modality=modality)
    facts = pixel_facts(data_set, limits)
    slope, intercept = _rescale(data_set)
    pixels, bits = stored_values(file, facts)
    spacing, kind = _spacing(data_set, modality)
    return Radiograph(
        pixels=pixels,
        bits_stored=bits,
        view=_view(data_set),
        person=person,
        ids=ids,
        slope=slope,
        intercept=intercept,
        is_monochrome1=facts.photometric == "MONOCHROME1",
        windows=_windows(data_set),
        voi_lut=_lut(data_set, Tag.VOILUTSequence, facts.is_signed),
        modality_lut=_lut(data_set, Tag.ModalityLUTSequence, facts.is_signed),
        spacing_mm=spacing,
        spacing_kind=kind,
        laterality=data_set.code(Tag.ImageLaterality) or data_set.code(Tag.Laterality),
        body_part=data_set.code(Tag.BodyPartExamined),
        patient_position=data_set.code(Tag.PatientPosition),
        patient_orientation=_orientation(data_set),
        modality_code=modality,
        notices=tuple(data_set.notices.found),
    )


def _view(data_set: DataSet) -> View:
    value = data_set.code(Tag.ViewPosition)
    if not value:
        return View.UNKNOWN
    return _VIEWS.get(value, View.OTHER)


def _orientation(data_set: DataSet) -> tuple[str, str] | None:
    values = data_set.codes(Tag.PatientOrientation)
    if len(values) != 2 or not all(_DIRECTION.fullmatch(value) for value in values):
        return None
    return values[0], values[1]


def _rescale(data_set: DataSet) -> tuple[float, float]:
    slope = data_set.number(Tag.RescaleSlope)
    intercept = data_set.number(Tag.RescaleIntercept)
    if slope == 0:
        raise InputRejected("film.rescale_slope", slope=0.0)
    return (1.0 if slope is None else slope), (0.0 if intercept is None else intercept)


def _windows(data_set: DataSet) -> tuple[Window, ...]:
    centres = data_set.optional_numbers(Tag.WindowCenter)
    widths = data_set.optional_numbers(Tag.WindowWidth)
    if len(centres) != len(widths):
        data_set.notices.warn("film.window_ignored")
    names = data_set.text(Tag.WindowCenterWidthExplanation).split("\\")
    function = data_set.code(Tag.VOILUTFunction)
    if function not in ("", "LINEAR"):
        data_set.notices.inform("film.voi_function", function=function)
    found = []
    for index, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        if width <= 0 or (width < 1 and function != "LINEAR_EXACT"):
            data_set.notices.warn("film.window_ignored")
            continue
        found.append(Window(centre, width, names[index].strip() if index < len(names) else ""))
    return tuple(found)


def _lut(data_set: DataSet, sequence: Tag, is_signed: bool) -> _LUT | None:
    """First look-up table of a sequence: first value mapped, entries."""
    items = data_set.items(sequence)
    if not items:
        return None
    descriptor = items[0].numbers(Tag.LUTDescriptor)
    element = items[0].element(Tag.LUTData)
    if len(descriptor) != 3 or element is None:
        raise InputRejected("film.lut", element=sequence.name)
    count = int(descriptor[0]) % 65536 or 65536
    first = int(descriptor[1])
    if is_signed and first > 32767:
        first -= 65536
    order = ">" if element.is_big_endian else "<"
    if len(element.value) == count + count % 2 and descriptor[2] <= 8:
        table = np.frombuffer(element.value[:count], "u1")
    elif len(element.value) >= 2 * count:
        table = np.frombuffer(element.value[: 2 * count], f"{order}u2")
    else:
        raise InputRejected("film.lut", element=sequence.name)
    return first, table.astype(np.uint16)


def _spacing(data_set: DataSet, modality: str) -> tuple[tuple[float, float] | None, SpacingKind]:
    """Spacing and what it means: PS3.3 10.7.1.1 to 10.7.1.3."""
    pixel = _pair(data_set, Tag.PixelSpacing)
    detector = _pair(data_set, Tag.ImagerPixelSpacing) or _pair(
        data_set, Tag.NominalScannedPixelSpacing
    )
    if pixel is None:
        return detector, SpacingKind.NONE if detector is None else SpacingKind.DETECTOR
    is_calibrated = (
        data_set.code(Tag.PixelSpacingCalibrationType) in ("GEOMETRY", "FIDUCIAL")
        or modality in CROSS_SECTIONAL
        or (detector is not None and not _is_same(pixel, detector))
    )
    # A projection that names Pixel Spacing alone may mean either plane: the cautious one counts.
    return pixel, SpacingKind.CALIBRATED if is_calibrated else SpacingKind.DETECTOR


def _is_same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(one, other, strict=True))


def _pair(data_set: DataSet, tag: Tag) -> tuple[float, float] | None:
    values = data_set.optional_numbers(tag)
    if not values:
        return None
    if len(values) != 2 or not all(0 < value < 100 for value in values):
        data_set.notices.warn("dicom.value_ignored", element=tag.name)
        return None
    return values[0], values[1]
