"""An int8 variant of a network, judged on validation; it ships only when nothing is lost."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qiangji_inference import metrics
from qiangji_models.bundle import Calibration
from qiangji_training import parity
from qiangji_training.onnx_file import INPUT
from qiangji_training.parity import Inputs

#: What int8 may cost on validation, each against fp32: macro AUC either way, and any one label.
MAX_AUC_CHANGE: Final = 0.003
MAX_LABEL_DROP: Final = 0.01
#: Largest difference of a golden case, in probability; less than the service tolerates (0.02),
#: since another processor may round a value to the next step.
MAX_GOLDEN: Final = 0.018
#: Logit minus mean of the map must be the same constant in every recording.
MAX_MAP_ERROR: Final = 1e-3
#: int8 must take less than this part of fp32's time.
MAX_TIME: Final = 0.9
_RANGE_SAMPLE: Final = 128
_JUDGED: Final = 1500
_PAIRS: Final = 80
_OPERATIONS: Final = ("Conv", "Add", "Relu", "Clip", "Mul", "MaxPool", "AveragePool")
_HEAD: Final = frozenset({"MatMul", "Gemm"})


@dataclass(frozen=True, eq=False)
class Judges:
    """On what an int8 file is judged.

    ``inputs`` and ``targets`` of validation; ``golden`` inputs; ``calibration`` and ``thresholds``
    (points, labels) of the bundle.
    """

    inputs: Inputs
    targets: NDArray[np.float32]
    golden: Inputs
    calibration: Calibration
    thresholds: NDArray[np.float64]


@dataclass(frozen=True)
class Int8Figures:
    """How an int8 file compares with fp32 on ``n`` validation recordings.

    ``largest_difference`` and ``mean_difference`` in probability; ``changed_flags`` is the part
    of (recording, label) pairs on another side of a threshold; ``map_error`` how far the map's
    mean plus bias is from the logit.
    """

    keeps_stem: bool
    n: int
    macro_auc_fp32: float | None
    macro_auc_int8: float | None
    worst_label_drop: float
    largest_difference: float
    mean_difference: float
    golden_difference: float
    changed_flags: float
    map_error: float
    ms_fp32: float
    ms_int8: float

    def faults(self) -> tuple[str, ...]:
        """Names of the limits that this file breaks; empty when it may ship."""
        before, after = self.macro_auc_fp32, self.macro_auc_int8
        change = 1.0 if before is None or after is None else abs(after - before)
        limits = {
            "macro_auc": change <= MAX_AUC_CHANGE,
            "label_auc": self.worst_label_drop <= MAX_LABEL_DROP,
            "golden": self.golden_difference <= MAX_GOLDEN,
            "map": self.map_error <= MAX_MAP_ERROR,
            "speed": self.ms_int8 <= MAX_TIME * self.ms_fp32,
        }
        return tuple(name for name, is_kept in limits.items() if not is_kept)

    def as_dict(self) -> dict[str, Any]:  # Any: JSON
        """The figures and the verdict, as JSON."""
        return {**asdict(self), "faults": list(self.faults()), "is_shipped": not self.faults()}


def quantised(fp32: Path, target: Path, judges: Judges) -> Int8Figures:
    """Write the int8 variant of a network; remove it again where it costs too much.

    First every convolution is tried, then all but the first, whose few channels carry the most.

    Parameters
    ----------
    fp32
        The file to quantise, weights stored in 32 bits.
    target
        Where the int8 file goes.

    Returns
    -------
        Figures of the variant that ships, else of the last one tried.
    """
    known = _Answers.of(fp32, judges)
    prepared = target.with_suffix(".prepared.onnx")
    _prepare(fp32, prepared)
    try:
        for keeps_stem in (False, True):
            _quantise(prepared, target, judges.inputs, keeps_stem=keeps_stem)
            _centre(target, known, judges)
            figures = _compare(fp32, target, known, judges, keeps_stem=keeps_stem)
            if not figures.faults():
                return figures
    finally:
        prepared.unlink()
    target.unlink()
    return figures


@dataclass(frozen=True, eq=False)
class _Answers:
    logits: Inputs
    maps: Inputs
    golden: Inputs

    @classmethod
    def of(cls, path: Path, judges: Judges) -> _Answers:
        opened = parity.session(path)
        logits, maps, _ = parity.answers(opened, parity.sample(judges.inputs, _JUDGED))
        return cls(logits, maps, parity.answers(opened, judges.golden)[0])


def _prepare(source: Path, target: Path) -> None:
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(source, target, skip_symbolic_shape=True)


def _quantise(source: Path, target: Path, inputs: Inputs, *, keeps_stem: bool) -> None:
    """Static quantisation with ranges from a sample of validation; the head stays exact."""
    import onnx
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # untyped base
        rows: Iterator[Inputs] = iter(parity.sample(inputs, _RANGE_SAMPLE))

        def get_next(self) -> dict[str, Inputs] | None:
            row = next(self.rows, None)
            return None if row is None else {INPUT: row[None]}

    model = onnx.load(source)
    excluded = _after_head(model) + (_stem(model) if keeps_stem else [])
    with _silence():
        quantization.quantize_static(
            source,
            target,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(_OPERATIONS),
            nodes_to_exclude=excluded,
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The quantiser prints, and warns on the root logger about files that it made itself."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)


def _after_head(model: Any) -> list[str]:  # Any: onnx ships no types
    """The heads' products and all that follows: quantised they would part map and logit."""
    reached: set[str] = set()
    names = []
    for node in model.graph.node:
        if node.op_type in _HEAD or reached & set(node.input):
            reached.update(node.output)
            names.append(node.name)
    return names


