"""Cards of the public sets: where each comes from, under which terms, and what to mind."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from qiangji_datasets.errors import InputRejected, NotFound
from qiangji_datasets.messages import Language


class Access(StrEnum):
    """How a set is got."""

    OPEN = "open"  # downloaded by the program
    BY_HAND = "by_hand"  # free of login, but through a page only
    LOGIN = "login"  # behind a registration or an agreement
    COPY = "copy"  # a reduced copy that was never published


@dataclass(frozen=True)
class RemoteFile:
    """One file to download; ``sha256`` is empty where the publisher states none."""

    path: str
    url: str
    sha256: str = ""
    unpack: bool = False
    into: str = ""


@dataclass(frozen=True)
class Download:
    """What ``fetch`` gets.

    Parameters
    ----------
    base
        Address of the folder, ending in a slash.
    sums
        Name of the publisher's own list of SHA-256 below ``base``; empty when there is none.
    only
        Files of that list to get; all when empty.
    unpack
        Files of that list that are archives.
    files
        Files to get where there is no such list.
    """

    base: str
    sums: str = ""
    only: tuple[str, ...] = ()
    unpack: tuple[str, ...] = ()
    files: tuple[RemoteFile, ...] = ()


@dataclass(frozen=True)
class Card:
    """One set. Numbers that are not known are None; ``labels`` maps our ids to the set's own."""

    name: str
    title: str
    modality: str
    source: str
    address: str
    licence: str
    consent: str
    access: Access
    recordings: int
    indexed: int
    patients: int | None
    bytes: int | None
    bytes_note: str
    split: str
    bias: tuple[str, ...]
    cite: str
    verified: str
    root: str
    labels: dict[str, tuple[str, ...]]
    steps: dict[Language, str]
    download: Download | None

    def folder(self, given: Path) -> Path:
        """The folder that the reader takes: inside what an archive unpacks to, or as given."""
        inside = given / self.root
        return inside if self.root and inside.is_dir() else given


@cache
def cards() -> dict[str, Card]:
    """All cards by name, in order of modality and name."""
    folder = resources.files(__package__).joinpath("cards")
    found = [
        _card(item.name.removesuffix(".toml"), tomllib.loads(item.read_text("utf-8")))
        for item in folder.iterdir()
        if item.name.endswith(".toml")
    ]
    return {card.name: card for card in sorted(found, key=lambda card: (card.modality, card.name))}


def card(name: str) -> Card:
    """One card.

    Raises
    ------
    NotFound
        No set has this name.
    """
    found = cards().get(name)
    if found is None:
        raise NotFound("data.unknown", name=name, known=" ".join(cards()))
    return found


def safe_path(text: str) -> str:
    """A relative path that stays inside the folder of the set.

    Raises
    ------
    InputRejected
        It is absolute, leads upwards, or is not written with plain slashes.
    """
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\\" in text or ":" in text:
        raise InputRejected("data.unsafe_path", path=text[:120])
    return str(path)


def _card(name: str, row: dict[str, Any]) -> Card:
    plain = {key: row[key] for key in _TEXTS}
    steps = row.get("steps", {})
    return Card(
        name=name,
        **plain,
        access=Access(row["access"]),
        recordings=row["recordings"],
        indexed=row.get("indexed", row["recordings"]),
        patients=row.get("patients"),
        bytes=row.get("bytes"),
        bytes_note=row.get("bytes_note", ""),
        bias=tuple(row["bias"]),
        root=row.get("root", ""),
        labels={key: tuple(names) for key, names in row.get("labels", {}).items()},
        steps={language: steps[language.value] for language in Language if steps},
        download=_download(row["download"]) if "download" in row else None,
    )


def _download(row: dict[str, Any]) -> Download:
    return Download(
        base=row["base"],
        sums=row.get("sums", ""),
        only=tuple(row.get("only", ())),
        unpack=tuple(row.get("unpack", ())),
        files=tuple(
            RemoteFile(
                path=safe_path(file["path"]),
                url=file.get("url", row["base"] + file["path"]),
                sha256=file.get("sha256", ""),
                unpack=file.get("unpack", False),
                into=file.get("into", ""),
            )
            for file in row.get("files", ())
        ),
    )


_TEXTS = (
    *("title", "modality", "source", "address", "licence", "consent"),
    *("split", "cite", "verified"),
)
