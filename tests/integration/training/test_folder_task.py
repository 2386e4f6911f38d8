"""A labelled folder of ECGs as a task: split by patient, or by the table's own column."""

from __future__ import annotations

import shutil
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
from qiangji_training import tasks  # noqa: E402
from qiangji_training.config import Config, FolderConfig, read_config  # noqa: E402

SHIPPED = Path(__file__).parents[3] / "training" / "configs"
N = 36


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten-second recordings, two a patient; the last row names a file that is not there."""
    root = tmp_path_factory.mktemp("folder")
    rows = []
    for number in range(N):
        trees.wfdb_record(root / "ecgs", f"e{number}", seconds=10)
        part = ("train", "train", "val", "test")[number // 2 % 4]
        truth = {"af": number % 2, "mi": "" if number % 3 else 1, "part": part}
        rows.append({"file": f"e{number}.hea", "patient": f"P{number // 2}", **truth})
    trees.table(root / "ecgs/labels.csv", [*rows, {**rows[0], "file": "gone.hea"}])
    return root


def _config(**changed: object) -> Config:
    folder = FolderConfig(
        table="ecgs/labels.csv",
        file_column="file",
        patient_column="patient",
        targets=("af_flutter=af", "mi=mi"),
        split_column="part",
    )
    whole = read_config(SHIPPED / "ecg-12lead.toml")
    return replace(
        whole,
        task="folder",
        auxiliary=(),
        fit=replace(whole.fit, auxiliary_members=0),
        labels=("af_flutter", "mi", "norm"),
        folder=replace(folder, **changed),  # type: ignore[arg-type]  # a table of mixed values
    )


def test_ecgs_are_split_as_the_table_says_and_prepared_as_in_service(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = tasks.build(_config(), data)

    (tested,) = task.tests
    assert (len(task.train_ids), len(task.valid.ids), len(tested.ids)) == (20, 8, 8)
    assert tested.inputs.shape == (8, 12, 1000)
    assert np.abs(tested.inputs.mean(axis=2)).max() < 1e-3
    assert tested.targets[0].tolist()[0] == 0
    assert np.isnan(tested.targets[:, 2]).all()  # no column speaks of norm
    example, truth = task.examples.load(0, 0, np.random.default_rng(0))
    assert (example.shape, truth.shape) == ((12, 1000), (3,))
    assert "dataset.missing" in caplog.text
    assert task.left_out == {"dataset.missing": 1}


def test_without_a_column_the_patients_hash_decides_and_no_patient_is_on_two_sides(
    data: Path,
) -> None:
    task = tasks.build(_config(split_column=""), data)

    assert set(task.parts) == {"train", "ecg-12lead val", "ecg-12lead test"}
    assert not set(task.valid.groups) & set(task.tests[0].groups)
    assert sum(len(ids) for ids in task.parts.values()) == N


def test_a_renamed_configuration_tests_the_same_patients_and_another_split_others(
    data: Path,
) -> None:
    config = _config(split_column="")

    named, renamed, dealt_anew = (
        tasks.build(one, data).tests[0].ids.tolist()
        for one in (config, replace(config, name="b"), _config(split_column="", split_name="b"))
    )

    assert named == renamed
    assert named != dealt_anew


def test_a_changed_recording_changes_the_origin_although_the_table_is_the_same(
    data: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(data, tmp_path / "copied"))
    same = tasks.build(_config(), copied).hashes

    signals = copied / "ecgs/e0.dat"
    signals.write_bytes(signals.read_bytes()[::-1])
    changed = tasks.build(_config(), copied).hashes

    assert tasks.build(_config(), data).hashes == same
    assert changed["ecgs/labels.csv"] == same["ecgs/labels.csv"]
    assert changed["ecgs/"] != same["ecgs/"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"patient_column": "part", "split_column": ""}, "train.folder_part"),
        ({"split_column": "patient"}, "train.folder_split"),
        ({"patient_column": "af"}, "train.folder_shared"),
        ({"where": ("file=gone.hea",)}, "train.nothing_read"),
    ],
)
def test_a_split_that_cannot_be_trusted_is_refused(
    data: Path, changed: dict[str, object], code: str
) -> None:
    with pytest.raises(InputRejected) as refused:
        tasks.build(_config(**changed), data)

    assert refused.value.code == code


def test_a_recipe_for_folders_takes_no_cells_and_needs_its_section(data: Path) -> None:
    cells = replace(read_config(SHIPPED / "pap-cell.toml"), task="folder", folder=_config().folder)

    for config in (cells, replace(_config(), folder=None)):
        with pytest.raises(InputRejected, match=r"train\.folder_config"):
            tasks.build(config, data)
