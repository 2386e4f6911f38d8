"""Texts of the app's commands: Chinese, then English, for a terminal has no choice of language."""

from __future__ import annotations

from functools import cache

from qiangji_datasets.messages import Catalogue, Language


def lines(key: str, **params: object) -> list[str]:
    """The text in each language."""
    return [_catalogue().text(f"command.{key}", language, **params) for language in Language]


def both(key: str) -> str:
    """The text in both languages as one line of help."""
    return " / ".join(lines(key))


@cache
def _catalogue() -> Catalogue:
    return Catalogue.of("qiangji_app")
