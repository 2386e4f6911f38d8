"""Where the time of one reading goes: ``python benchmarks/bench_inference.py``.

First the sessions of every shipped bundle with 1 and 2 threads, with and without spinning, on a
quiet box and beside one busy process, as ratios to the shipped setting. Then one core
(``sched_setaffinity``): a 2k x 2k DICOM film in three transfer syntaxes and a 10 s DICOM ECG from
bytes to reading, split by stage. Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless

from qiangji_datasets.formats import read
from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
from qiangji_datasets.synthetic.ecg_dicom import write_ecg_dicom
from qiangji_datasets.synthetic.film import FilmRecipe, sample_film
from qiangji_datasets.synthetic.film_dicom import write_film_dicom
from qiangji_inference.engine import Engine
from qiangji_inference.predict import SessionSettings, open_model
from qiangji_models.bundle import load_bundle, shipped_bundles

SETTINGS = [
    SessionSettings(threads=1, is_spinning=False),
    SessionSettings(threads=2, is_spinning=False),
    SessionSettings(threads=2, is_spinning=True),
]
STAGES = ("read", "measure", "gate", "preprocess", "session", "total", "cpu")


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep ``count`` processes spinning beside the measurement."""
    command = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(command) for _ in range(count)]  # noqa: S603 - our own loop
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def milliseconds(act: Callable[[], object], runs: int) -> np.ndarray:
    """Time of each run after three to warm up, in ms."""
    for _ in range(3):
        act()
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        act()
        taken.append((time.perf_counter() - begun) * 1e3)
    return np.array(taken)


def compare_threads(folders: list[Path], runs: int) -> None:
    """Print p50 and p95 of a session by threads and spinning."""
    print(f"sessions, {os.cpu_count()} cores; ratio of p50 to 1 thread without spinning")
    for folder in folders:
        bundle = load_bundle(folder)
        models = [open_model(bundle, settings) for settings in SETTINGS]
        with np.load(bundle.golden) as stored:
            tensor = stored["input"][:1].astype(np.float32)
        for load in (0, 1):
            with busy(load):
                rows = [milliseconds(partial(model.run, tensor), runs) for model in models]
            base = np.median(rows[0])
            for settings, taken in zip(SETTINGS, rows, strict=True):
                print(
                    f"  {bundle.name:<12} {models[0].precision.value}  busy beside {load}  "
                    f"threads {settings.threads} spinning {int(settings.is_spinning)}  "
                    f"p50 {np.median(taken):7.2f} ms  p95 {np.percentile(taken, 95):7.2f} ms  "
                    f"ratio {np.median(taken) / base:.2f}"
                )


def made_files() -> dict[str, bytes]:
    """The recordings to read, as bytes of files."""
    rng = np.random.default_rng(0)
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.dcm")
        write_ecg_dicom(make_ecg(rng, EcgRecipe()), path)
        made["ECG 10 s 500 Hz"] = path.read_bytes()
        write_film_dicom(sample_film(rng, FilmRecipe(rows=2048, columns=2048)), path)
        made["film 2048² plain"] = path.read_bytes()
    for name, syntax in (("JPEG-LS", JPEGLSLossless), ("JPEG 2000", JPEG2000Lossless)):
        data_set = pydicom.dcmread(io.BytesIO(made["film 2048² plain"]))
        data_set.compress(syntax)
        target = io.BytesIO()
        data_set.save_as(target)
        made[f"film 2048² {name}"] = target.getvalue()
    return made


def split_by_stage(engine: Engine, files: dict[str, bytes], cases: int) -> None:
    """Print p50 and p95 of every stage, from bytes to reading.

    ``cpu`` is the processor time of the total: what the wall time would be on a quiet core.
    """
    print(f"one core, from bytes to reading, {cases} cases each: p50 / p95 in ms")
    for name, content in files.items():
        rows: dict[str, list[float]] = {stage: [] for stage in STAGES}
        status = ""
        for number in range(cases + 2):
            begun, cpu = time.perf_counter(), time.process_time()
            record = read(content)
            read_at = time.perf_counter()
            reading = engine.read(record, age_years=50)
            ended = time.perf_counter()
            status = reading.status.value
            if number < 2:
                continue
            rows["read"].append((read_at - begun) * 1e3)
            rows["total"].append((ended - begun) * 1e3)
            rows["cpu"].append((time.process_time() - cpu) * 1e3)
            for stage in STAGES[1:-2]:
                rows[stage].append(reading.ms.get(stage, 0.0))
        parts = "  ".join(
            f"{stage} {np.median(taken):.1f}/{np.percentile(taken, 95):.1f}"
            for stage, taken in rows.items()
        )
        print(f"  {name:<22} {status:<8} {parts}")


def pss_mb() -> float:
    """Proportional set size of this process in MB."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> None:
    """Run both parts."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=40)
    options.add_argument("--bundles", type=Path, nargs="*", help="folders; the shipped ones else")
    given = options.parse_args()
    cases, folders = given.cases, given.bundles or list(shipped_bundles().values())
    if not folders:
        print("no bundle ships with this checkout: sessions are not measured")
    compare_threads(folders, cases)
    files = made_files()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    before = pss_mb()
    engine = Engine(folders)
    begun = time.perf_counter()
    for status in engine.warm():
        print(f"  {status.name} {status.version} {status.state.value}")
    print(f"warm in {time.perf_counter() - begun:.2f} s, PSS +{pss_mb() - before:.0f} MB")
    split_by_stage(engine, files, cases)


if __name__ == "__main__":
    main()
