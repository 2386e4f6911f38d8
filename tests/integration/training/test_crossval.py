"""``qiangji crossval``: a run a fold, none twice, and one report over all of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.timeout(600)]

from support.reduced_sets import tiny_ecg_config, write_ptbxl  # noqa: E402 - after the skip

from qiangji_training import cli  # noqa: E402
from qiangji_training.run import train  # noqa: E402

FOLDS = "2"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Little synthetic data, a narrow network, and two folds validated against each other."""
    root = tmp_path_factory.mktemp("crossval")
    write_ptbxl(root / "data" / "ecg" / "ptbxl_part", 120)
    config = tiny_ecg_config(root / "tiny.toml", epochs="1", members="1")
    single = root / "single.toml"
    single.write_text("fold = 1\n" + config.read_text("utf-8"), "utf-8")
    train(single, data=root / "data", out=root / "runs" / "folds", name="fold-1")
    return root


def _crossval(root: Path, config: Path, *more: str | Path) -> Result:
    app = typer.Typer()
    app.command()(cli.crossval)
    words = [config, "--data", root / "data", "--out", root / "runs", "--name", "folds", *more]
    return CliRunner().invoke(app, [str(word) for word in words], env={"QIANGJI_LANG": "en"})


def test_a_fold_trained_alone_is_kept_and_the_others_are_trained(root: Path) -> None:
    folder = root / "runs" / "folds"
    kept = (folder / "fold-1" / "weights.pt").stat().st_mtime_ns

    result = _crossval(root, root / "tiny.toml", "--folds", FOLDS)

    assert result.exit_code == 0, result.output
    assert (folder / "fold-1" / "weights.pt").stat().st_mtime_ns == kept
    found = json.loads((folder / "crossval.json").read_text("utf-8"))
    assert [fold["tested"] for fold in found["folds"]] == ["PTB-XL fold 1", "PTB-XL fold 2"]
    assert [fold["validated"] for fold in found["folds"]] == ["PTB-XL fold 10", "PTB-XL fold 1"]
    assert (found["n"], found["n_patients"], found["folds_offered"]) == (24, 24, 10)
    assert set(found["macro_auc"]) == {"all labels", "five superclasses"}
    assert found["targets"]["norm"]["auc"]["low"] is not None
    assert "five superclasses: AUC 0." in result.output
    assert result.output.rstrip().endswith("crossval.html")


def test_the_report_is_made_again_without_training_and_without_data(root: Path) -> None:
    _crossval(root, root / "tiny.toml", "--folds", FOLDS)
    before = (root / "runs" / "folds" / "crossval.json").read_bytes()
    (root / "data").rename(root / "away")
    (root / "data").mkdir()

    result = _crossval(root, root / "tiny.toml", "--folds", FOLDS)

    (root / "data").rmdir()
    (root / "away").rename(root / "data")
    assert result.exit_code == 0, result.output
    assert (root / "runs" / "folds" / "crossval.json").read_bytes() == before


def test_folds_of_another_configuration_or_other_data_are_not_mixed(root: Path) -> None:
    _crossval(root, root / "tiny.toml", "--folds", FOLDS)
    other = root / "other.toml"
    other.write_text((root / "tiny.toml").read_text("utf-8").replace("seed = 7", "seed = 8"))
    manifest = root / "runs" / "folds" / "fold-2" / "manifest.json"
    said = manifest.read_text("utf-8")

    changed = _crossval(root, other, "--folds", FOLDS)
    manifest.write_text(said.replace('"data_sha256": {', '"data_sha256": {"more": "0",'), "utf-8")
    mixed = _crossval(root, root / "tiny.toml", "--folds", FOLDS)

    manifest.write_text(said, "utf-8")
    assert changed.exit_code == 2
    assert "fold-1 used another configuration" in changed.output
    assert mixed.exit_code == 2
    assert "fold-2 saw other data" in mixed.output


@pytest.mark.parametrize("folds", ["1", "11"])
def test_a_number_of_folds_that_the_task_has_not_is_refused(root: Path, folds: str) -> None:
    result = _crossval(root, root / "tiny.toml", "--folds", folds)

    assert result.exit_code == 2
    assert "between 2 and 10" in result.output


def test_a_task_with_one_split_has_no_folds(root: Path, tmp_path: Path) -> None:
    film = Path(__file__).parents[3] / "training" / "configs" / "cxr-adult.toml"
    shutil.copy(film, tmp_path / "film.toml")
    with_fold = tmp_path / "fold.toml"
    with_fold.write_text("fold = 1\n" + film.read_text("utf-8"), "utf-8")

    result = _crossval(root, tmp_path / "film.toml")

    assert result.exit_code == 2
    assert "one split only" in result.output
    with pytest.raises(Exception, match=r"train\.fold_range"):
        train(with_fold, data=root / "data", out=tmp_path / "runs")
