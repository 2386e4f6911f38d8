"""Readers of the public sets; they skip where the sets are absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import ecg_labels, ludb, nih, ptbxl_part, shenzhen
from qiangji_datasets.public.tables import Table, numbers
from qiangji_datasets.splits import check_disjoint

#: wfdb calls pandas in a way that pandas is about to drop; not ours to fix.
WFDB_WARNS = pytest.mark.filterwarnings("ignore:The inplace keyword")


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


@pytest.mark.shared
def test_the_ecg_with_contradicting_leads_is_left_out(shared_data: Path) -> None:
    table = ptbxl_part.read(shared_data / "ecg" / "ptbxl_part")

    assert len(table) == 1818
    assert "10565" not in table.ids


@pytest.mark.shared
def test_ptbxl_folds_share_no_patient(shared_data: Path) -> None:
    table = ptbxl_part.read(shared_data / "ecg" / "ptbxl_part")
    fold = numbers(table.facts["fold"])

    check_disjoint(
        {
            "train": table.where(fold <= 8).groups,
            "valid": table.where(fold == 9).groups,
            "test": table.where(fold == 10).groups,
        }
    )


@pytest.mark.shared
@WFDB_WARNS
def test_ludb_is_read_in_millivolts_with_ages(shared_data: Path) -> None:
    found = ludb.read(shared_data / "ecg" / "ludb")

    assert len(found.records) == 200
    assert {record.rate_hz for record in found.records} == {500.0}
    assert max(record.person.age_years or 0 for record in found.records) == 90
    amplitudes = [np.ptp(record.signal_mv[1]) for record in found.records]
    assert 0.5 < float(np.median(amplitudes)) < 3


@pytest.mark.shared
def test_repeated_nih_rows_count_once_and_patients_keep_their_side(shared_data: Path) -> None:
    table = nih.read(shared_data / "cxr" / "nih_chestxray14")

    assert len(table) == len(set(table.ids.tolist())) == 10417
    split = table.facts["split"]
    check_disjoint({name: table.groups[split == name] for name in ("train", "val", "test")})


@pytest.mark.shared
def test_shenzhen_marks_augmented_copies(shared_data: Path) -> None:
    table = shenzhen.read(shared_data / "cxr" / "shenzhen")

    assert len(table) == 656
    assert (table.facts["copy"] == "augmented").sum() == 134
    assert not ((table.facts["copy"] == "augmented") & (table.facts["split"] == "test")).any()
