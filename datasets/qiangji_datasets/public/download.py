"""Downloads of one file: resumed after a break, named only once its SHA-256 is right."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from qiangji_datasets.errors import InputRejected, PeerFault, StorageFault
from qiangji_datasets.public.sums import sha256_of

_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
#: A break that brought bytes is tried again without limit; this many in a row that brought none
#: end the download, which a later call resumes.
_EMPTY_BREAKS: Final = 5
_LONGEST_PAUSE_S: Final = 60.0
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True)
class Progress:
    """Where a download stands: bytes there are, bytes there will be (None: not told)."""

    done: int
    total: int | None


def client() -> httpx.Client:
    """A client that keeps its connection, follows redirections and does not wait for ever."""
    return httpx.Client(
        follow_redirects=True,
        timeout=_TIMEOUT_S,
        headers={"Accept-Encoding": "identity", "User-Agent": "qiangji-data"},
    )


def get(
    http: httpx.Client,
    url: str,
    target: Path,
    *,
    sha256: str,
    pause: Callable[[float], None],
    report: Callable[[Progress], None],
) -> str:
    """Download a file to ``target``; a part left by an earlier call is continued.

    Parameters
    ----------
    sha256
        Expected digest, lower case; empty when none is known.
    pause
        Waits between tries, in seconds.
    report
        Called as bytes arrive.

    Returns
    -------
        Digest of the file.

    Raises
    ------
    InputRejected
        The content has another digest than expected; nothing of it is kept.
    PeerFault
        The server refuses, or the connection keeps breaking.
    StorageFault
        The disk cannot hold it.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _all_of(http, url, part, pause, report)
        digest = sha256_of(part)
        if sha256 and digest != sha256:
            _forget(part)
            raise InputRejected("data.hash_wrong", file=target.name, expected=sha256, found=digest)
        part.replace(target)
    except OSError as error:
        raise StorageFault("data.disk", file=target.name, reason=str(error.strerror)) from error
    _mark(part).unlink(missing_ok=True)
    return digest


def _all_of(
    http: httpx.Client,
    url: str,
    part: Path,
    pause: Callable[[float], None],
    report: Callable[[Progress], None],
) -> None:
    empty_breaks = 0
    while True:
        before = _size(part)
        try:
            if _some_of(http, url, part, report):
                return
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status < 500:
                raise PeerFault("data.server_refused", url=url, status=status) from error
        except httpx.TransportError:
            pass  # a break: what arrived is in the part and is continued below
        empty_breaks = 0 if _size(part) > before else empty_breaks + 1
        if empty_breaks >= _EMPTY_BREAKS:
            raise PeerFault("data.connection", url=url)
        pause(min(2.0**empty_breaks, _LONGEST_PAUSE_S))


def _some_of(http: httpx.Client, url: str, part: Path, report: Callable[[Progress], None]) -> bool:
    """One request; True when the part is whole."""
    have = _size(part)
    headers = {}
    if have:
        headers["Range"] = f"bytes={have}-"
        if _mark(part).is_file():
            headers["If-Range"] = _mark(part).read_text("utf-8")
    with http.stream("GET", url, headers=headers) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return _ends_here(answer, part, have)
        answer.raise_for_status()
        start, total = _span(answer, have)
        if start == 0:
            _remember_version(answer, part)
        with part.open("r+b" if start else "wb") as stream:
            stream.seek(start)
            stream.truncate()
            done = start
            for block in answer.iter_raw():
                stream.write(block)
                done += len(block)
                report(Progress(done, total))
            stream.flush()
            os.fsync(stream.fileno())
    return total is None or done >= total


def _ends_here(answer: httpx.Response, part: Path, have: int) -> bool:
    """After 416: True when nothing is missing; else the part is of another file and goes."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if total == str(have):
        return True
    _forget(part)
    return False


def _span(answer: httpx.Response, have: int) -> tuple[int, int | None]:
    """Where the body begins and how long the file is; a server without ranges begins at 0."""
    if answer.status_code == httpx.codes.PARTIAL_CONTENT:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != have:
            raise httpx.RemoteProtocolError("range differs from the one asked for")
        return have, None if found[3] == "*" else int(found[3])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _remember_version(answer: httpx.Response, part: Path) -> None:
    """Keep the strong validator, so that a changed file is not glued to an old beginning."""
    tag = str(answer.headers.get("ETag", ""))
    if tag and not tag.startswith("W/"):
        _mark(part).write_text(tag, "utf-8")
    else:
        _mark(part).unlink(missing_ok=True)


def _mark(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _mark(part).unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0
