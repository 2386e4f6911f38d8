"""Statements learnt beside the labels: they shape a network's features and leave with its head."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]

import torch  # noqa: E402 - after the skip
from support.reduced_sets import tiny_ecg_config, write_ptbxl  # noqa: E402

from qiangji_datasets.errors import InputRejected  # noqa: E402
from qiangji_datasets.public import ptbxl_part  # noqa: E402
from qiangji_training.config import Config, read_config  # noqa: E402
from qiangji_training.fit import logits_of  # noqa: E402
from qiangji_training.loss import column_weight, known_loss, positive_weight  # noqa: E402
from qiangji_training.run import read_run, train  # noqa: E402
from qiangji_training.task_ecg import examples  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 synthetic recordings, a quarter of each rhythm."""
    folder = tmp_path_factory.mktemp("auxiliary")
    write_ptbxl(folder / "ecg" / "ptbxl_part", 120)
    return folder


def _config(folder: Path, **changed: object) -> Config:
    config = read_config(tiny_ecg_config(folder / "tiny.toml", epochs="1", members="2"))
    fit = replace(config.fit, auxiliary_members=1)
    return replace(config, fit=fit, auxiliary=("rhythm",), **changed)  # type: ignore[arg-type]


def test_statements_that_enough_recordings_bear_stand_behind_the_labels(
    data: Path, tmp_path: Path
) -> None:
    config = _config(tmp_path)
    table = ptbxl_part.read(data / "ecg" / "ptbxl_part").with_labels(config.labels)

    found = examples(config, table)

    labels = len(config.labels)
    assert found.auxiliary == 4
    assert found.targets.shape == (120, labels + 4)
    assert found.targets[:4, labels:].tolist() == [  # AFIB, SBRAD, SR, STACH
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
    ]
    plain = found.without_auxiliary()
    assert (plain.auxiliary, plain.targets.shape[1]) == (0, labels)
    drawn = found.load(0, 0, np.random.default_rng(3)), plain.load(0, 0, np.random.default_rng(3))
    np.testing.assert_array_equal(drawn[0][0], drawn[1][0])
    np.testing.assert_array_equal(drawn[0][1][:labels], drawn[1][1])


def test_a_column_that_the_set_does_not_have_is_named(data: Path, tmp_path: Path) -> None:
    config = replace(_config(tmp_path), auxiliary=("handwriting",))
    table = ptbxl_part.read(data / "ecg" / "ptbxl_part").with_labels(config.labels)

    with pytest.raises(InputRejected) as refused:
        examples(config, table)

    assert refused.value.params == {"column": "handwriting", "dataset": "ptbxl_part"}


def test_columns_without_members_that_learn_them_are_refused(tmp_path: Path) -> None:
    config = read_config(tiny_ecg_config(tmp_path / "tiny.toml", epochs="1", members="1"))

    with pytest.raises(InputRejected, match=r"train\.config_auxiliary"):
        replace(config, auxiliary=("rhythm",))


def test_auxiliary_statements_together_weigh_as_much_as_the_labels() -> None:
    weight = column_weight(9 + 36, 36)
    targets = torch.ones(1, 45)
    positive = positive_weight(np.full((4, 45), 0.5, np.float32), 0.25)

    total, known = known_loss(torch.zeros(1, 45), targets, positive, 0.0, weight)

    assert float(weight[9:].sum()) == pytest.approx(9)
    assert float(known) == pytest.approx(18)
    assert float(total / known) == pytest.approx(np.log(2))
    assert column_weight(9 + 2, 2).tolist() == [1.0] * 11


def test_a_run_with_auxiliary_statements_has_outputs_for_its_labels_alone(
    data: Path, tmp_path: Path
) -> None:
    more = {"members": "2", "auxiliary": '["rhythm"]', "auxiliary_members": "1"}
    config = tiny_ecg_config(tmp_path / "tiny.toml", epochs="1", **more)
    config.write_text("fold = 3\n" + config.read_text("utf-8"), "utf-8")

    folder = train(config, data=data, out=tmp_path / "runs")

    run = read_run(folder)
    logits = logits_of(run.net, np.zeros((2, 12, 1000), np.float32))
    assert logits.shape == (2, len(run.config.labels))
    assert run.parts[0].logits.shape[1] == len(run.config.labels)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["config"]["auxiliary"] == ["rhythm"]
    states = (torch.load(folder / f"member-{i}.pt", weights_only=False) for i in range(2))
    wide = [state["net"]["head.bias"].shape[0] for state in states]
    assert wide == [len(run.config.labels), len(run.config.labels) + 4]
