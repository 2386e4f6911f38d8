"""The label vocabulary: ids never reused, names, codes and urgency of every AI label."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources

from qiangji_datasets.errors import InputRejected


class UrgencyLevel(IntEnum):
    """How soon a person should look; higher first.

    UNDETERMINED (pending, failed, refused, out of scope) sorts above ROUTINE: an unread case
    is not an unremarkable one.
    """

    ROUTINE = 0
    UNDETERMINED = 1
    PRIORITY = 2
    URGENT = 3
    CRITICAL = 4


@dataclass(frozen=True)
class Code:
    """A code of a terminology: SNOMED CT (``http://snomed.info/sct``) or ICD-10."""

    system: str
    code: str


@dataclass(frozen=True)
class Label:
    """One thing a model can be asked about.

    ``code`` is None where no single concept fits; ``code_absent_reason`` then says why.
    ``is_abnormal`` is False for labels such as "no finding", which never raise urgency.
    """

    id: str
    zh: str
    en: str
    modality: str
    urgency: UrgencyLevel
    is_abnormal: bool
    code: Code | None
    code_absent_reason: str


_SYSTEMS = {"sct": "http://snomed.info/sct", "icd10": "http://hl7.org/fhir/sid/icd-10"}


@cache
def labels() -> dict[str, Label]:
    """All labels by id, in the order of ``labels.toml``."""
    text = resources.files("qiangji_datasets").joinpath("labels.toml").read_text("utf-8")
    return {key: _label(key, row) for key, row in tomllib.loads(text).items()}


def label(label_id: str) -> Label:
    """One label.

    Raises
    ------
    InputRejected
        The id is not in the vocabulary.
    """
    found = labels().get(label_id)
    if found is None:
        raise InputRejected("label.unknown", label=label_id)
    return found


def _label(key: str, row: dict[str, str | bool]) -> Label:
    code = None
    for name, system in _SYSTEMS.items():
        if name in row:
            code = Code(system, str(row[name]))
    reason = str(row.get("no_code", ""))
    if (code is None) == (reason == ""):
        raise ValueError(f"label {key}: give exactly one of a code or the reason for none")
    return Label(
        id=key,
        zh=str(row["zh"]),
        en=str(row["en"]),
        modality=str(row["modality"]),
        urgency=UrgencyLevel[str(row["urgency"]).upper()],
        is_abnormal=bool(row.get("abnormal", True)),
        code=code,
        code_absent_reason=reason,
    )