def _stem(model: Any) -> list[str]:  # Any: onnx ships no types
    """First convolution on every way from the input."""
    reached, names = {INPUT}, []
    for node in model.graph.node:
        if not reached & set(node.input):
            continue
        if node.op_type == "Conv":
            names.append(node.name)
        else:
            reached.update(node.output)
    return names


def _centre(path: Path, known: _Answers, judges: Judges) -> None:
    """Take the mean error of every logit off its bias, so that thresholds keep their meaning."""
    import onnx
    from onnx import helper, numpy_helper

    found, *_ = parity.answers(parity.session(path), parity.sample(judges.inputs, _JUDGED))
    model = onnx.load(path)
    raw, shift = "logits_before_shift", "logits_shift"
    for node in model.graph.node:
        for place, name in enumerate(node.output):
            if name == "logits":
                node.output[place] = raw
    values = np.asarray((known.logits - found).mean(axis=0), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(values, shift))
    model.graph.node.append(helper.make_node("Add", [raw, shift], ["logits"], name="shift_logits"))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _compare(
    fp32: Path, int8: Path, known: _Answers, judges: Judges, *, keeps_stem: bool
) -> Int8Figures:
    opened = parity.session(int8)
    logits, maps, _ = parity.answers(opened, parity.sample(judges.inputs, _JUDGED))
    golden = parity.answers(opened, judges.golden)[0]
    targets = judges.targets[parity.places(len(judges.inputs), _JUDGED)]
    chance = judges.calibration.probabilities
    before, after = chance(known.logits), chance(logits)
    apart = np.abs(after - before)
    is_moved = [(before >= limit) != (after >= limit) for limit in judges.thresholds]
    rest = logits - maps.reshape(*maps.shape[:2], -1).mean(axis=2)
    slow, fast = parity.paired_ms(fp32, int8, judges.inputs, pairs=_PAIRS)
    return Int8Figures(
        keeps_stem=keeps_stem,
        n=len(logits),
        macro_auc_fp32=metrics.macro_auc(targets, known.logits.astype(np.float64)),
        macro_auc_int8=metrics.macro_auc(targets, logits.astype(np.float64)),
        worst_label_drop=_worst_drop(targets, known.logits, logits),
        largest_difference=float(apart.max()),
        mean_difference=float(apart.mean()),
        golden_difference=float(np.abs(chance(golden) - chance(known.golden)).max()),
        changed_flags=float(np.mean(is_moved)),
        map_error=float(np.ptp(rest, axis=0).max()),
        ms_fp32=slow,
        ms_int8=fast,
    )


def _worst_drop(targets: NDArray[np.float32], before: Inputs, after: Inputs) -> float:
    drops = [0.0]
    for column in range(targets.shape[1]):
        truth = targets[:, column : column + 1]
        pair = [
            metrics.macro_auc(truth, logits[:, column : column + 1].astype(np.float64))
            for logits in (before, after)
        ]
        if pair[0] is not None and pair[1] is not None:
            drops.append(pair[0] - pair[1])
    return float(max(drops))
