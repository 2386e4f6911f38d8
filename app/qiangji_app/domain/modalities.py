"""What a recording shows: by its reader, or by what the desk said of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from qiangji_app.domain.case import Recording, RecordingState

#: What a case takes. Empty: not chosen; the first recording that is read decides.
MODALITIES: Final = frozenset({"", "cxr", "ecg"})
#: Key of ``Recording.facts`` for what a person said that the file shows.
_NAMED: Final = "named_modality"


def naming(modality: str) -> dict[str, object]:
    """What the desk said as an entry of ``facts``; empty when it said nothing."""
    return {_NAMED: modality} if modality else {}


def named_modality(recording: Recording) -> str:
    """What the desk said that a file shows; empty when nobody said so."""
    return str(recording.facts.get(_NAMED, ""))


def modality_of(recording: Recording) -> str:
    """What a file shows: its reader's word before the desk's; empty when neither knows."""
    return recording.modality or named_modality(recording)


def read_modalities(recordings: Iterable[Recording]) -> tuple[str, ...]:
    """What the files that a reader opened show, each once, in their order."""
    return tuple(dict.fromkeys(row.modality for row in recordings if row.modality))


def usable_modalities(recordings: Iterable[Recording]) -> tuple[str, ...]:
    """What the files show that no reader refused, each once, in their order."""
    usable = (row for row in recordings if row.state is not RecordingState.REFUSED)
    return tuple(name for name in dict.fromkeys(map(modality_of, usable)) if name)
