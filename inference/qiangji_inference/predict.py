"""One bundle opened in ONNX Runtime: proved on its golden cases, then asked for numbers."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import BundleError, ModelUnavailable
from qiangji_datasets.records import CellImage, EcgRecord, Radiograph, Record
from qiangji_inference.misses import measured_sensitivity
from qiangji_inference.results import (
    BundleRef,
    Familiarity,
    Flag,
    GateResult,
    LabelPrediction,
    Prediction,
)
from qiangji_models import golden
from qiangji_models.bundle import Bundle, LabelPoints, check_onnx_metadata
from qiangji_models.preprocess.specs import CellSpec, EcgSpec, FilmSpec, Spec

_LOG = logging.getLogger(__name__)
#: Tensor (1, …) and the extent of the map.
_Input = tuple[NDArray[np.float32], tuple[float, ...]]
#: By measurement (benchmarks/bench_inference.py, two cores under load): one thread without
#: spinning beats two; with spinning two are up to three times slower.
THREADS: Final = 1
#: Place of the pooled features among a network's outputs; files of older bundles end before it.
_POOLED: Final = 2
#: The runtime's own warnings concern its developers; errors arrive as exceptions.
_ORT_LOG_ERRORS: Final = 3


class Precision(StrEnum):
    """Which file of a bundle runs."""

    INT8 = "int8"
    FP32 = "fp32"


@dataclass(frozen=True)
class GoldenResult:
    """Golden cases of one model file on this machine.

    ``difference`` is the largest deviation in calibrated probability; ``tolerance`` what the
    bundle allows.
    """

    precision: Precision
    cases: int
    difference: float
    tolerance: float

    @property
    def is_passed(self) -> bool:
        """True when this machine reproduces the bundle's numbers."""
        return self.difference <= self.tolerance


@dataclass(frozen=True)
class SessionSettings:
    """How a session uses the machine; the defaults are the measured choice."""

    threads: int = THREADS
    is_spinning: bool = False


class Answer(NamedTuple):
    """Logits (labels,), map (labels, …) and pooled features (channels,), None in older bundles."""

    logits: NDArray[np.float64]
    map: NDArray[np.float32]
    pooled: NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class Model:
    """A bundle with its open session, safe to call from several threads at once."""

    bundle: Bundle
    precision: Precision
    session: Any  # Any: onnxruntime ships no types

    @property
    def reference(self) -> BundleRef:
        """Name, version and hash as they stand in every prediction."""
        return BundleRef(self.bundle.name, self.bundle.version, self.bundle.sha256)

    def run(self, tensor: NDArray[np.float32]) -> Answer:
        """What the network says to one input (1, …).

        Raises
        ------
        ModelUnavailable
            The network gave another shape or a number that is not finite.
        """
        name = self.session.get_inputs()[0].name
        logits, maps, *features = self.session.run(None, {name: tensor})
        labels = len(self.bundle.labels)
        if logits.shape != (1, labels) or maps.shape != (1, labels, *self.bundle.map_shape):
            raise ModelUnavailable("engine.model_shape", bundle=self.bundle.name)
        if not all(np.isfinite(part).all() for part in (logits, maps, *features)):
            raise ModelUnavailable("engine.model_not_finite", bundle=self.bundle.name)
        pooled = features[0][0].astype(np.float32) if features else None
        return Answer(logits[0].astype(np.float64), maps[0].astype(np.float32), pooled)


def open_model(bundle: Bundle, settings: SessionSettings | None = None) -> Model:
    """Open a bundle's int8 file, or fp32 where int8 is absent or wrong on this machine.

    Raises
    ------
    BundleError
        No file of the bundle loads, belongs to it and reproduces its golden cases.
    """
    last: BundleError | None = None
    for precision, path in _files(bundle):
        try:
            return _proved(bundle, precision, path, settings or SessionSettings())
        except BundleError as error:
            _LOG.warning("bundle %s %s refused: %s", bundle.name, precision.value, error)
            last = error
    raise last or BundleError("bundle.file_missing", bundle=bundle.name, file="models")


