"""Texts of the training commands: they bring their own, since the app knows nothing of them."""

from __future__ import annotations

from functools import cache
from typing import Final

from qiangji_datasets.messages import Catalogue, asked_language

_PACKAGES: Final = ("qiangji_datasets", "qiangji_models", "qiangji_inference", "qiangji_training")


@cache
def catalogue() -> Catalogue:
    """All texts that a training command can show."""
    return Catalogue.of(*_PACKAGES)


def text(key: str, **params: object) -> str:
    """A text in the user's language."""
    return catalogue().text(key, asked_language(), **params)
