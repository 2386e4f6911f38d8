"""Where the measured ECG and the network's reading of it cannot both be right.

Both are shown; a contradiction is a statement of its own and asks for what the worse of the two
would ask for, so that neither silently overrules the other. A network call takes part only when
it is plain: LIKELY, or NONE; measured values only when they clear the limit by more than they
are off on LUDB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from qiangji_datasets.labels import UrgencyLevel, label
from qiangji_inference.ecg_types import (
    AF_LEAST_VARIATION,
    TACHYCARDIA_BPM,
    WIDE_QRS_MS,
    EcgMeasurements,
    Statement,
)
from qiangji_inference.results import Flag, LabelPrediction, Prediction

#: Sinus bradycardia is below this rate (ACC/AHA/HRS 2006 definitions, as TACHYCARDIA_BPM).
BRADYCARDIA_BPM: Final = 60.0
#: A rate this close to a limit contradicts nobody: single beats move it by as much in 10 s.
RATE_MARGIN_BPM: Final = 5.0
#: Rounded up from the deviation of our QRS width from the cardiologists' (LUDB: 9 ms).
QRS_MARGIN_MS: Final = 10.0

_SOURCE: Final = (
    "测量与模型对照(ACC/AHA/HRS 2006 心率定义;AHA/ACCF/HRS 2009 QRS 时限;"
    "第四版心肌梗死通用定义 2018)"
)

#: Said by every rule of ST elevation; ``params`` hold leads and the highest level in mV.
_ELEVATION: Final = "ecg.statement.st_elevation"

Params = dict[str, str | int | float]
Calls = dict[str, LabelPrediction]


def contradictions(
    measured: EcgMeasurements | None, predictions: Iterable[Prediction]
) -> tuple[Statement, ...]:
    """Pairs of statements about one ECG that exclude each other, most urgent first.

    Parameters
    ----------
    measured
        None, or a recording whose rhythm could not be measured: nothing is said.
    predictions
        Of the bundles that read the recording; withheld calls are left out.

    Returns
    -------
        Codes ``ecg.contradiction.<kind>``; ``params`` holds the measured numbers and the
        network's probability in percent. The level is the label's, at least UNDETERMINED.
    """
    if measured is None or measured.is_chaotic or measured.is_without_qrs or measured.is_flat:
        return ()
    calls = {
        item.label: item
        for prediction in predictions
        for item in prediction.labels
        if not item.suppressed_by
    }
    found = [statement for judge in _JUDGES for statement in judge(measured, calls)]
    return tuple(sorted(found, key=lambda statement: -statement.level))


def _rate(measured: EcgMeasurements, calls: Calls) -> Iterator[Statement]:
    """Rate against ``stach`` and ``sbrad``; without sinus P waves they do not apply."""
    bpm = measured.ventricular_bpm
    if bpm is None:
        return
    numbers: Params = {"bpm": round(bpm)}
    is_sinus = bool(measured.has_p) and not measured.is_flutter and not measured.is_av_dissociated
    if is_sinus and bpm >= TACHYCARDIA_BPM + RATE_MARGIN_BPM:
        yield from _denied("fast_denied", calls, ("stach",), numbers)
    if is_sinus and bpm <= BRADYCARDIA_BPM - RATE_MARGIN_BPM:
        yield from _denied("slow_denied", calls, ("sbrad",), numbers)
    if bpm <= TACHYCARDIA_BPM - RATE_MARGIN_BPM:
        yield from _claimed("fast_claimed", calls, "stach", numbers)
    if bpm >= BRADYCARDIA_BPM + RATE_MARGIN_BPM:
        yield from _claimed("slow_claimed", calls, "sbrad", numbers)


def _width(measured: EcgMeasurements, calls: Calls) -> Iterator[Statement]:
    """QRS width against ``cbbb`` and ``cd``; a narrow QRS excludes the first only."""
    qrs_ms = measured.qrs_ms
    if qrs_ms is None or measured.is_paced:
        return
    numbers: Params = {"qrs_ms": round(qrs_ms)}
    if qrs_ms >= WIDE_QRS_MS + QRS_MARGIN_MS:
        yield from _denied("wide_denied", calls, ("cbbb", "cd"), numbers)
    if qrs_ms <= WIDE_QRS_MS - QRS_MARGIN_MS:
        yield from _claimed("wide_claimed", calls, "cbbb", numbers)


def _fibrillation(measured: EcgMeasurements, calls: Calls) -> Iterator[Statement]:
    """RR and P waves against ``af_flutter``."""
    variation = measured.rr_variation
    if variation is None:
        return
    numbers: Params = {"variation": round(100 * variation)}
    if measured.is_irregularly_irregular:
        yield from _denied("af_denied", calls, ("af_flutter",), numbers)
    if measured.is_flutter and measured.atrial_bpm is not None:
        atrial: Params = {"atrial_bpm": round(measured.atrial_bpm)}
        yield from _denied("flutter_denied", calls, ("af_flutter",), atrial)
    if variation <= AF_LEAST_VARIATION and measured.has_p:
        yield from _claimed("af_claimed", calls, "af_flutter", numbers)


def _elevation(measured: EcgMeasurements, calls: Calls) -> Iterator[Statement]:
    """ST elevation by rule against ``mi``; the network's silence must not stand beside it."""
    for stated in measured.statements:
        if stated.code == _ELEVATION:
            yield from _denied("st_denied", calls, ("mi",), stated.params)
            return


def _denied(
    kind: str, calls: Calls, labels: tuple[str, ...], numbers: Params
) -> Iterator[Statement]:
    """Measured, but every one of the labels that the network knows is NONE."""
    known = [calls[name] for name in labels if name in calls]
    if known and all(call.flag is Flag.NONE for call in known):
        highest = max(known, key=lambda call: call.probability)
        yield _statement(kind, highest, numbers)


def _claimed(kind: str, calls: Calls, name: str, numbers: Params) -> Iterator[Statement]:
    """LIKELY to the network, but measured otherwise."""
    call = calls.get(name)
    if call is not None and call.flag is Flag.LIKELY:
        yield _statement(kind, call, numbers)


def _statement(kind: str, call: LabelPrediction, numbers: Params) -> Statement:
    level = max(label(call.label).urgency, UrgencyLevel.UNDETERMINED)
    params = numbers | {"percent": round(100 * call.probability)}
    return Statement(f"ecg.contradiction.{kind}", level, f"contradiction_{kind}", _SOURCE, params)


_JUDGES: Final[tuple[Callable[[EcgMeasurements, Calls], Iterator[Statement]], ...]] = (
    _rate,
    _width,
    _fibrillation,
    _elevation,
)