def verify(bundle: Bundle, settings: SessionSettings | None = None) -> tuple[GoldenResult, ...]:
    """Run the golden cases of every model file of a bundle.

    Raises
    ------
    BundleError
        A file does not load or does not belong to the bundle.
    """
    return tuple(
        run_golden(_opened(bundle, precision, path, settings or SessionSettings()))
        for precision, path in _files(bundle)
    )


def run_golden(model: Model) -> GoldenResult:
    """Compare the golden cases with what this machine computes.

    Raises
    ------
    BundleError
        The golden file cannot be read, holds no case, or the network does not answer; or the
        golden recording is prepared otherwise than when the bundle was made.
    """
    bundle = model.bundle
    try:
        with np.load(bundle.golden, allow_pickle=False) as stored:
            inputs, expected = stored["input"].astype(np.float32), stored["logits"]
            record = golden.record_of(stored)
        prepared = None if record is None else _prepared(record, bundle.spec)[0][0]
        found = np.stack([model.run(case[None]).logits for case in inputs])
    except Exception as error:
        raise BundleError("bundle.golden_unusable", bundle=bundle.name) from error
    if prepared is not None:
        _check_drift(bundle, float(np.abs(prepared - inputs[-1]).max()))
    calibrate = bundle.calibration.probabilities
    difference = np.abs(calibrate(found) - calibrate(expected)).max()
    is_fp32 = model.precision is Precision.FP32
    tolerance = bundle.golden_tolerance[0 if is_fp32 else 1]
    return GoldenResult(model.precision, len(inputs), float(difference), tolerance)


def _check_drift(bundle: Bundle, drift: float) -> None:
    if not drift <= golden.MAX_DRIFT:
        raise BundleError(
            "bundle.preprocessing_drift",
            bundle=bundle.name,
            difference=round(drift, 5),
            tolerance=golden.MAX_DRIFT,
        )


def predict(model: Model, record: Record, gate: GateResult) -> Prediction:
    """Preprocess a recording, run the network, calibrate and flag.

    Parameters
    ----------
    model
        The opened bundle.
    record
        A recording of the bundle's modality.
    gate
        Its ``suppresses`` withholds calls.

    Raises
    ------
    InputRejected
        The recording lacks what the bundle needs (length, leads).
    ModelUnavailable
        The network's answer is unusable.
    """
    begun = time.perf_counter()
    tensor, extent = _prepared(record, model.bundle.spec)
    prepared = time.perf_counter()
    answer = model.run(tensor)
    answered = time.perf_counter()
    bundle = model.bundle
    return Prediction(
        bundle=model.reference,
        modality=bundle.modality,
        labels=_calls(bundle, answer.logits, gate),
        activation_map=answer.map,
        map_extent=extent,
        calibration_id=bundle.calibration.id,
        ms={"preprocess": (prepared - begun) * 1e3, "session": (answered - prepared) * 1e3},
        familiarity=_familiarity(bundle, answer.pooled),
    )


def pooled_features(model: Model, record: Record) -> NDArray[np.float32]:
    """Pooled features (channels,) of one recording, after production preprocessing.

    Raises
    ------
    BundleError
        The bundle's network ends before them.
    InputRejected
        The recording lacks what the bundle needs (length, leads).
    """
    pooled = model.run(_prepared(record, model.bundle.spec)[0]).pooled
    if pooled is None:
        raise BundleError("bundle.pooled_missing", bundle=model.bundle.name)
    return pooled


def _familiarity(bundle: Bundle, pooled: NDArray[np.float32] | None) -> Familiarity | None:
    novelty = None if bundle.uncertainty is None else bundle.uncertainty.novelty
    if novelty is None or pooled is None:
        return None
    return Familiarity(float(novelty.space.novelty(pooled[None])[0]), novelty.threshold)


def _calls(
    bundle: Bundle, logits: NDArray[np.float64], gate: GateResult
) -> tuple[LabelPrediction, ...]:
    calibration = bundle.calibration
    calls = tuple(
        replace(
            _call(name, float(logit), float(probability), bundle.points[name], gate),
            sensitivity=measured_sensitivity(bundle, name),
        )
        for name, logit, probability in zip(
            bundle.labels, logits, calibration.probabilities(logits), strict=True
        )
    )
    doubt = bundle.uncertainty
    if doubt is None:
        return calls
    lows, highs = doubt.band(logits, calibration.scale, calibration.offset)
    return tuple(
        replace(
            call,
            probability_low=float(low),
            probability_high=float(high),
            is_uncertain=not call.suppressed_by
            and doubt.is_uncertain(call.label, call.probability),
        )
        for call, low, high in zip(calls, lows, highs, strict=True)
    )


