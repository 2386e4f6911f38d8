"""What a PDF brings, taken out in a process of its own: text, pictures, QR codes, the JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qiangji_app.seals.page_text import picture_digest, plain
from qiangji_app.seals.qr import qr_texts
from qiangji_datasets.errors import InputRejected

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

#: A result has a page or two and one for each recording.
MAX_PAGES: Final = 60
_MAX_PICTURES: Final = 120
#: The JSON of a report that is as long as reports may be.
_MAX_ATTACHMENT: Final = 4 * 2**20
_END_OF_FILE: Final = b"%%EOF"


@dataclass(frozen=True)
class PdfParts:
    """What was found.

    ``pages`` is the ``plain`` text of each page; ``pictures`` are ``picture_digest`` of all that
    hold no QR code. ``has_additions`` is true for notes, form fields, scripts, or a second
    version of the file behind the first.
    """

    pages: tuple[str, ...]
    attachments: tuple[bytes, ...]
    pictures: tuple[str, ...]
    codes: tuple[str, ...]
    has_additions: bool


def pdf_parts(path: Path, name: str) -> PdfParts:
    """Take a PDF apart.

    Raises
    ------
    InputRejected
        ``seal.pdf_damaged``, ``seal.pdf_locked``, ``seal.pdf_too_large``.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    data = path.read_bytes()
    try:
        reader = PdfReader(path, strict=True)
        if reader.is_encrypted:
            raise InputRejected("seal.pdf_locked")
        if len(reader.pages) > MAX_PAGES:
            raise InputRejected("seal.pdf_too_large")
        codes, pictures = _pictures(reader)
        return PdfParts(
            pages=tuple(plain(page.extract_text()) for page in reader.pages),
            attachments=_attachments(reader, name),
            pictures=pictures,
            codes=codes,
            has_additions=_has_additions(reader, data),
        )
    except (PyPdfError, *_BROKEN) as fault:
        raise InputRejected("seal.pdf_damaged") from fault


#: What reading of broken structures ends in, by experience with cut and overwritten files.
_BROKEN: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    OverflowError,
    ArithmeticError,
    RecursionError,
    EOFError,
    OSError,
)


def _pictures(reader: PdfReader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Texts of QR codes, and digests of the other pictures, each picture once."""
    codes: list[str] = []
    others: dict[str, None] = {}
    seen: set[int] = set()
    for page in reader.pages:
        for name in page.images.keys():  # noqa: SIM118 - no dictionary
            reference = _reference(page, name)
            if reference in seen:
                continue
            seen.add(reference or -len(seen) - 1)
            picture = page.images[name].image
            if len(seen) > _MAX_PICTURES or picture is None:
                raise InputRejected("seal.pdf_too_large")
            found = qr_texts(picture)
            codes += found
            if not found:
                others[picture_digest(picture)] = None
    return tuple(codes), tuple(others)


def _reference(page: PageObject, name: object) -> int | None:
    """Number of a picture that pages may share; None for one inside a page."""
    from pypdf.generic import DictionaryObject, IndirectObject

    resources = page.get("/Resources")
    shared = resources.get_object().get("/XObject") if resources is not None else None
    objects = shared.get_object() if shared is not None else None
    if not isinstance(name, str) or not isinstance(objects, DictionaryObject):
        return None
    found = objects.raw_get(name) if name in objects else None
    return found.idnum if isinstance(found, IndirectObject) else None


def _attachments(reader: PdfReader, name: str) -> tuple[bytes, ...]:
    found = [bytes(item) for item in reader.attachments.get(name, [])]
    if any(len(item) > _MAX_ATTACHMENT for item in found):
        raise InputRejected("seal.pdf_too_large")
    return tuple(found)


def _has_additions(reader: PdfReader, data: bytes) -> bool:
    catalog = reader.root_object
    return (
        data.count(_END_OF_FILE) != 1
        or "/AcroForm" in catalog
        or "/OpenAction" in catalog
        or "/AA" in catalog
        or any("/Annots" in page for page in reader.pages)
    )
