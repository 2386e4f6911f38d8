"""Are the files of one request of one person: each compared with the files before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from qiangji_app.domain.case import Recording
from qiangji_app.domain.examination import Examined
from qiangji_app.domain.modalities import modality_of
from qiangji_app.domain.person import Patient, compare, moved

#: Two accounts of the same thing: who is asked about one is not asked about the other.
_AGES: Final = frozenset({"birth_date", "age_years"})


@dataclass(frozen=True)
class FileFacts:
    """Whom a file names, when it was made, and the fields in which it disagrees with the form."""

    recording: Recording
    patient: Patient
    examined: Examined
    day: date  # of the examination; that of sending where the file names none
    asked: frozenset[str]


def unlike(mine: FileFacts, earlier: Sequence[FileFacts]) -> dict[str, FileFacts]:
    """By field, the first earlier file that names another person.

    A field in which either file already disagrees with the form is asked about there. Numbers are
    compared within one modality: an ECG cart and an X-ray system each give their own.
    """
    found: dict[str, FileFacts] = {}
    for other in earlier:
        before = moved(other.patient, other.day, mine.day)
        asked = mine.asked | other.asked
        for item in compare(before, mine.patient, today=mine.day):
            if item.field == "patient_id" and not _is_same_modality(mine, other):
                continue
            if item.field not in asked and not (item.field in _AGES and asked & _AGES):
                found.setdefault(item.field, other)
    return found


def _is_same_modality(one: FileFacts, other: FileFacts) -> bool:
    return modality_of(one.recording) == modality_of(other.recording)
