"""What happens before any bundle is asked: measurement and gate, timed, never raising."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qiangji_datasets.records import CellImage, EcgRecord, Notice, Radiograph, Record, Sex
from qiangji_inference.reading import Code, refusal
from qiangji_inference.results import GateResult
from qiangji_models.bundle import Bundle

if TYPE_CHECKING:
    from qiangji_inference.ecg_measure import EcgMeasurements

_LOG = logging.getLogger(__name__)
_EVERY_SEX: Final = frozenset(Sex)


def out_of_scope(bundle: Bundle, record: Record, patient: Patient) -> Notice | None:
    """Why the bundle must not read this recording of this patient, or None."""
    if record.modality is not bundle.modality:
        return refusal(
            Code.MODALITY_OUT_OF_SCOPE,
            wanted=bundle.modality.value,
            modality=record.modality.value,
        )
    if isinstance(record, Radiograph) and not bundle.accepts_view(record.view):
        views = "/".join(sorted(bundle.views or ()))
        return refusal(Code.VIEW_OUT_OF_SCOPE, view=record.view.value, views=views)
    return patient.declined_by(bundle)


@dataclass(frozen=True)
class Patient:
    """Who a bundle would speak about; ``needs_age`` False lets an unknown age pass."""

    age_years: float | None
    sex: Sex | None
    needs_age: bool

    def declined_by(self, bundle: Bundle) -> Notice | None:
        """Why the bundle is not for this patient, or None."""
        low, high = bundle.age_range_years
        if self.age_years is None and self.needs_age:
            return refusal(Code.AGE_MISSING, low=low, high=high)
        if self.age_years is not None and not bundle.accepts_age(self.age_years):
            return refusal(Code.AGE_OUT_OF_RANGE, low=low, high=high)
        if bundle.sexes >= _EVERY_SEX:
            return None
        if self.sex is None:
            return refusal(Code.SEX_MISSING)
        return None if self.sex in bundle.sexes else refusal(Code.SEX_OUT_OF_RANGE)


@dataclass(frozen=True)
class Checked:
    """What the stages before the bundles found."""

    gate: GateResult
    measurements: EcgMeasurements | None = None
    faults: tuple[Notice, ...] = ()
    #: The gate was wanted and could not be had: nothing may be read ungated.
    blocks: bool = False


def checked_record(
    record: Record, patient: Patient, ms: dict[str, float], *, gate: bool, measure: bool
) -> Checked:
    """Measure and gate a recording; ``ms`` takes the time of both stages."""
    if isinstance(record, Radiograph):
        return gated(lambda: _film_gate(record, patient), ms) if gate else Checked(GateResult())
    if isinstance(record, CellImage):
        return gated(lambda: _cell_gate(record), ms) if gate else Checked(GateResult())
    if not measure:
        return Checked(GateResult())
    try:
        with _timed(ms, "measure"):
            measurements = _measured(record, patient)
    except Exception:  # noqa: BLE001 - measuring is ours; a fault there must not lose the case
        _LOG.exception("measuring an ECG failed")
        return Checked(GateResult(), faults=(refusal(Code.MEASURE_FAILED),), blocks=gate)
    if not gate:
        return Checked(GateResult(), measurements)
    return gated(lambda: _ecg_gate(record, measurements), ms, measurements)


def _film_gate(film: Radiograph, patient: Patient) -> GateResult:
    from qiangji_inference.gate_film import check_film

    return check_film(film, age_years=patient.age_years)


def _cell_gate(cell: CellImage) -> GateResult:
    from qiangji_inference.gate_cell import check_cell

    return check_cell(cell)


def _ecg_gate(record: EcgRecord, measurements: EcgMeasurements) -> GateResult:
    from qiangji_inference.gate_ecg import check_ecg

    return check_ecg(record, measurements)


def _measured(record: EcgRecord, patient: Patient) -> EcgMeasurements:
    from qiangji_inference.ecg_measure import measure

    return measure(record, age_years=patient.age_years, sex=patient.sex)


def gated(
    check: Callable[[], GateResult],
    ms: dict[str, float],
    measurements: EcgMeasurements | None = None,
) -> Checked:
    """Run a gate; where it fails nothing may be read, and the case goes up with that fault."""
    try:
        with _timed(ms, "gate"):
            return Checked(check(), measurements)
    except Exception:  # noqa: BLE001 - an unchecked recording is not read by the AI, and the case goes up
        _LOG.exception("the gate failed on a recording")
        return Checked(GateResult(), measurements, (refusal(Code.GATE_FAILED),), blocks=True)


@contextmanager
def _timed(ms: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.perf_counter()
    try:
        yield
    finally:
        ms[stage] = (time.perf_counter() - begun) * 1e3
