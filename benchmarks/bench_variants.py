"""What the stored forms of a network cost: ``python benchmarks/bench_variants.py``.

For every shipped bundle on one core, in turn so that another load slows all alike: the file that
ships (weights stored in half precision, computed with in 32 bits), the same with its weights
stored in 32 bits, and int8 where it ships. Sizes, median and least time of a session, the ratio of
medians within pairs, and the largest difference of a golden case's logits. Needs the extra
``train`` (onnx). Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from qiangji_models.bundle import load_bundle, shipped_bundles
from qiangji_training.parity import session


def store_whole(source: Path, target: Path) -> int:
    """Write the file with every half-precision constant in 32 bits; how many there were."""
    model = onnx.load(source)
    halves = {c.name: c for c in model.graph.initializer if c.data_type == TensorProto.FLOAT16}
    kept, found = [], 0
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in halves:
            constant = halves[node.input[0]]
            values = numpy_helper.to_array(constant).astype(np.float32)
            constant.CopyFrom(numpy_helper.from_array(values, node.output[0]))
            found += 1
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    onnx.save(model, target)
    return found


def measure(files: dict[str, Path], inputs: np.ndarray, pairs: int) -> None:
    """Time all files in turn and print each beside the first."""
    opened = {name: session(path) for name, path in files.items()}
    taken: dict[str, list[float]] = {name: [] for name in files}
    names = list(files)
    for turn in range(-3, pairs):
        feed = {"input": inputs[turn % len(inputs)][None]}
        for name in names if turn % 2 else names[::-1]:
            begun = time.perf_counter()
            opened[name].run(None, feed)
            if turn >= 0:
                taken[name].append((time.perf_counter() - begun) * 1e3)
    first = np.array(taken[names[0]])
    logits = {
        name: np.concatenate([one.run(["logits"], {"input": row[None]})[0] for row in inputs])
        for name, one in opened.items()
    }
    for name, path in files.items():
        ms = np.array(taken[name])
        apart = np.abs(logits[name] - logits[names[0]]).max()
        print(
            f"  {name:24} {path.stat().st_size / 1e6:6.1f} MB  median {np.median(ms):7.2f} ms  "
            f"least {ms.min():7.2f} ms  ratio {np.median(ms / first):5.2f}  "
            f"ratio of least {ms.min() / first.min():5.2f}  logits apart {apart:.1e}"
        )


def main() -> None:
    """Every shipped bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    pairs = parser.parse_args().pairs
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for name, folder in shipped_bundles().items():
        bundle = load_bundle(folder)
        with np.load(bundle.golden) as stored:
            inputs = stored["input"].astype(np.float32)
        with tempfile.TemporaryDirectory() as scratch:
            whole = Path(scratch) / "whole.onnx"
            count = store_whole(bundle.onnx_fp32, whole)
            files = {"stored in 32 bits": whole, "stored in 16 bits": bundle.onnx_fp32}
            if bundle.onnx_int8 is not None:
                files["int8"] = bundle.onnx_int8
            print(f"{name} {bundle.version}: {count} constants in 16 bits, {pairs} pairs")
            measure(files, inputs, pairs)


if __name__ == "__main__":
    main()
