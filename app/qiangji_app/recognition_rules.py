"""What a county sets on recognition, and the reasons to choose from: ``recognition.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from qiangji_app.domain.modalities import MODALITIES
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.messages import Language

_MAX_SCOPE = 20
_MAX_DAYS = 3660


@dataclass(frozen=True)
class Choice:
    """One entry of a list; ``patient_*`` is the sentence for the patient, where there is one."""

    id: str
    zh: str
    en: str
    source: str = ""
    patient_zh: str = ""
    patient_en: str = ""

    def text(self, language: Language) -> str:
        """Its name."""
        return self.zh if language is Language.ZH else self.en

    def for_patient(self, language: Language) -> str:
        """The sentence for the patient."""
        return self.patient_zh if language is Language.ZH else self.patient_en


@dataclass(frozen=True)
class RecognitionRules:
    """The county's setting and the lists.

    ``scope`` stands before ``HR`` in the mark; ``windows`` are days by modality, 0 for none.
    """

    scope: str
    modalities: frozenset[str]
    windows: Mapping[str, int]
    refusals: tuple[Choice, ...]
    openings: tuple[Choice, ...]
    documents: tuple[Choice, ...]

    @property
    def mark(self) -> str:
        """The mark, for example ``东县HR``; empty where the county marks nothing."""
        return f"{self.scope}HR" if self.scope else ""

    def refusal(self, code: str) -> Choice:
        """A reason not to recognise.

        Raises
        ------
        InputRejected
            ``recognition.unknown_reason``.
        """
        return _among(self.refusals, code)

    def opening(self, code: str) -> Choice:
        """A reason to open; raises as ``refusal`` does."""
        return _among(self.openings, code)

    def document(self, code: str) -> Choice:
        """A document that identifies; raises as ``refusal`` does."""
        return _among(self.documents, code)


def _among(choices: tuple[Choice, ...], code: str) -> Choice:
    for choice in choices:
        if choice.id == code:
            return choice
    raise InputRejected("recognition.unknown_reason", found=code[:40])


@cache
def shipped_rules() -> RecognitionRules:
    """The lists, and no setting of any county."""
    file = resources.files("qiangji_app").joinpath("templates", "recognition.toml")
    body = tomllib.loads(file.read_text("utf-8"))
    return RecognitionRules(
        **_setting(body),
        refusals=_choices(body["refusals"]),
        openings=_choices(body["openings"]),
        documents=_choices(body["documents"]),
    )


def _choices(rows: list[dict[str, str]]) -> tuple[Choice, ...]:
    return tuple(Choice(**row) for row in rows)


def recognition_rules(county_file: Path | None) -> RecognitionRules:
    """The lists with a county's setting.

    Raises
    ------
    InputRejected
        ``recognition.file``: the county's file cannot be read or says something else.
    """
    if county_file is None:
        return shipped_rules()
    try:
        return replace(shipped_rules(), **_setting(tomllib.loads(county_file.read_text("utf-8"))))
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise InputRejected("recognition.file", name=county_file.name) from fault


def _setting(body: Mapping[str, Any]) -> dict[str, Any]:  # Any: TOML
    scope, modalities = str(body["mark"]["scope"]), frozenset(body["mark"]["modalities"])
    windows = {str(name): int(days) for name, days in body["windows"].items()}
    if len(scope) > _MAX_SCOPE or not (modalities | windows.keys()) <= set(MODALITIES):
        raise ValueError("unknown examination, or a scope too long to print")
    if not all(0 <= days <= _MAX_DAYS for days in windows.values()):
        raise ValueError("a window of that length is a mistake")
    return {"scope": scope, "modalities": modalities, "windows": windows}
