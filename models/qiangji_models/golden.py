"""The golden recording of a bundle: a synthetic one, kept small, from which the last case starts.

The other golden cases begin at the network's input; this one begins where a file reader ends, so
that a changed resampling, filter or picture library is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import (
    CellImage,
    EcgRecord,
    PersonIdentity,
    Radiograph,
    Record,
    Stain,
    StudyIds,
    View,
    Window,
)

#: Largest difference of a prepared value (unit: standard deviations) from the stored one. 32-bit
#: arithmetic in another order stays below 1e-5; one grey level of a film is 0.02 and more.
MAX_DRIFT: Final = 1e-3
_VALUES: Final = "record"
_FACTS: Final = "record_facts"
_STEP_MV: Final = 1e-3

Arrays = dict[str, NDArray[np.generic]]


def pack(record: Record) -> Arrays:
    """Arrays for the golden npz file; of person and study nothing is kept.

    An ECG is rounded to microvolts; only the first window of a film is kept.
    """
    facts: dict[str, Any] = {"kind": type(record).__name__}  # Any: JSON
    if isinstance(record, EcgRecord):
        values: NDArray[np.generic] = np.round(record.signal_mv / _STEP_MV).astype(np.int16)
        facts["rate_hz"] = record.rate_hz
    elif isinstance(record, CellImage):
        values = record.pixels
        facts |= {"pixel_um": record.pixel_um, "stain": record.stain.value}
    else:
        values = record.pixels
        first = [[item.centre, item.width] for item in record.windows[:1]]
        facts |= {"bits": record.bits_stored, "view": record.view.value, "windows": first}
    return {_VALUES: values, _FACTS: np.array(json.dumps(facts))}


def record_of(stored: Mapping[str, NDArray[Any]]) -> Record | None:  # Any: an open npz file
    """The recording that ``pack`` stored; None in bundles made before there was one.

    Raises
    ------
    ValueError
        The facts cannot be read.
    KeyError
        A kind or fact is unknown.
    """
    if _FACTS not in stored:
        return None
    facts = json.loads(str(stored[_FACTS]))
    return _KINDS[facts["kind"]](stored[_VALUES], facts)


def _ecg(values: NDArray[Any], facts: Mapping[str, Any]) -> Record:
    signal_mv = (values * _STEP_MV).astype(np.float32)
    return EcgRecord(signal_mv, facts["rate_hz"], PersonIdentity(), StudyIds())


def _cell(values: NDArray[Any], facts: Mapping[str, Any]) -> Record:
    stain = Stain(facts["stain"])
    return CellImage(values, PersonIdentity(), StudyIds(), facts["pixel_um"], stain)


def _film(values: NDArray[Any], facts: Mapping[str, Any]) -> Record:
    windows = tuple(Window(centre, width) for centre, width in facts["windows"])
    view = View(facts["view"])
    return Radiograph(values, facts["bits"], view, PersonIdentity(), StudyIds(), windows=windows)


_KINDS: Final[Mapping[str, Callable[[NDArray[Any], Mapping[str, Any]], Record]]] = {
    EcgRecord.__name__: _ecg,
    CellImage.__name__: _cell,
    Radiograph.__name__: _film,
}
