"""The network as it ships: normalisation folded in, weights in half precision, one ONNX file."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.nn.utils import fusion

OPSET: Final = 18
#: Names of a network's answer; files of older bundles end after the map.
OUTPUTS: Final = ("logits", "map", "pooled")
INPUT: Final = "input"
_HALF: Final = "_half"
#: Smaller constants stay as they are: nothing is saved, and biases need their digits.
_SMALLEST: Final = 256
_CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d)
_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d)


def as_shipped(net: nn.Module) -> nn.Module:
    """A copy whose weights a file of half the size can hold exactly.

    Every batch normalisation that follows a convolution in an ``nn.Sequential`` becomes part of
    it; then each weight is rounded to the nearest number of half precision. Biases stay.
    Arithmetic remains 32 bits wide, so that torch and ONNX Runtime still compute the same.
    """
    shipped = copy.deepcopy(net).eval()
    for sequence in [item for item in shipped.modules() if isinstance(item, nn.Sequential)]:
        _fold(sequence)
    with torch.no_grad():
        for weight in shipped.parameters():
            if weight.ndim > 1:
                weight.copy_(weight.half().float())
    return shipped.requires_grad_(requires_grad=False)


def _fold(sequence: nn.Sequential) -> None:
    for place in range(len(sequence) - 1):
        first, second = sequence[place], sequence[place + 1]
        if isinstance(first, _CONVOLUTIONS) and isinstance(second, _NORMS):
            sequence[place] = fusion.fuse_conv_bn_eval(first, second)
            sequence[place + 1] = nn.Identity()


def write_onnx(net: nn.Module, example: np.ndarray[Any, Any], path: Path) -> None:
    """Export a network in evaluation mode, outputs ``OUTPUTS``, for a batch of one.

    Parameters
    ----------
    net
        Gives logits, map and pooled features.
    example
        One input (1, …), float32.
    path
        File to write.
    """
    import onnx

    program = torch.onnx.export(
        net.eval(),
        (torch.from_numpy(example),),
        input_names=[INPUT],
        output_names=list(OUTPUTS),
        opset_version=OPSET,
        dynamo=True,
        optimize=True,
        verbose=False,
    )
    net.eval()  # the exporter has been seen to leave a wrapped network in training mode
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    model = program.model_proto
    # Notes of the exporter name source files of the machine that exported.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.initializer, *model.graph.input):
        del value.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def store_as_half(path: Path) -> None:
    """Keep every large constant that half precision holds exactly in half precision.

    The file says ``Cast`` to 32 bits; ONNX Runtime computes that once, while it loads the file.
    No value changes.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    casts = []
    for constant in model.graph.initializer:
        if constant.data_type != TensorProto.FLOAT or np.prod(constant.dims) < _SMALLEST:
            continue
        values = numpy_helper.to_array(constant)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(half, name + _HALF))
        casts.append(helper.make_node("Cast", [name + _HALF], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def put_properties(path: Path, properties: dict[str, str]) -> None:
    """Write what names the bundle into the file's own metadata."""
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    for key, value in properties.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, path)


def graph_bytes(path: Path) -> bytes:
    """The network without what names the bundle: equal for equal weights and structure."""
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    found: bytes = model.SerializeToString(deterministic=True)
    return found
