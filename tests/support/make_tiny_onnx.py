"""Make the tiny networks of tests/golden: ``python tests/support/make_tiny_onnx.py``.

Needs the package ``onnx``. Each network is a pooled linear head: cells = Conv(Relu(x - 1)) with
kernel and stride 10 (ECG) or 4 x 4 (film, cell) and equal weights, map = cells, logits = mean of
the cells. A file whose name ends in _pooled also gives the mean of Relu(x - 1) by channel. Written
with onnx 1.19 or newer, IR version 10, opset 17.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

GOLDEN = Path(__file__).parents[1] / "golden"
#: Weight of each of the two labels and their offsets; the second label is the first's opposite.
WEIGHTS = (6.0, -6.0)
OFFSETS = (-1.0, 1.0)


def network(  # Any: untyped
    name: str, shape: tuple[int, ...], kernel: tuple[int, ...], *, is_pooled: bool = False
) -> Any:
    """A network for inputs of ``shape`` (1, channels, …) whose cells cover ``kernel``."""
    channels = shape[1]
    size = channels * int(np.prod(kernel))
    weight = np.stack([np.full((channels, *kernel), w / size) for w in WEIGHTS])
    constants = {"one": np.float32(1), "weight": weight, "offset": np.array(OFFSETS)}
    axes = list(range(2, len(shape)))
    nodes = [
        helper.make_node("Sub", ["input", "one"], ["above"]),
        helper.make_node("Relu", ["above"], ["bright"]),
        helper.make_node(
            "Conv", ["bright", "weight", "offset"], ["map"], kernel_shape=kernel, strides=kernel
        ),
        helper.make_node("ReduceMean", ["map"], ["logits"], axes=axes, keepdims=0),
    ]
    outputs = []
    if is_pooled:
        nodes.append(helper.make_node("ReduceMean", ["bright"], ["pooled"], axes=axes, keepdims=0))
        outputs = [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, (1, channels))]
    cells = [s // k for s, k in zip(shape[2:], kernel, strict=True)]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 2)),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, (1, 2, *cells)),
            *outputs,
        ],
        [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    checker.check_model(model)
    return model


if __name__ == "__main__":
    made = {
        "tiny_ecg.onnx": network("tiny_ecg", (1, 12, 1000), (10,)),
        "tiny_film.onnx": network("tiny_film", (1, 1, 64, 64), (4, 4)),
        "tiny_cell.onnx": network("tiny_cell", (1, 3, 64, 64), (4, 4)),
    }
    made["tiny_ecg_pooled.onnx"] = network("tiny_ecg", (1, 12, 1000), (10,), is_pooled=True)
    for file_name, model in made.items():
        (GOLDEN / file_name).write_bytes(model.SerializeToString())