def _call(
    name: str, logit: float, probability: float, points: LabelPoints, gate: GateResult
) -> LabelPrediction:
    flag, point = Flag.NONE, points.sensitive
    suppressed_by = gate.suppresses.get(name, "")
    if not suppressed_by and probability >= points.specific.threshold:
        flag, point = Flag.LIKELY, points.specific
    elif not suppressed_by and points.has_hint and probability >= points.sensitive.threshold:
        flag = Flag.POSSIBLE
    return LabelPrediction(
        label=name,
        logit=logit,
        probability=probability,
        flag=flag,
        operating_point=point.id,
        threshold=point.threshold,
        suppressed_by=suppressed_by,
    )


def _prepared(record: Record, spec: Spec) -> _Input:
    kind, prepare = _PREPARE[type(spec)]
    if not isinstance(record, kind):
        raise TypeError(f"{type(record).__name__} does not fit {type(spec).__name__}")
    return prepare(record, spec)


def _film(record: Radiograph, spec: FilmSpec) -> _Input:
    from qiangji_models.preprocess import film

    return film.to_model_input(record, spec), film.map_extent(record.pixels.shape, spec)


def _ecg(record: EcgRecord, spec: EcgSpec) -> _Input:
    from qiangji_models.preprocess import ecg

    return ecg.to_model_input(record, spec), ecg.map_extent(spec)


def _cell(record: CellImage, spec: CellSpec) -> _Input:
    from qiangji_models.preprocess import cell

    return cell.to_model_input(record, spec), cell.map_extent(record, spec)


#: Preprocessing by kind of bundle: what it reads, and how. One line a kind.
_PREPARE: Final[Mapping[type[Spec], tuple[type[Record], Callable[[Any, Any], _Input]]]] = {
    FilmSpec: (Radiograph, _film),  # Any above: the table itself pairs record and spec
    EcgSpec: (EcgRecord, _ecg),
    CellSpec: (CellImage, _cell),
}


def _files(bundle: Bundle) -> list[tuple[Precision, Path]]:
    int8 = [] if bundle.onnx_int8 is None else [(Precision.INT8, bundle.onnx_int8)]
    return [*int8, (Precision.FP32, bundle.onnx_fp32)]


def _proved(bundle: Bundle, precision: Precision, path: Path, settings: SessionSettings) -> Model:
    model = _opened(bundle, precision, path, settings)
    result = run_golden(model)
    if not result.is_passed:
        raise BundleError(
            "bundle.golden_differs",
            bundle=bundle.name,
            precision=precision.value,
            difference=round(result.difference, 5),
            tolerance=result.tolerance,
        )
    return model


def _opened(bundle: Bundle, precision: Precision, path: Path, settings: SessionSettings) -> Model:
    try:
        session = open_session(path, settings)
    except Exception as error:
        raise BundleError("bundle.onnx_unusable", bundle=bundle.name, file=path.name) from error
    check_onnx_metadata(bundle, session.get_modelmeta().custom_metadata_map)
    _check_features(bundle, [output.shape for output in session.get_outputs()])
    return Model(bundle, precision, session)


def _check_features(bundle: Bundle, shapes: Sequence[Sequence[object]]) -> None:
    novelty = None if bundle.uncertainty is None else bundle.uncertainty.novelty
    if novelty is None:
        return
    if len(shapes) <= _POOLED or shapes[_POOLED][-1] != len(novelty.space.mean):
        raise BundleError("bundle.pooled_missing", bundle=bundle.name)


def open_session(path: Path, settings: SessionSettings) -> Any:  # Any: onnxruntime ships no types
    """A network file opened as the service opens it, nothing checked."""
    # Released builds of ONNX Runtime report to their maker unless this is set before they load.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ORT_LOG_ERRORS
    spinning = "1" if settings.is_spinning else "0"
    options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
