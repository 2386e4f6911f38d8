"""Splits that keep a patient on one side, reproducible without a random generator."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Parts of the groups in a hashed split: 70 % train, 10 % validation, 20 % test.
_TRAIN: Final = 0.7
_TRAIN_AND_VAL: Final = 0.8


def held_out(groups: NDArray[np.str_], *, fraction: float, salt: str) -> NDArray[np.bool_]:
    """Which rows belong to a held-out part, by a hash of their group.

    Parameters
    ----------
    groups
        Patient of each row.
    fraction
        Part of the groups to hold out, 0–1; reached approximately.
    salt
        Names the split; another salt gives another split.

    Returns
    -------
        True for held-out rows. All rows of a group agree, on any machine, whatever else the
        set holds.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction must lie within 0 and 1, got {fraction}")
    limit = int(fraction * 2**32)
    return np.array([_number(salt, str(group)) < limit for group in groups], np.bool_)


def hashed_parts(groups: Iterable[str], *, salt: str) -> dict[str, str]:
    """Group to ``train``, ``val`` or ``test`` where the publisher offers no split.

    The rule is part of the program and must never change: a group keeps its side on every
    machine, whatever else is added to the set.

    Parameters
    ----------
    groups
        Patients, in any order.
    salt
        Name of the set.
    """
    parts = {}
    for group in groups:
        place = _number(f"qiangji-split-1/{salt}", group) / 2**32
        parts[group] = "train" if place < _TRAIN else "val" if place < _TRAIN_AND_VAL else "test"
    return parts


def guard_band(
    numbers: NDArray[np.integer], held: NDArray[np.bool_], *, width: int
) -> NDArray[np.bool_]:
    """Rows too close to a held-out one to be learned from.

    Parameters
    ----------
    numbers
        Number of each row in the order in which recordings were made; neighbours may show one
        patient.
    held
        True for held-out rows.
    width
        A row is too close when its number differs by this or less.

    Returns
    -------
        True for rows that are not held out themselves but within the band.
    """
    if not held.any():
        return np.zeros(len(held), np.bool_)
    limits = np.sort(numbers[held])
    after = np.searchsorted(limits, numbers).clip(max=len(limits) - 1)
    before = (np.searchsorted(limits, numbers) - 1).clip(min=0)
    distance = np.minimum(np.abs(limits[after] - numbers), np.abs(limits[before] - numbers))
    is_close: NDArray[np.bool_] = (distance <= width) & ~held
    return is_close


def check_disjoint(parts: Mapping[str, NDArray[np.str_]]) -> None:
    """Refuse parts that share a patient.

    Raises
    ------
    ValueError
        Two parts share a group; names both parts and how many.
    """
    names = sorted(parts)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            shared = set(parts[first].tolist()) & set(parts[second].tolist())
            if shared:
                raise ValueError(f"{first} and {second} share {len(shared)} patients")


def split_hash(parts: Mapping[str, NDArray[np.str_]]) -> str:
    """sha256 over which recording stands in which part; order does not matter."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(f"{name}:{','.join(sorted(parts[name].tolist()))};".encode())
    return digest.hexdigest()


def _number(salt: str, group: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}/{group}".encode()).digest()[:4], "big")
