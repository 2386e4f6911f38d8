"""A run that was killed goes on as if it had never stopped; the command guards what is there."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.train,
    pytest.mark.timeout(600),  # processes of its own, on a busy machine
    pytest.mark.filterwarnings("ignore:The inplace keyword"),  # wfdb's use of pandas
]

from support.reduced_sets import tiny_ecg_config, write_ludb, write_ptbxl  # noqa: E402
from support.server_process import COMMAND  # noqa: E402

from qiangji_datasets.errors import Conflict, InputRejected  # noqa: E402
from qiangji_training import cli  # noqa: E402
from qiangji_training.checkpoint import read_checkpoint  # noqa: E402
from qiangji_training.run import read_run, train  # noqa: E402

#: Of 96 examples in batches of 4: many, so that a late reader of the log still kills within one.
BATCHES = 24


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic data, a configuration that writes a checkpoint after each step, and its run."""
    root = tmp_path_factory.mktemp("resume")
    write_ptbxl(root / "data" / "ecg" / "ptbxl_part", 120)
    write_ludb(root / "data" / "ecg" / "ludb", 4)
    config = tiny_ecg_config(
        root / "tiny.toml", epochs="2", batch="4", members="1", checkpoint_minutes="0.0"
    )
    train(config, data=root / "data", out=root / "whole")
    return root


def _begun(root: Path, out: Path) -> None:
    """Start the command in a process of its own and kill it in the middle of epoch 2."""
    command = [*COMMAND, "train"]
    words = [root / "tiny.toml", "--data", root / "data", "--out", out]
    with subprocess.Popen(
        [*command, *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "QIANGJI_LANG": "en"},
    ) as process:
        assert process.stderr is not None
        seen = []
        try:
            for line in process.stderr:
                seen.append(line)
                if "epoch 2 batch 2: checkpoint written" in line:
                    break
        finally:
            process.kill()  # SIGKILL; none where it has ended by itself
    assert process.returncode == -signal.SIGKILL, "".join(seen)


def test_a_run_killed_in_mid_epoch_ends_bit_equal(root: Path, tmp_path: Path) -> None:
    _begun(root, tmp_path)
    found = read_checkpoint(tmp_path / "ecg-12lead" / "member-0.pt")
    assert found is not None
    position, _ = found
    assert position.epoch == 1
    assert 0 < position.batch < BATCHES

    resumed = train(root / "tiny.toml", data=root / "data", out=tmp_path, resume=True)

    whole, again = read_run(root / "whole" / "ecg-12lead"), read_run(resumed)
    for key, value in whole.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[key]), key
    for key, scores in whole.scores.items():
        np.testing.assert_array_equal(scores, again.scores[key])
    (member,) = again.manifest["members"]
    assert [item["step"] for item in member["sessions"]] == [0, position.steps]
    assert _curves(root / "whole" / "ecg-12lead") == _curves(resumed)


def _curves(folder: Path) -> list[list[str]]:
    """All of the curves but the seconds."""
    with (folder / "curves.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0][-1] == "seconds"
    assert len(rows) == 3
    return [row[:-1] for row in rows]


def test_the_manifest_says_on_what_and_for_how_long_it_ran(root: Path) -> None:
    manifest = read_run(root / "whole" / "ecg-12lead").manifest

    assert {"cpu", "cores", "ram_gb"} <= manifest["hardware"].keys()
    assert (manifest["precision"], manifest["threads"], manifest["processes"]) == ("bf16", 1, 1)
    assert manifest["cpu_minutes"] >= 0
    assert manifest["wall_minutes"] >= 0
    assert {"torch", "lightning-fabric", "numpy", "qiangji"} <= manifest["packages"].keys()
    assert manifest["config"]["fit"]["checkpoint_minutes"] == 0.0


def test_a_run_that_exists_is_not_touched_unless_asked(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ecg-12lead"
    shutil.copytree(root / "whole" / "ecg-12lead", folder)
    finished = (folder / "weights.pt").stat().st_mtime_ns

    with pytest.raises(Conflict, match=r"train\.run_finished"):
        train(root / "tiny.toml", data=root / "data", out=tmp_path)
    assert train(root / "tiny.toml", data=root / "data", out=tmp_path, resume=True) == folder

    assert (folder / "weights.pt").stat().st_mtime_ns == finished
    (folder / "manifest.json").unlink()
    with pytest.raises(Conflict, match=r"train\.run_begun"):
        train(root / "tiny.toml", data=root / "data", out=tmp_path)


def _said(*words: str | Path) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(cli.train)
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stderr


def test_the_command_says_in_both_languages_how_to_go_on(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ecg-12lead"
    folder.mkdir()
    shutil.copy(root / "tiny.toml", folder / "config.toml")

    code, said = _said(root / "tiny.toml", "--data", root / "data", "--out", tmp_path)

    assert code == cli.EXIT_USER
    chinese, english = said.strip().splitlines()
    assert "--resume 接着训练" in chinese
    assert "Add --resume to go on" in english


def test_another_name_is_another_run_and_missing_data_are_named(root: Path, tmp_path: Path) -> None:
    words = (root / "tiny.toml", "--out", root / "whole", "--name", "second")
    shutil.copytree(root / "data" / "ecg" / "ludb", tmp_path / "ecg" / "ludb")
    part = tmp_path / "ecg" / "ptbxl_part"
    part.mkdir()
    shutil.copy(root / "data" / "ecg" / "ptbxl_part" / "labels.csv", part)

    without_folder = _said(*words, "--data", tmp_path / "none")
    without_signals = _said(*words, "--resume", "--data", tmp_path)

    assert without_folder[0] == without_signals[0] == cli.EXIT_USER
    assert "Name the folder of the public sets with --data" in without_folder[1]
    assert "has no ecg/ptbxl_part/signals.npz" in without_signals[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--devices", "0"), "must be 1 or more"),
        (("--devices", "5"), "cannot be shared evenly by 5 processes"),
    ],
)
def test_processes_that_cannot_share_a_batch_are_refused(
    root: Path, tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    code, said = _said(root / "tiny.toml", "--data", root / "data", "--out", tmp_path, *words)

    assert code == cli.EXIT_USER
    assert expected in said


def test_an_unknown_task_is_refused(root: Path, tmp_path: Path) -> None:
    text = (root / "tiny.toml").read_text("utf-8").replace('task = "ptbxl"', 'task = "spleen"')
    (tmp_path / "other.toml").write_text(text, "utf-8")

    with pytest.raises(InputRejected, match=r"train\.task_unknown"):
        train(tmp_path / "other.toml", data=root / "data", out=tmp_path)


def test_the_command_trains_in_two_processes(root: Path, tmp_path: Path) -> None:
    config = tiny_ecg_config(tmp_path / "two.toml", epochs="1", batch="48", members="1")
    command = [*COMMAND, "train"]
    words = [config, "--data", root / "data", "--out", tmp_path, "--devices", 2]

    done = subprocess.run(
        [*command, *map(str, words), "--precision", "32"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(tmp_path / "ecg-12lead")]
    manifest = read_run(tmp_path / "ecg-12lead").manifest
    assert (manifest["processes"], manifest["precision"]) == (2, "32")
