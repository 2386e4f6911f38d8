"""Cards of the public sets, and the commands that need no network."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from support import public_trees as trees
from typer.testing import CliRunner

from qiangji_datasets.errors import InputRejected, NotFound
from qiangji_datasets.labels import labels
from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.public import cli, sums
from qiangji_datasets.public.cards import Access, card, cards, safe_path
from qiangji_datasets.public.check import check
from qiangji_datasets.public.dx_codes import challenge_codes
from qiangji_datasets.public.ludb import words
from qiangji_datasets.public.registry import READERS, from_table
from qiangji_datasets.public.tables import Table

runner = CliRunner()


def test_every_card_has_a_reader_and_every_reader_a_card() -> None:
    assert cards().keys() == READERS.keys()


@pytest.mark.parametrize("name", sorted(cards()))
def test_a_card_is_complete(name: str) -> None:
    item = card(name)

    assert item.bias
    assert item.address.startswith("http")
    assert set(item.labels) <= labels().keys()
    assert (item.download is not None) == (item.access is Access.OPEN)
    if item.access in (Access.LOGIN, Access.BY_HAND):
        assert set(item.steps) == set(Language)


@pytest.mark.parametrize("name", sorted(cards()))
def test_a_published_hash_is_one_and_no_checksum_is_made_up(name: str) -> None:
    item = card(name)
    if item.download is None:
        return

    for file in item.download.files:
        assert file.sha256 == "" or len(file.sha256) == 64
    has_list = item.download.sums == "SHA256SUMS.txt"
    assert has_list or all(file.url.startswith("http") for file in item.download.files)


@pytest.mark.parametrize("name", ["cinc2020", "cinc2021", "chapman_shaoxing_ningbo"])
def test_codes_in_the_label_maps_are_codes_of_the_challenge(name: str) -> None:
    used = {code for codes in card(name).labels.values() for code in codes}

    assert used <= challenge_codes().keys()
    assert len(challenge_codes()) == 133


def test_words_in_the_label_map_of_ludb_are_words_of_the_set() -> None:
    assert {word for names in card("ludb").labels.values() for word in names} <= set(words())


def test_an_unknown_set_is_named_with_those_that_there_are() -> None:
    with pytest.raises(NotFound) as refused:
        card("imagenet")

    assert "ptbxl" in str(refused.value.params["known"])


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a/../../b", "c:\\x", "a\\b", "https://x"])
def test_paths_that_leave_the_folder_are_refused(path: str) -> None:
    with pytest.raises(InputRejected, match=r"data\.unsafe_path"):
        safe_path(path)


def test_lists_of_hashes_are_read_as_sha256sum_writes_them() -> None:
    text = f"{'a' * 64}  data/1.dat\n\n{'B' * 64} *two words.txt\n"

    assert sums.parse(text) == {"data/1.dat": "a" * 64, "two words.txt": "b" * 64}


def test_the_list_shows_licence_size_and_access_of_every_set() -> None:
    shown = runner.invoke(cli.data, ["list"])

    assert shown.exit_code == 0
    for item in cards().values():
        assert item.name in shown.output
    assert "CC BY 4.0" in shown.output
    assert "需登录或签协议" in shown.output


@pytest.mark.parametrize("name", ["chexpert", "cric", "nih_part"])
def test_a_set_that_cannot_be_fetched_says_how_to_get_it_and_ends_with_three(
    name: str, tmp_path: Path
) -> None:
    shown = runner.invoke(cli.data, ["fetch", name, "--to", str(tmp_path), "--yes"])

    assert shown.exit_code == cli.EXIT_BY_HAND == 3
    assert shown.output.count(card(name).address) >= 3
    for text in card(name).steps.values():
        assert text in shown.output


def _montgomery(folder: Path, people: int) -> Path:
    for number in range(1, people + 1):
        name = f"MCUCXR_{number:04d}_{number % 2}"
        trees.grey_picture(folder / "CXR_png" / f"{name}.png")
        reading = folder / "ClinicalReadings" / f"{name}.txt"
        reading.parent.mkdir(exist_ok=True)
        reading.write_text("Patient's Sex: F\nPatient's Age: 027Y\nnormal\n", "utf-8")
    return folder


def test_the_check_counts_reads_and_says_what_is_missing(tmp_path: Path) -> None:
    _montgomery(tmp_path / "MontgomerySet", 138)
    (tmp_path / "MontgomerySet/CXR_png/MCUCXR_0001_1.png").write_bytes(b"no picture")

    found = {item.code: item for item in check(card("montgomery"), tmp_path)}

    assert found["data.check_count"].is_good
    assert found["data.check_split"].is_good
    assert found["data.check_labels"].params == {"counts": "tb 69/69, no_finding 69/69"}
    assert found["data.check_read"].params == {"read": 4, "of": 5}
    assert not found["data.check_read"].is_good


def test_the_check_compares_with_recorded_hashes(tmp_path: Path) -> None:
    folder = _montgomery(tmp_path, 3)
    reading = "ClinicalReadings/MCUCXR_0001_1.txt"
    sums.record(folder, reading, sums.sha256_of(folder / reading))
    assert next(check(card("montgomery"), folder)).code == "data.check_sums"

    (folder / reading).write_text("Patient's Sex: M\n", "utf-8")
    assert next(check(card("montgomery"), folder)).code == "data.check_changed"

    (folder / reading).unlink()
    assert next(check(card("montgomery"), folder)).params == {"n": 1, "names": reading}


def test_the_command_prints_both_languages_and_ends_with_one_when_not_whole(
    tmp_path: Path,
) -> None:
    shown = runner.invoke(cli.data, ["check", "montgomery", str(_montgomery(tmp_path, 3))])

    assert shown.exit_code == cli.EXIT_INCOMPLETE
    assert "✗ 记录 3 条,卡片所载 138 条" in shown.output
    assert "✗ 3 recordings, 138 according to the card" in shown.output


def test_an_empty_folder_fails_with_what_is_missing(tmp_path: Path) -> None:
    found = list(check(card("ptbxl"), tmp_path, with_hashes=False))

    assert [item.code for item in found] == ["dataset.missing"]
    assert found[0].params == {"file": "scp_statements.csv"}


def test_files_named_in_the_tables_but_not_there_are_counted(tmp_path: Path) -> None:
    row = {"ID": "1", "Sex": "F", "Age": "51", "Rhythms": "Sinus rhythm"}
    empty = dict.fromkeys(
        [
            *("Electric axis of the heart", "Conduction abnormalities", "Extrasystolies"),
            *("Hypertrophies", "Cardiac pacing", "Ischemia"),
            *("Non-specific repolarization abnormalities", "Other states"),
        ],
        "",
    )
    trees.table(tmp_path / "ludb.csv", [{**row, **empty}])

    found = {item.code: item for item in check(card("ludb"), tmp_path)}

    assert found["data.check_missing"].params == {"n": 1, "names": "data/1.hea"}
    assert found["dataset.missing"].params == {"file": "1.hea"}


def test_a_reduced_copy_is_an_index_too() -> None:
    table = Table(
        name="made",
        inputs=np.arange(8).reshape(2, 4),
        labels=("tb", "effusion"),
        targets=np.array([[1, np.nan], [0, 0]], np.float32),
        ids=np.array(["a", "b"]),
        groups=np.array(["p", "q"]),
        facts={"fold": np.array(["9", "3"])},
    )

    found = from_table(table, name="made")

    assert found.fact("split").tolist() == ["val", "train"]
    assert found.record(1).tolist() == [4, 5, 6, 7]
    assert np.array_equal(found.targets, table.targets, equal_nan=True)


def test_every_text_of_the_commands_exists() -> None:
    texts = Catalogue.of("qiangji_datasets").entries
    folder = Path(cli.__file__).parent
    used = {
        key
        for name in ("cli.py", "check.py")
        for key in re.findall(r'"(data\.[a-z_]+)"', (folder / name).read_text("utf-8"))
    }
    used |= {f"data.access_{access.value}" for access in Access}
    used |= {f"data.not_fetched_{access.value}" for access in Access}

    assert len(used) > 30
    assert sorted(used - texts.keys()) == []
