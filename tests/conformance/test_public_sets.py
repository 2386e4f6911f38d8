"""The readers of the public sets on the sets themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qiangji_datasets.public import (
    cric,
    kermany,
    ludb,
    nih,
    ptbxl_part,
    ptbxl_raw_sample,
    shenzhen,
    sums,
)
from qiangji_datasets.public.cards import card
from qiangji_datasets.public.check import check
from qiangji_datasets.public.kermany import person_of
from qiangji_datasets.public.tables import numbers, read_rows
from qiangji_datasets.splits import check_disjoint

#: wfdb calls pandas in a way that pandas is about to drop; not ours to fix.
WFDB_WARNS = pytest.mark.filterwarnings("ignore:The inplace keyword")


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


@pytest.mark.shared
def test_kermany_films_are_grouped_by_person_or_examination(shared_data: Path) -> None:
    table = kermany.read(shared_data / "cxr" / "kermany_paediatric")

    assert table.inputs.shape == (5840, 128, 128)
    assert table.targets.sum(axis=0).tolist() == [4265, 2772, 1493]
    split = table.facts["split"]
    check_disjoint({name: table.groups[split == name] for name in ("train", "test")})
    _, films = np.unique(table.groups, return_counts=True)
    assert films.max() == 30


@pytest.mark.shared
def test_cric_cells_are_read_once_and_cut_ones_are_marked(shared_data: Path) -> None:
    table = cric.read(shared_data / "pathology" / "cric_cells")

    assert table.inputs.shape == (5004, 100, 100, 3)
    assert table.targets.sum(axis=0).tolist() == [1280, 433]
    assert (table.facts["whole"] == "0").sum() == 163
    assert len(set(table.ids.tolist())) == 5004


@pytest.mark.shared
def test_ludb_as_published_says_the_same_as_its_mapped_labels(shared_data: Path) -> None:
    """The rhythm and bundle branch labels; superclasses are a mapping made for the tests."""
    folder = shared_data / "ecg" / "ludb"
    found = ludb.index(folder).mapped(card("ludb").labels)
    mapped = {
        row["record_id"]: set(row["codes"].split("|")) for row in read_rows(folder / "labels.csv")
    }
    codes = {
        "af_flutter": {"AFIB", "AFLT"},
        "cbbb": {"CLBBB", "CRBBB"},
        "stach": {"STACH"},
        "sbrad": {"SBRAD"},
    }

    for label, wanted in codes.items():
        truth = [bool(mapped[name] & wanted) for name in found.ids.tolist()]
        assert found.targets[:, found.labels.index(label)].tolist() == truth, label


@pytest.mark.shared
@WFDB_WARNS
def test_both_readers_of_ludb_give_the_same_signal(shared_data: Path) -> None:
    import wfdb

    folder = shared_data / "ecg" / "ludb"
    record = ludb.index(folder).record(6)

    signal, facts = wfdb.rdsamp(str(folder / "data" / "7"))
    order = [facts["sig_name"].index(name) for name in ("i", "ii", "v6")]
    assert np.allclose(record.signal_mv[[0, 1, 11]], signal.T[order], atol=1e-4)
    assert record.rate_hz == 500


@pytest.mark.shared
def test_signals_of_ludb_carry_the_publishers_hashes(shared_data: Path) -> None:
    folder = shared_data / "ecg" / "ludb"
    known = sums.parse((folder / "SHA256SUMS.txt").read_text("utf-8"))

    for name in ("data/1.dat", "data/1.hea", "data/200.v6"):
        assert sums.sha256_of(folder / name) == known[name]


@pytest.mark.shared
def test_the_sample_in_millivolts_passes_its_check(shared_data: Path) -> None:
    found = list(check(card("ptbxl_raw_sample"), shared_data / "ecg" / "ptbxl_raw_sample"))

    assert all(item.is_good for item in found), [item for item in found if not item.is_good]


@pytest.mark.shared
def test_recordings_of_ptbxl_are_read_as_published(shared_data: Path) -> None:
    found = ptbxl_raw_sample.index(shared_data / "ecg" / "ptbxl_raw_sample")

    records = [found.record(place) for place in range(0, len(found), 8)]

    assert {record.rate_hz for record in records} == {500.0}
    assert all(record.signal_mv.shape == (12, 5000) for record in records)
    assert all(record.person.sex is not None for record in records)
    assert 0.3 < float(np.median([np.ptp(record.signal_mv[1]) for record in records])) < 4


@pytest.mark.shared
def test_every_name_of_kermany_is_understood(shared_data: Path) -> None:
    rows = read_rows(shared_data / "cxr" / "kermany_paediatric" / "labels.csv")

    for row in rows:
        assert row["patient_id"].startswith(f"{row['split']}_")
        published = row["patient_id"].partition("_")[2]
        assert person_of(row["image_id"]).startswith(published)
