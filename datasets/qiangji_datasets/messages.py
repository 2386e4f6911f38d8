"""One catalogue of texts, Chinese and English, for pages, PDF, command line and API.

Each package keeps its texts in ``locale/*.toml``::

    ["dicom.pixels_short"]
    zh = "像素数据不完整:应有 {expected} 字节,实有 {actual} 字节。请从设备重新导出。"
    en = "Pixel data are incomplete: {expected} bytes expected, {actual} present. Export again."

A key may carry further fields beside ``zh`` and ``en`` (``advice_zh``, ``advice_en``).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources


class Language(StrEnum):
    """Languages of the product; Chinese is the default."""

    ZH = "zh"
    EN = "en"


def asked_language() -> Language:
    """What commands speak: Chinese, unless ``QIANGJI_LANG`` begins with ``en``."""
    wanted = os.environ.get("QIANGJI_LANG", "").lower()
    return Language.EN if wanted.startswith("en") else Language.ZH


class MissingText(KeyError):
    """A key has no text; tests walk all keys so that users never meet this."""


@dataclass(frozen=True)
class Catalogue:
    """All texts of the installed packages.

    Parameters
    ----------
    entries
        Message key to field to text, fields ``zh``, ``en`` and optionally ``advice_zh``,
        ``advice_en``.
    """

    entries: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, *packages: str) -> Catalogue:
        """Read ``locale/*.toml`` of the named import packages.

        Raises
        ------
        ValueError
            A key is defined twice or lacks a language.
        """
        entries: dict[str, Mapping[str, str]] = {}
        for package in packages:
            folder = resources.files(package).joinpath("locale")
            for file in sorted(folder.iterdir(), key=lambda item: item.name):
                if not file.name.endswith(".toml"):
                    continue
                for key, fields in tomllib.loads(file.read_text("utf-8")).items():
                    _check(key, fields, entries, where=f"{package}/{file.name}")
                    entries[key] = fields
        return cls(entries)

    def text(self, key: str, language: Language, **params: object) -> str:
        """Text of a key with its values put in.

        Raises
        ------
        MissingText
            The key is unknown.
        """
        return self._field(key, language.value, params)

    def advice(self, key: str, language: Language, **params: object) -> str:
        """What to do about it, or an empty string where the key has no advice."""
        field = f"advice_{language.value}"
        if field not in self.entries.get(key, {}):
            return ""
        return self._field(key, field, params)

    def _field(self, key: str, field: str, params: Mapping[str, object]) -> str:
        if key not in self.entries:
            raise MissingText(key)
        return self.entries[key][field].format_map(_Params(params))


class _Params(dict[str, object]):
    """Leaves an unknown placeholder readable instead of failing a page."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _check(
    key: str,
    fields: Mapping[str, str],
    entries: Mapping[str, Mapping[str, str]],
    *,
    where: str,
) -> None:
    if key in entries:
        raise ValueError(f"message key {key!r} is defined twice, again in {where}")
    if not {"zh", "en"} <= fields.keys():
        raise ValueError(f"message key {key!r} in {where} lacks zh or en")
