"""The curves of a run are one table, and a member's lines can be replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.train

from qiangji_training.checkpoint import write_atomic  # noqa: E402 - after the skip
from qiangji_training.curves import COLUMNS, write_curves  # noqa: E402


def _row(epoch: int, loss: float) -> dict[str, float]:
    return dict(zip(COLUMNS[1:], (epoch, epoch * 10, loss, 0.001, 0.9, 12.5), strict=True))


def test_a_member_replaces_its_own_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    write_curves(path, 0, [_row(1, 0.5), _row(2, 0.4)])
    write_curves(path, 1, [_row(1, 0.6)])

    write_curves(path, 0, [_row(1, 0.5)])

    assert path.read_text("utf-8").splitlines() == [
        "member,epoch,step,loss,lr,macro_auc,seconds",
        "0,1,10,0.5,0.001,0.9,12.5",
        "1,1,10,0.6,0.001,0.9,12.5",
    ]


def test_a_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", "utf-8")

    def fail(_: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, fail)
    assert path.read_text("utf-8") == "old"
    write_atomic(path, lambda stream: stream.write(b"new"))
    assert path.read_text("utf-8") == "new"
