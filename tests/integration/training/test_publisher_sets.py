"""The recipes on sets in their publishers' layouts: the arrays that the reduced copies hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:The inplace keyword"),  # wfdb's use of pandas
]

from support import public_trees as trees  # noqa: E402 - after the skip

from qiangji_datasets.errors import InputRejected  # noqa: E402
from qiangji_datasets.formats import read_path  # noqa: E402
from qiangji_datasets.records import EcgRecord  # noqa: E402
from qiangji_models.preprocess import ecg as ecgs  # noqa: E402
from qiangji_training import tasks  # noqa: E402
from qiangji_training.config import Config, Source, read_config  # noqa: E402

CONFIGS = Path(__file__).parents[3] / "training" / "configs"


def _config(name: str, **changed: object) -> Config:
    whole = replace(read_config(CONFIGS / f"{name}.toml"), source=Source.PUBLISHER)
    return replace(whole, **changed)  # type: ignore[arg-type]  # a table of mixed values


def test_whole_ptbxl_is_split_by_its_folds_and_prepared_as_in_service(tmp_path: Path) -> None:
    trees.ptbxl(tmp_path / "ecg" / "ptbxl", 20)
    config = _config("ecg-12lead", fold=3)

    task = tasks.build(config, tmp_path)

    assert {name: len(ids) for name, ids in task.parts.items()} == {
        "train": 16,
        "PTB-XL fold 2": 2,
        "PTB-XL fold 3": 2,
    }
    (tested,) = task.tests
    assert tested.ids.tolist() == ["2", "12"]
    truth = dict(zip(config.labels, tested.targets[0].tolist(), strict=True))
    assert (truth["cbbb"], truth["cd"], truth["norm"], truth["af_flutter"]) == (1, 1, 0, 0)
    record = read_path(tmp_path / "ecg/ptbxl/records500/00000/00002_hr.hea")
    assert isinstance(record, EcgRecord)
    assert config.ecg is not None
    np.testing.assert_array_equal(tested.inputs[0], ecgs.to_model_input(record, config.ecg)[0])
    assert set(task.hashes) == {"ptbxl/ptbxl_database.csv", "ptbxl/scp_statements.csv"}


def test_a_recording_too_short_for_the_network_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QIANGJI_LANG", "en")
    trees.ptbxl(tmp_path / "ecg" / "ptbxl", 10, short=2)

    task = tasks.build(_config("ecg-12lead", fold=3), tmp_path)

    assert sum(len(ids) for ids in task.parts.values()) == 10
    assert "2 of 12 recordings are left out: ecg.too_short" in caplog.text
    assert task.left_out == {"ecg.too_short": 2}


def test_whole_nih_keeps_the_official_test_list_and_leaves_children_out(tmp_path: Path) -> None:
    trees.nih(tmp_path / "cxr" / "nih_chestxray14", 60)
    config = _config("cxr-adult")

    task = tasks.build(config, tmp_path)

    (tested,) = task.tests
    assert tested.inputs.shape == (12, 1, 128, 128)
    assert min(tested.ids.tolist()) == "00000048_000.png"
    train, valid = set(task.train_ids.tolist()), set(task.valid.ids.tolist())
    assert not train & valid
    assert len(train | valid) == 47
    assert "00000000_000.png" not in train | valid
    effusion = config.labels.index("effusion")
    assert tested.targets[:3, effusion].tolist() == [0, 1, 1]
    example, _ = task.examples.load(0, 0, np.random.default_rng(0))
    assert example.shape[0] == 1
    assert "nih_chestxray14/test_list.txt" in task.hashes


@pytest.mark.parametrize("name", ["cxr-tb", "cxr-paediatric", "pap-cell"])
def test_a_recipe_without_a_reader_of_the_publishers_layout_says_so(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputRejected, match=r"train\.source_task"):
        tasks.build(_config(name), tmp_path)


def test_a_missing_table_of_the_publisher_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputRejected) as refused:
        tasks.build(_config("ecg-12lead", fold=1), tmp_path)

    assert refused.value.params["file"] == "scp_statements.csv"
