"""Does the place of a training move its result: ``python benchmarks/bench_training.py``.

Trains a narrow network on the reduced PTB-XL (folds 1 to 8; macro AUC on fold 9) with three
seeds: once in one process with one thread, once with two threads, once in two processes (gloo) that
share the same batch. Promised are differences of at most 0.01 and 0.02. Some processor minutes.
Needs the extra ``train`` and the set below ``--data``. Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CONFIG = Path(__file__).parents[1] / "training" / "configs" / "ecg-12lead.toml"
VALIDATED = "PTB-XL fold 9"
#: Several processes start this file again, so that it must be one.
COMMAND = Path(sys.executable).with_name("qiangji")
#: Place to (threads, processes) and the difference that is promised.
PLACES = {"one": (1, 1, 0.0), "two threads": (2, 1, 0.01), "two processes": (1, 2, 0.02)}


def config_text(seed: int, threads: int, *, epochs: int, width: int) -> str:
    """The shipped configuration, narrow and short, testing fold 10 alone."""
    changes = {"seed": seed, "threads": threads, "epochs": epochs, "width": width, "members": 1}
    text = CONFIG.read_text("utf-8")
    for key, value in changes.items():
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
    return f"fold = 10\n{text}"


def trained(text: str, processes: int, *, data: Path, out: Path) -> tuple[float, float]:
    """Validation AUC and processor minutes of a run by the command, in a folder of its own."""
    out.mkdir()
    (out / "config.toml").write_text(text, "utf-8")
    words = ["train", out / "config.toml", "--data", data, "--out", out, "--name", "run"]
    words += ["--devices", processes, "--precision", "32"]
    command = [str(COMMAND), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise SystemExit(done.stderr)
    said = json.loads((out / "run" / "manifest.json").read_text("utf-8"))
    return said["macro_auc"][VALIDATED], said["cpu_minutes"]


def main() -> None:
    """Every place with every seed; both sides of each comparison from this one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--width", type=int, default=16)
    asked = parser.parse_args()
    if not asked.data.is_dir():
        print(f"no data in {asked.data}: give --data")
        return
    found: dict[str, list[float]] = {name: [] for name in PLACES}
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(1, asked.seeds + 1):
            for name, (threads, processes, _) in PLACES.items():
                text = config_text(seed, threads, epochs=asked.epochs, width=asked.width)
                out = Path(scratch) / f"{name.replace(' ', '-')}-{seed}"
                auc, minutes = trained(text, processes, data=asked.data, out=out)
                found[name].append(auc)
                print(f"seed {seed}  {name:14} AUC {auc:.4f}  {minutes:.1f} min", flush=True)
    base = np.array(found["one"])
    for name, (_, _, promised) in PLACES.items():
        each = np.array(found[name])
        apart = each.mean() - base.mean()
        print(
            f"{name:14} mean {each.mean():.4f}  spread over seeds {np.ptp(each):.4f}  mean apart "
            f"{apart:+.4f}  largest apart {np.abs(each - base).max():.4f}  promised {promised}"
        )


if __name__ == "__main__":
    main()
