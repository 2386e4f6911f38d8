"""Several processes learn what one learns from the same whole batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.timeout(600)]

from support.tiny_training import SEEDS, measured  # noqa: E402 - after the skip

ROOT = Path(__file__).parents[3]
#: A validation AUC may move by this much between one process and two.
AUC_MARGIN = 0.02


def test_two_gloo_processes_learn_what_one_does_from_the_same_batch(tmp_path: Path) -> None:
    program, out = ROOT / "tests" / "support" / "tiny_training.py", tmp_path / "two.npz"

    done = subprocess.run(
        [sys.executable, str(program), "2", str(out)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    one, two = measured(tmp_path), np.load(out)
    assert len(two["auc"]) == len(SEEDS)
    assert one["auc"].min() > 0.85
    assert np.abs(one["auc"] - two["auc"]).max() < AUC_MARGIN
    # Without batch statistics, dropout and mixup the shared gradient is the whole one.
    np.testing.assert_allclose(one["weights"], two["weights"], atol=1e-5)
