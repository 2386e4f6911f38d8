"""Checks what somebody brings: is it as issued, by whom, and what could not be checked.

Nothing here asks a network or a database: whether a newer version exists cannot be known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from qiangji_app.domain.canonical import digest
from qiangji_app.domain.seal import Seal, read_seal
from qiangji_app.printing.sealed_result import ATTACHMENT_NAME, FORMAT
from qiangji_app.seals.keys import PublicKey
from qiangji_app.seals.page_text import plain
from qiangji_app.seals.pdf_parts import PdfParts
from qiangji_app.seals.taking_apart import PDF_START, parts_of, picture_codes
from qiangji_datasets.errors import InputRejected

_PARTS: Final = frozenset({"qiangji_result", "seal", "content", "page"})
_MAX_FILE: Final = 256 * 2**20
_CHUNK: Final = 2**20
#: How much of a difference is told.
_EXCERPT: Final = 12


class Outcome(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_DONE = "not_done"


@dataclass(frozen=True)
class Check:
    """One check; ``code`` with ``outcome`` is a message key."""

    code: str
    outcome: Outcome
    params: dict[str, str | int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Key of its text."""
        return f"seal.check.{self.code}_{self.outcome.value}"


_SIGNED: Final = ("signature", Outcome.PASSED)
#: Without these the paper may still say something else than the seal.
_NEEDED: Final = frozenset({"signature", "content", "printed"})


@dataclass(frozen=True)
class Verdict:
    """All checks of one file, in the order in which they are told."""

    seal: Seal
    checks: tuple[Check, ...]

    @property
    def is_genuine(self) -> bool:
        """True when a known key signed it, content and print were checked, and nothing differs."""
        passed = {item.code for item in self.checks if item.outcome is Outcome.PASSED}
        differs = any(item.outcome is Outcome.FAILED for item in self.checks)
        return not differs and passed >= _NEEDED

    @property
    def is_signed(self) -> bool:
        """True when a known key made the seal, whatever became of the rest."""
        return any((item.code, item.outcome) == _SIGNED for item in self.checks)


@dataclass(frozen=True)
class _Issued:
    """What the JSON of a result holds."""

    seal_text: str
    content: dict[str, Any]  # Any: JSON
    page: dict[str, Any]


def verify(path: Path, keys: Sequence[PublicKey], images: Iterable[Path] = ()) -> Verdict:
    """Check a PDF, the JSON out of one, or a picture of a QR code.

    Parameters
    ----------
    path
        What somebody brings.
    keys
        Public halves of the issuers that are trusted.
    images
        Recordings as they were uploaded, where they are at hand.

    Raises
    ------
    InputRejected
        ``seal.*``: nothing of ours, damaged, locked, or too large to be ours.
    """
    start = _start(path)
    if start.startswith(PDF_START):
        return _verify_pdf(parts_of(path, ATTACHMENT_NAME), keys, images)
    if start.lstrip()[:1] == b"{":
        issued = _issued(path.read_bytes())
        seal = _seal(issued.seal_text)
        pending = [Check("printed", Outcome.NOT_DONE), Check("code", Outcome.NOT_DONE)]
        return Verdict(seal, (*_inner(issued, seal, keys, images), *pending))
    codes = picture_codes(path)
    if not codes:
        raise InputRejected("seal.not_ours")
    seal = _seal(codes[0])
    open_ones = (Check("content", Outcome.NOT_DONE), Check("printed", Outcome.NOT_DONE))
    return Verdict(seal, (_signature(seal, keys), *open_ones, *_images(seal, images)))


