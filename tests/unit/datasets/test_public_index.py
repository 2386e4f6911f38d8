"""The index of a whole set: labels, splits and tables of another form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.index import Index, Row
from qiangji_datasets.public.tables import read_rows
from qiangji_datasets.splits import check_disjoint, guard_band, hashed_parts


def _index(*rows: Row) -> Index[str]:
    return Index("made", ("a", "b", "c"), rows, load=lambda row: f"read {row.id}")


def _row(number: int, *present: str, not_stated: tuple[str, ...] = ()) -> Row:
    return Row(
        id=str(number),
        group=f"person{number}",
        file="",
        present=frozenset(present),
        not_stated=frozenset(not_stated),
        facts={"split": "test" if number % 2 else "train"},
    )


def test_present_absent_and_not_stated_are_three_things() -> None:
    found = _index(_row(1, "a", not_stated=("b",)))

    assert found.targets[0, 0] == 1
    assert np.isnan(found.targets[0, 1])
    assert found.targets[0, 2] == 0


def test_a_union_is_not_stated_unless_one_of_its_labels_is_present() -> None:
    found = _index(_row(1, "a", not_stated=("b",)), _row(2, not_stated=("b",)), _row(3))

    mapped = found.mapped({"ours": ("a", "b")})

    assert mapped.labels == ("ours",)
    assert mapped.targets[[0, 2], 0].tolist() == [1, 0]
    assert np.isnan(mapped.targets[1, 0])


def test_a_map_to_a_label_the_set_lacks_is_refused() -> None:
    with pytest.raises(InputRejected, match=r"dataset\.label_unknown"):
        _index(_row(1)).mapped({"ours": ("d",)})


def test_two_rows_of_one_id_are_refused() -> None:
    with pytest.raises(InputRejected, match=r"dataset\.id_twice"):
        _index(_row(1), _row(1))


def test_recordings_are_read_only_when_asked_for() -> None:
    found = _index(_row(1), _row(2), _row(3)).part("test")

    assert found.ids.tolist() == ["1", "3"]
    assert found.record(1) == "read 3"


def test_a_hashed_split_never_changes() -> None:
    """The sides are part of the program; new ones would make old results incomparable."""
    parts = hashed_parts((f"person{number}" for number in range(10)), salt="made")

    assert "".join(parts[f"person{number}"][1] for number in range(10)) == "rrrrrrrrrr"


def test_a_hashed_split_has_about_the_sizes_it_names() -> None:
    parts = list(hashed_parts(map(str, range(10_000)), salt="sizes").values())

    assert parts.count("train") == pytest.approx(7000, abs=150)
    assert parts.count("val") == pytest.approx(1000, abs=100)


def test_neighbours_of_held_out_rows_are_within_the_guard_band() -> None:
    numbers = np.array([1, 5, 9, 10, 14, 30])
    held = np.array([False, False, True, False, False, False])

    assert guard_band(numbers, held, width=4).tolist() == [False, True, False, True, False, False]
    assert not guard_band(numbers, np.zeros(6, np.bool_), width=4).any()


def test_parts_that_share_a_person_are_refused_with_their_number() -> None:
    with pytest.raises(ValueError, match="share 1 patients"):
        check_disjoint({"train": np.array(["p", "q"]), "test": np.array(["q"])})


def test_blanks_and_a_mark_of_byte_order_around_column_names_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfname , age\nx,3\n")

    assert read_rows(path, required=("name", "age")) == [{"name": "x", "age": "3"}]


def test_a_short_row_has_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n", "utf-8")

    assert read_rows(path) == [{"a": "1", "b": ""}]


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n\xff\xfe\n")

    with pytest.raises(InputRejected, match=r"dataset\.table_damaged"):
        read_rows(path)
