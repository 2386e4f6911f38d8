"""The retraining guide, followed word by word on a small made-up folder."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # inside torch's own exporter
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

from qiangji_inference.cli import bundle, evaluate  # noqa: E402 - after the skip
from qiangji_training import cli  # noqa: E402
from qiangji_training.about import read_about  # noqa: E402
from qiangji_training.config import read_config  # noqa: E402

GUIDE = Path(__file__).parents[3] / "docs" / "retrain.md"
#: What makes the guide's training one of seconds.
SMALL = {
    'kind = "lite"': 'kind = "residual"',
    "width = 0": "width = 8",
    'start_from = "imagenet"': 'start_from = ""',
    "epochs = 6": "epochs = 3",
    "learning_rate = 8e-4": "learning_rate = 5e-3",
    "sizes = [96]": "sizes = [32]",
    "rows = 96": "rows = 32",
    "cols = 96": "cols = 32",
}
N = 240


def _blocks(kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.M)
    return [content for name, content in found if name == kind]


def _commands() -> Iterator[list[str]]:
    """Words of every ``qiangji`` line of the guide, continued lines joined."""
    for block in _blocks(""):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("qiangji "):
                yield shlex.split(line)[1:]


def _films(folder: Path, n: int) -> None:
    """Pictures that are bright below where the column says TB."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "patient", "age", "sex", "view", "TB"])
        for number in range(n):
            pixels = rng.integers(40, 80, (48, 48)).astype(np.uint8)
            pixels[30:, :] += np.uint8(110 * (number % 2))
            Image.fromarray(pixels).save(folder / f"{number}.png")
            age = 12 if number == 0 else 50
            writer.writerow([f"{number}.png", f"P{number:03d}", age, "F", "PA", number % 2])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the guide's files, smaller, and films of two hospitals."""
    desk = tmp_path_factory.mktemp("retrain")
    config, about, *_ = _blocks("toml")
    for long, short in SMALL.items():
        assert long in config
        config = config.replace(long, short)
    (desk / "cxr-mine.toml").write_text(config, "utf-8")
    (desk / "cxr-mine.about.toml").write_text(about, "utf-8")
    _films(desk / "data" / "films", N)
    _films(desk / "other", 12)
    return desk


def _run(words: list[str]) -> Result:
    app = typer.Typer()
    for name in ("train", "crossval", "export", "baseline"):
        app.command(name)(getattr(cli, name))
    app.add_typer(bundle, name="bundle")
    app.command("evaluate")(evaluate)
    return CliRunner().invoke(app, words, env={"QIANGJI_LANG": "en", "COLUMNS": "200"})


def test_the_guides_files_are_read_as_they_stand(tmp_path: Path) -> None:
    config, about, whole = _blocks("toml")
    (tmp_path / "config.toml").write_text(config, "utf-8")
    (tmp_path / "about.toml").write_text(about, "utf-8")
    (tmp_path / "whole.toml").write_text(whole + config, "utf-8")

    read = read_config(tmp_path / "config.toml")
    said = read_about(tmp_path / "about.toml")

    assert read.task == "folder"
    assert [change.version for change in said.changelog] == [read.version]
    assert read_config(tmp_path / "whole.toml").source == "publisher"


def test_the_guide_leads_from_a_labelled_folder_to_a_measured_bundle(
    desk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(desk)
    commands = [words for words in _commands() if words[0] in ("train", "export", "bundle")]
    train, resume, export, verify, gpu = commands
    (measure,) = [words for words in _commands() if words[0] == "evaluate"]

    for words in (train, resume, export, verify, [*measure, "--no-gate"]):
        result = _run(words)
        assert result.exit_code == 0, f"{words}: {result.output}"

    manifest = json.loads((desk / "runs/cxr-mine/manifest.json").read_text("utf-8"))
    assert sum(manifest["n"].values()) == N - 1
    assert "1 of 240 recordings are left out: age_range_years" in caplog.text
    found = json.loads((desk / "other.json").read_text("utf-8"))
    assert found["targets"]["tb"]["auc"]["value"] > 0.9
    assert {item["kind"] for item in found["robustness"]} >= {"kernel", "blur", "jpeg", "window"}
    assert gpu[0] == "train"
    assert _run(gpu).exit_code == 2  # finished: nothing is trained over it


def test_every_other_command_of_the_guide_exists() -> None:
    known = {"train", "crossval", "export", "baseline", "bundle", "evaluate", "probe", "data"}
    named = {words[0] for words in _commands()}
    named |= set(re.findall(r"`qiangji (\w+)`", GUIDE.read_text("utf-8")))

    assert named <= known


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("P001", ""), "names no patient"),
        (('file_column = "file"', 'file_column = "picture"'), "picture"),
        (('task = "folder"', 'task = "nih"'), "lacks the file"),
        (("targets = [", 'split_column = "sex"\ntargets = ['), "split column"),
    ],
)
def test_a_folder_that_cannot_be_learned_from_is_refused_with_the_reason(
    desk: Path, tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    before, after = change
    config = (desk / "cxr-mine.toml").read_text("utf-8")
    table = (desk / "data/films/labels.csv").read_text("utf-8")
    assert before in config + table
    _films(tmp_path / "data" / "films", 4)
    (tmp_path / "data/films/labels.csv").write_text(table.replace(before, after), "utf-8")
    (tmp_path / "cxr-mine.toml").write_text(config.replace(before, after), "utf-8")

    out = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "runs")]
    result = _run(["train", str(tmp_path / "cxr-mine.toml"), *out])

    assert result.exit_code == 2
    assert words in result.output
