"""Unpacking of downloaded archives: nothing may land outside the folder."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.cards import safe_path


def unpack(archive: Path, folder: Path) -> None:
    """Unpack ``.zip``, ``.tar.gz`` or a single ``.gz`` into a folder; existing files are replaced.

    Raises
    ------
    InputRejected
        The archive is damaged, of another kind, or holds a path that leaves the folder or a link.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.name.endswith(".zip"):
            _zip(archive, folder)
        elif archive.name.endswith((".tar.gz", ".tgz")):
            _tar(archive, folder)
        elif archive.name.endswith(".gz"):
            _single(archive, folder / archive.name.removesuffix(".gz"))
        else:
            raise InputRejected("data.archive_kind", file=archive.name)
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError):
        raise InputRejected("data.archive_damaged", file=archive.name) from None


def _zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        for member in content.infolist():
            safe_path(member.filename.rstrip("/"))
            content.extract(member, folder)


def _tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, "r:gz") as content:
        for member in content:
            if not (member.isfile() or member.isdir()):
                raise InputRejected("data.unsafe_path", path=member.name[:120])
            safe_path(member.name.removeprefix("./") or ".")
            content.extract(member, folder, filter="data")


def _single(archive: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    with gzip.open(archive) as packed, part.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    part.replace(target)
