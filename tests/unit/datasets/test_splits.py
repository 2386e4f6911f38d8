"""Splits keep a patient on one side and do not depend on the machine."""

from __future__ import annotations

import numpy as np
import pytest

from qiangji_datasets.splits import check_disjoint, held_out, split_hash


def test_rows_of_one_patient_stay_together() -> None:
    groups = np.array([f"p{n % 50}" for n in range(500)])

    held = held_out(groups, fraction=0.3, salt="s")

    for group in set(groups.tolist()):
        assert len(set(held[groups == group].tolist())) == 1
    assert 0.1 < held.mean() < 0.5


def test_a_patient_keeps_the_side_whatever_else_the_set_holds() -> None:
    few, many = np.array(["p1", "p2", "p3"]), np.array([f"p{n}" for n in range(1, 400)])

    assert held_out(few, fraction=0.5, salt="s").tolist() == (
        held_out(many, fraction=0.5, salt="s")[:3].tolist()
    )


def test_another_salt_gives_another_split() -> None:
    groups = np.array([f"p{n}" for n in range(200)])

    first, second = (held_out(groups, fraction=0.5, salt=salt) for salt in ("a", "b"))

    assert (first != second).any()


@pytest.mark.parametrize(("fraction", "expected"), [(0.0, 0), (1.0, 20)])
def test_fractions_at_the_ends_hold_out_none_or_all(fraction: float, expected: int) -> None:
    groups = np.array([f"p{n}" for n in range(20)])

    assert held_out(groups, fraction=fraction, salt="s").sum() == expected


def test_a_fraction_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match="within 0 and 1"):
        held_out(np.array(["a"]), fraction=1.1, salt="s")


def test_shared_patients_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="test and train share 1"):
        check_disjoint({"train": np.array(["a", "b"]), "test": np.array(["b", "c"])})


def test_the_split_hash_ignores_order_and_notices_a_move() -> None:
    base = {"train": np.array(["a", "b"]), "test": np.array(["c"])}
    shuffled = {"test": np.array(["c"]), "train": np.array(["b", "a"])}
    moved = {"train": np.array(["a"]), "test": np.array(["b", "c"])}

    assert split_hash(base) == split_hash(shuffled)
    assert split_hash(base) != split_hash(moved)