def _start(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_FILE:
            raise InputRejected("seal.file_too_large")
        with path.open("rb") as file:
            return file.read(64)
    except OSError as missing:
        raise InputRejected("seal.file_unreadable") from missing


def _verify_pdf(parts: PdfParts, keys: Sequence[PublicKey], images: Iterable[Path]) -> Verdict:
    if len(parts.attachments) != 1:
        raise InputRejected("seal.no_attachment")
    issued = _issued(parts.attachments[0])
    seal = _seal(issued.seal_text)
    checks = [*_inner(issued, seal, keys, images), *_printed(issued, parts)]
    return Verdict(seal, tuple(checks))


def _issued(data: bytes) -> _Issued:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as damaged:
        raise InputRejected("seal.json_damaged") from damaged
    if not isinstance(body, dict) or body.get("qiangji_result") != FORMAT or set(body) != _PARTS:
        raise InputRejected("seal.not_ours")
    if not all(isinstance(body[name], dict) for name in ("content", "page")):
        raise InputRejected("seal.json_damaged")
    return _Issued(str(body["seal"]), body["content"], body["page"])


def _seal(text: str) -> Seal:
    try:
        return read_seal(text)
    except ValueError as damaged:
        raise InputRejected("seal.code_damaged") from damaged


def _inner(
    issued: _Issued, seal: Seal, keys: Sequence[PublicKey], images: Iterable[Path]
) -> Iterator[Check]:
    yield _signature(seal, keys)
    yield _outcome("content", _agrees(issued, seal))
    yield from _images(seal, images)


def _signature(seal: Seal, keys: Sequence[PublicKey]) -> Check:
    about: dict[str, str | int] = {"key_id": seal.key_id, "algorithm": seal.algorithm}
    known = [key for key in keys if key.key_id == seal.key_id]
    if not known:
        return Check("signature", Outcome.NOT_DONE, about)
    outcome = Outcome.PASSED if any(key.made(seal) for key in known) else Outcome.FAILED
    return Check("signature", outcome, about | {"issuer": known[0].issuer or seal.key_id})


def _agrees(issued: _Issued, seal: Seal) -> bool:
    """True when seal, content and page belong together, down to the report's own checksum."""
    try:
        report = issued.content["report"]
        return (
            digest(issued.content) == seal.content_sha256
            and digest(issued.page) == seal.page_sha256
            and digest(report) == issued.content["report_sha256"]
            and (report["case_id"], report["version"]) == (seal.report_id, seal.version)
            and tuple(report["recordings"]) == seal.images
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        return False


def _images(seal: Seal, images: Iterable[Path]) -> Iterator[Check]:
    """Recordings at hand against their digests."""
    left = set(seal.images)
    for path in images:
        found = _file_digest(path)
        is_ours = found in seal.images
        outcome = Outcome.PASSED if is_ours else Outcome.FAILED
        left.discard(found)
        yield Check("image", outcome, {"name": path.name})
    if left:
        yield Check("images", Outcome.NOT_DONE, {"count": len(left)})


def _file_digest(path: Path) -> str:
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except OSError as missing:
        raise InputRejected("seal.image_unreadable", name=path.name) from missing
    return found.hexdigest()


def _printed(issued: _Issued, parts: PdfParts) -> Iterator[Check]:
    """What stands on the pages against what was issued."""
    yield _outcome("code", set(parts.codes) == {issued.seal_text})
    try:
        wanted, footer = str(issued.page["text"]), str(issued.page["footer"])
        pictures = set(issued.page["pictures"])
        is_whole = all(plain(value) in wanted for value in _values(issued.content))
    except (KeyError, TypeError, AttributeError, RecursionError) as damaged:
        raise InputRejected("seal.json_damaged") from damaged
    found = "".join(_body(parts.pages, footer))
    about = {} if found == wanted else _difference(wanted, found)
    yield Check("printed", _passed(found == wanted and is_whole), dict(about))
    yield _outcome("pictures", set(parts.pictures) == pictures)
    yield _outcome("additions", not parts.has_additions)


def _body(pages: Sequence[str], footer: str) -> Iterator[str]:
    """Text of each page without its footer; a page without one is taken as it is."""
    for number, text in enumerate(pages, start=1):
        yield text.removesuffix(f"{footer}{number}/{len(pages)}")


def _values(content: dict[str, Any]) -> Iterator[str]:
    """Texts of the content that every print shows as they are."""
    report, request = content["report"], content["request"]
    yield from (report["impression"], report["advice"], *report["fields"].values())
    yield from (*report["measurements"].keys(), *report["measurements"].values())
    yield from (content["signer"]["name"], content["signer"]["licence"], content["patient"]["name"])
    yield from (request["site"], request["visit_number"], request["symptom"], request["history"])
    yield content["report_sha256"]


def _difference(wanted: str, found: str) -> dict[str, str]:
    """Where two texts part: a few characters from there on."""
    at = next(
        (at for at, (one, other) in enumerate(zip(wanted, found, strict=False)) if one != other),
        min(len(wanted), len(found)),
    )
    return {"wanted": wanted[at : at + _EXCERPT] or "-", "found": found[at : at + _EXCERPT] or "-"}


def _passed(is_so: bool) -> Outcome:
    return Outcome.PASSED if is_so else Outcome.FAILED


def _outcome(code: str, is_so: bool) -> Check:
    return Check(code, _passed(is_so))
