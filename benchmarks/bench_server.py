"""What the server costs: ``python benchmarks/bench_server.py``.

From exec to the first 200 on ``/healthz`` with a warm file cache; processor time while idle with no
page open; proportional memory of the server and its readers with every bundle loaded and a film and
an ECG read. Then, on one core, a 2k x 2k DICOM film and a 10 s DICOM ECG from the bytes of a file
through the reader process to the finished outcome, split by stage; ``cpu`` is the processor time
of all processes, which is what the total would be on a quiet core. Prints, asserts nothing.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does, before numpy loads
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.recordings import ecg_file, film_file
from support.server_process import (
    COMMAND,
    Server,
    found,
    open_case,
    recording,
    serve,
    settle,
    upload,
)

_PORT: Final = 17860
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_STAGES: Final = ("read", "gate", "measure", "preprocess", "session")


def processes(root: int) -> Iterator[int]:
    """A process and everything below it."""
    yield root
    with suppress(FileNotFoundError):
        for task in Path(f"/proc/{root}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                yield from processes(int(child))


def cpu_s(pids: list[int]) -> float:
    """Processor seconds used so far, user and system."""
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def pss_mb(pid: int) -> float:
    """Proportional set size of a process in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def start_up(folder: Path, runs: int) -> None:
    """Print the time from exec to healthy, and the processor time within it."""
    command = [*COMMAND, "serve", "--data", "data", "--keys", "keys", "--port", str(_PORT)]
    wall, cpu = [], []
    for number in range(runs + 1):
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not _is_healthy():
            if process.poll() is not None:
                raise SystemExit(f"the server ended with {process.returncode}")
            time.sleep(0.01)
        took, used = time.perf_counter() - begun, cpu_s([process.pid])
        process.terminate()
        process.wait()
        if number:  # the first one warms the file cache
            wall.append(took)
            cpu.append(used)
    print(
        f"exec to 200 on /healthz, {runs} runs: min {min(wall):.2f} s  "
        f"median {np.median(wall):.2f} s  (processor time min {min(cpu):.2f} s, "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; target <= 4.5 s)"
    )


def _is_healthy() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", _PORT, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def memory_and_idle(server: Server, seconds: float) -> None:
    """Read a film and an ECG, print memory; then print what an idle server uses."""
    operator = server.signed_in("operator")
    for modality, data in (("cxr", film_file(1, 2048)), ("ecg", ecg_file(1))):
        stored = upload(operator, open_case(operator, modality), data)
        view = recording(operator, stored["recording_id"])
        print(f"  {modality}: state {view['state']}, AI {view['ai_status']}")
    bundles = server.anonymous().get("/healthz").json()["bundles"]
    pids = list(processes(server.pid))
    sizes = [pss_mb(pid) for pid in pids]
    each = " + ".join(f"{size:.0f}" for size in sizes)
    print(f"PSS of server and workers: {sum(sizes):.0f} MB ({each}; {bundles}; target <= 700 MB)")
    server.close()
    time.sleep(3)
    before, begun = cpu_s(pids), time.perf_counter()
    time.sleep(seconds)
    share = (cpu_s(pids) - before) / (time.perf_counter() - begun)
    print(f"idle for {seconds:.0f} s with no page open: {share:.2%} of a core (target <= 2 %)")


@contextmanager
def one_core() -> Iterator[None]:
    """This process and those that it starts share one core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def outcomes(folder: Path, cases: int) -> None:
    """Print p50 and p95 from bytes to outcome, through the reader process, split by stage."""
    from qiangji_app.reader import LocalReader
    from qiangji_datasets.formats.pool import ReaderPool
    from qiangji_inference.engine import Engine

    engine = Engine()
    for status in engine.warm():
        print(f"  {status.name} {status.version} {status.state.value}")
    pool = ReaderPool(workers=1, memory_mb=1024, timeout_s=60.0)
    reader = LocalReader(pool, engine)
    print(
        f"one core, bytes to outcome, {cases} cases each, load {os.getloadavg()[0]:.1f}: "
        "p50 / p95 in ms"
    )
    for name, data, target in (
        ("film 2048²", film_file(2, 2048), 1000),
        ("ECG 10 s", ecg_file(2), 200),
    ):
        path = folder / "case.dcm"
        path.write_bytes(data)
        rows: dict[str, list[float]] = {stage: [] for stage in (*_STAGES, "total", "cpu")}
        for number in range(cases + 2):
            begun, used = time.perf_counter(), cpu_s(list(processes(os.getpid())))
            outcome = reader.triage(path, stated={"age_years": 50})
            total = (time.perf_counter() - begun) * 1e3
            used = (cpu_s(list(processes(os.getpid()))) - used) * 1e3
            if number < 2:
                continue
            known = {stage: outcome.ms.get(stage, 0.0) for stage in _STAGES[1:]}
            rows["read"].append(total - sum(known.values()))
            rows["total"].append(total)
            rows["cpu"].append(used)
            for stage, taken in known.items():
                rows[stage].append(taken)
        parts = "  ".join(
            f"{stage} {np.median(taken):.1f}/{np.percentile(taken, 95):.1f}"
            for stage, taken in rows.items()
        )
        state = outcome.reading.get("status")
        print(f"  {name} ({state}): {parts}  (target p95 <= {target} ms)")
    pool.close()


def main() -> None:
    """Run all parts."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--idle", type=float, default=20.0, help="seconds")
    options.add_argument("--cases", type=int, default=20)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        token = found(folder)
        start_up(folder, given.runs)
        with serve(folder) as server:
            settle(server, token)
            memory_and_idle(server, given.idle)
        with one_core():
            outcomes(folder, given.cases)


if __name__ == "__main__":
    main()
