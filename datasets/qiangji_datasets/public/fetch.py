"""``qiangji data fetch``: all files of a set, each checked before it gets its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import sums
from qiangji_datasets.public.cards import Download, RemoteFile
from qiangji_datasets.public.download import Progress, get
from qiangji_datasets.public.unpack import unpack

#: Empty file beside an archive once it is unpacked.
_DONE: Final = ".unpacked"


@dataclass(frozen=True)
class Step:
    """What is under way: a file, its place in the list, and how far it is."""

    file: str
    number: int
    of: int
    progress: Progress


def fetch(
    download: Download,
    folder: Path,
    *,
    http: httpx.Client,
    pause: Callable[[float], None],
    report: Callable[[Step], None],
) -> tuple[str, ...]:
    """Get what is missing of a set, check it, unpack archives.

    Files that are there with the right digest are not fetched again. Where the publisher states
    no digest, the first download's is recorded in the folder and binds from then on.

    Returns
    -------
        Files that were downloaded by this call.

    Raises
    ------
    InputRejected
        A digest differs, the publisher's list is damaged, or an archive cannot be unpacked.
    PeerFault
        The server refuses or the connection keeps breaking; the next call continues.
    StorageFault
        The disk cannot hold it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = _wanted(download, folder, http=http, pause=pause)
    known = sums.recorded(folder)
    fetched = []
    for number, file in enumerate(files, start=1):
        target = folder / file.path
        expected = file.sha256 or known.get(file.path, "")
        if not _is_there(target, expected):
            digest = get(
                http,
                file.url,
                target,
                sha256=expected,
                pause=pause,
                report=lambda progress, file=file, number=number: report(  # type: ignore[misc]
                    Step(file.path, number, len(files), progress)
                ),
            )
            _marker(target).unlink(missing_ok=True)
            fetched.append(file.path)
            if not expected:
                sums.record(folder, file.path, digest)
        if file.unpack and not _marker(target).is_file():
            unpack(target, folder / file.into)
            _marker(target).touch()
    return tuple(fetched)


def _wanted(
    download: Download, folder: Path, *, http: httpx.Client, pause: Callable[[float], None]
) -> tuple[RemoteFile, ...]:
    if not download.sums:
        return download.files
    listing = folder / download.sums
    fresh = listing.with_name(f"{listing.name}.new")
    get(http, download.base + download.sums, fresh, sha256="", pause=pause, report=_unheard)
    found = sums.parse(fresh.read_text("utf-8", "replace"))
    missing = set(download.only) - found.keys()
    if missing:
        raise InputRejected("data.sums_lack", file=min(missing))
    fresh.replace(listing)
    return tuple(
        RemoteFile(path, download.base + path, digest, unpack=path in download.unpack)
        for path, digest in found.items()
        if path != download.sums and (not download.only or path in download.only)
    )


def _is_there(target: Path, expected: str) -> bool:
    return target.is_file() and bool(expected) and sums.sha256_of(target) == expected


def _marker(target: Path) -> Path:
    return target.with_name(f"{target.name}{_DONE}")


def _unheard(_: Progress) -> None:
    """Progress of a small list is not shown."""
