"""What a bundle says about itself in words: purpose, exclusions, sources, limits."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from qiangji_datasets.errors import InputRejected
from qiangji_training.config import build


@dataclass(frozen=True)
class ExclusionText:
    """A kind of patient or recording the bundle must not read."""

    zh: str
    en: str


@dataclass(frozen=True)
class Change:
    """What a version changed."""

    version: str
    text: str


@dataclass(frozen=True)
class About:
    """Texts of one bundle; what is measured is never written by hand and stands elsewhere.

    ``changelog`` has one entry a version; the newest is the bundle's version. ``sexes`` are
    the administrative sexes it reads, ``views`` the projections (empty: not limited).
    """

    title_zh: str
    title_en: str
    task: str
    description: str
    intended_use_zh: str
    intended_use_en: str
    data_source: str
    training_notes: tuple[str, ...]
    limits: tuple[str, ...]
    references: tuple[str, ...]
    exclusions: tuple[ExclusionText, ...]
    changelog: tuple[Change, ...]
    sexes: tuple[str, ...] = ("M", "F", "O")
    views: tuple[str, ...] = ()


def read_about(path: Path) -> About:
    """Read the texts of a bundle.

    Raises
    ------
    InputRejected
        Not TOML, a key unknown or missing.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputRejected("train.config_unreadable", file=path.name) from error
    changes = table.get("changelog")
    if isinstance(changes, dict):  # version = "what changed"
        table["changelog"] = [{"version": key, "text": text} for key, text in changes.items()]
    about = build(About, table, "")
    if not isinstance(about, About):
        raise InputRejected("train.config_unreadable", file=path.name)
    return about
