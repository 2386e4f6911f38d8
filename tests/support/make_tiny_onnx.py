"""Make the tiny networks of tests/golden: ``python tests/support/make_tiny_onnx.py``.

Needs the package ``onnx``. Each network is a pooled linear head: cells = Conv(Relu(x - 1)) with
kernel and stride 10 (ECG) or 4 x 4 (film) and equal weights, map = cells, logits = mean of the
cells. Written with onnx 1.19 or newer, IR version 10, opset 17.
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


def network(name: str, shape: tuple[int, ...], kernel: tuple[int, ...]) -> Any:  # Any: untyped
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
    cells = [s // k for s, k in zip(shape[2:], kernel, strict=True)]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 2)),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, (1, 2, *cells)),
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
    }
    for file_name, model in made.items():
        (GOLDEN / file_name).write_bytes(model.SerializeToString())
