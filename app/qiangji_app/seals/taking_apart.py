"""Opens files of unknown origin in a process with limits of time and memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import TimeoutError as TooLate
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

from pebble import ProcessExpired, ProcessPool

from qiangji_app.seals.pdf_parts import PdfParts, pdf_parts
from qiangji_app.seals.qr import qr_texts
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats.worker import limit_memory

PDF_START: Final = b"%PDF-"
#: A result with twenty recordings takes a small part of either on a clinic's machine.
TIMEOUT_S: Final = 120
MEMORY_MB: Final = 1024

_Found = TypeVar("_Found")


def parts_of(path: Path, name: str) -> PdfParts:
    """``pdf_parts`` in a process of its own.

    Raises
    ------
    InputRejected
        What ``pdf_parts`` raises; ``seal.too_costly``: out of time or memory.
    """
    return _apart(pdf_parts, path, name)


def picture_codes(path: Path) -> tuple[str, ...]:
    """Texts of the QR codes in a picture file, in a process of its own.

    Raises
    ------
    InputRejected
        ``seal.not_ours``: no picture; ``seal.too_costly``.
    """
    return _apart(_codes_of, path)


def _codes_of(path: Path) -> tuple[str, ...]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            return qr_texts(picture)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as fault:
        raise InputRejected("seal.not_ours") from fault


def _apart(work: Callable[..., _Found], *given: object) -> _Found:
    with ProcessPool(
        max_workers=1,
        context=get_context("forkserver"),  # the second file of a run costs no second start
        initializer=limit_memory,
        initargs=(MEMORY_MB,),
    ) as pool:
        future = pool.schedule(work, args=given, timeout=TIMEOUT_S)
        try:
            found: _Found = future.result()
        except (ProcessExpired, TooLate, MemoryError) as fault:
            raise InputRejected("seal.too_costly") from fault
    return found
