"""Runs every benchmark, one after the other: ``python benchmarks/run.py``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Each in a process of its own; returns how many failed."""
    failed = 0
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"\n== {path.stem}", flush=True)
        failed += subprocess.run([sys.executable, str(path)], check=False).returncode != 0  # noqa: S603 - our own files
    return failed


if __name__ == "__main__":
    sys.exit(main())
