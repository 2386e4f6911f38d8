"""Splits that keep a patient on one side, reproducible without a random generator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


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
