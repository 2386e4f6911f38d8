"""``qiangji data check``: is a set in a folder whole, unchanged, disjoint and readable?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from qiangji_datasets.errors import InputRejected, QiangjiError
from qiangji_datasets.public import sums
from qiangji_datasets.public.cards import Access, Card
from qiangji_datasets.public.index import Index
from qiangji_datasets.public.registry import READERS
from qiangji_datasets.splits import check_disjoint

#: Recordings that are really read, evenly spaced.
_SAMPLE: Final = 5
#: Names shown of many.
_SHOWN: Final = 5


@dataclass(frozen=True)
class Finding:
    """One line of the report: a message key, its values, and whether the set passes here."""

    code: str
    is_good: bool
    params: dict[str, str | int | float] = field(default_factory=dict)


def check(card: Card, folder: Path, *, with_hashes: bool = True) -> Iterator[Finding]:
    """Check a set, one finding after the other; a reader's refusal ends it.

    Parameters
    ----------
    folder
        Where ``fetch`` put it, or the folder that the reader takes.
    with_hashes
        Whether to compute the digest of every listed file.
    """
    if with_hashes:
        yield _hashes(card, folder)
    inside = card.folder(folder)
    try:
        index = READERS[card.name](inside)
    except QiangjiError as refused:
        yield Finding(refused.code, is_good=False, params=refused.params)
        return
    yield _count(card, index)
    if index.left_out:
        yield Finding("data.check_left_out", is_good=True, params=_some(list(index.left_out)))
    if card.access is not Access.COPY:
        yield _files(index, inside)
    yield _split(index)
    yield from _labels(card, index)
    yield from _records(index)


def _hashes(card: Card, folder: Path) -> Finding:
    listing = folder / card.download.sums if card.download and card.download.sums else None
    if listing is not None and listing.is_file():
        only = card.download.only if card.download else ()
        known = sums.parse(listing.read_text("utf-8", "replace"))
        wanted = {path: known[path] for path in (only or known) if path in known}
        wanted.pop(listing.name, None)
    else:
        wanted = sums.recorded(folder)
    if not wanted:
        return Finding("data.check_no_sums", is_good=True)
    missing = [path for path in wanted if not (folder / path).is_file()]
    changed = [
        path
        for path, digest in wanted.items()
        if path not in missing and sums.sha256_of(folder / path) != digest
    ]
    if missing:
        return Finding("data.check_missing", is_good=False, params=_some(missing))
    if changed:
        return Finding("data.check_changed", is_good=False, params=_some(changed))
    return Finding("data.check_sums", is_good=True, params={"n": len(wanted)})


def _count(card: Card, index: Index[Any]) -> Finding:
    params: dict[str, str | int | float] = {"found": len(index), "expected": card.indexed}
    return Finding("data.check_count", is_good=len(index) == card.indexed, params=params)


def _files(index: Index[Any], folder: Path) -> Finding:
    missing = [
        row.file
        for row in index.rows
        if not (folder / row.file).is_file() and not (folder / f"{row.file}.hea").is_file()
    ]
    if missing:
        return Finding("data.check_missing", is_good=False, params=_some(missing))
    return Finding("data.check_files", is_good=True, params={"n": len(index)})


def _split(index: Index[Any]) -> Finding:
    parts = index.fact("split")
    sizes = {str(name): int((parts == name).sum()) for name in np.unique(parts)}
    shown = ", ".join(f"{name or '–'} {n}" for name, n in sizes.items())
    try:
        check_disjoint({name: index.part(name).groups for name in sizes})
    except ValueError as shared:
        params: dict[str, str | int | float] = {"parts": shown, "detail": str(shared)}
        return Finding("data.check_shared", is_good=False, params=params)
    return Finding("data.check_split", is_good="" not in sizes, params={"parts": shown})


def _labels(card: Card, index: Index[Any]) -> Iterator[Finding]:
    if not card.labels:
        return
    try:
        mapped = index.mapped(card.labels)
    except InputRejected as refused:
        yield Finding(refused.code, is_good=False, params=refused.params)
        return
    counts = [
        f"{name} {int(np.nansum(column))}/{int((column == 0).sum())}"
        for name, column in zip(mapped.labels, mapped.targets.T, strict=True)
    ]
    yield Finding("data.check_labels", is_good=True, params={"counts": ", ".join(counts)})


def _records(index: Index[Any]) -> Iterator[Finding]:
    places = sorted({int(place) for place in np.linspace(0, len(index) - 1, _SAMPLE)})
    read = 0
    for place in places:
        try:
            index.record(place)
        except QiangjiError as refused:
            yield Finding(refused.code, is_good=False, params=refused.params)
        else:
            read += 1
    params: dict[str, str | int | float] = {"read": read, "of": len(places)}
    yield Finding("data.check_read", is_good=read == len(places), params=params)


def _some(names: list[str]) -> dict[str, str | int | float]:
    shown = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
    return {"n": len(names), "names": shown}
