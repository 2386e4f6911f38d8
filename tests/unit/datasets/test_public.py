"""Tables of public sets and the words that become labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import ecg_labels, ptbxl_part
from qiangji_datasets.public.tables import Table, numbers


def _table() -> Table:
    return Table(
        name="made",
        inputs=np.zeros((3, 4, 4), np.uint8),
        labels=("tb",),
        targets=np.array([[0], [1], [0]], np.float32),
        ids=np.array(["a", "b", "c"]),
        groups=np.array(["p", "q", "r"]),
        facts={"age": np.array(["30", "", "50"])},
    )


def test_a_label_the_set_does_not_know_is_missing_not_absent() -> None:
    widened = _table().with_labels(("effusion", "tb"))

    assert np.isnan(widened.targets[:, 0]).all()
    assert widened.targets[:, 1].tolist() == [0, 1, 0]


def test_selecting_rows_selects_every_column() -> None:
    kept = _table().where(np.array([True, False, True]))

    assert kept.ids.tolist() == ["a", "c"]
    assert kept.facts["age"].tolist() == ["30", "50"]


def test_a_part_of_a_table_still_tells_what_the_set_left_out() -> None:
    table = replace(_table(), left_out={"ecg.too_short": 2})

    part = table.with_labels(("tb",)).where(np.array([True, False, False]))

    assert part.left_out == {"ecg.too_short": 2}


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Table("x", np.zeros(2), ("tb",), np.zeros((2, 1), np.float32), np.array(["a"]), *_two())


def _two() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return np.array(["a", "b"]), {}


def test_an_empty_number_is_missing() -> None:
    assert np.isnan(numbers(np.array(["", "3"]))).tolist() == [True, False]


def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match=r"dataset\.missing"):
        ptbxl_part.read(tmp_path)


def test_ecg_statements_become_labels() -> None:
    row = {"super_class": "MI|CD", "sub_class": "IMI|CRBBB", "rhythm": "AFLT"}

    found = dict(zip(ecg_labels.PTBXL, ecg_labels.targets([row], ecg_labels.PTBXL)[0], strict=True))

    assert {name for name, value in found.items() if value} == {"mi", "cd", "cbbb", "af_flutter"}
