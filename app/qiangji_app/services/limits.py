"""How long the texts of people may be; a longer one is refused, never cut."""

from __future__ import annotations

from typing import Final

from qiangji_datasets.errors import InputRejected

#: Any text: reports, reasons, messages.
MAX_TEXT: Final = 8000
#: Why a film is sent in spite of the gate, or taken for this patient's; a symptom, a history.
MAX_REASON: Final = 4000
#: What is read out on the telephone or noted beside a result.
MAX_CALL_TEXT: Final = 2000
#: A file's name; no file system of a desk takes more.
MAX_FILE_NAME: Final = 255
#: A name as displayed.
MAX_NAME: Final = 100


def whole(text: str, limit: int = MAX_TEXT) -> str:
    """The text without blanks around it.

    Raises
    ------
    InputRejected
        ``text.too_long``: more characters than the limit.
    """
    stripped = text.strip()
    if len(stripped) > limit:
        raise InputRejected("text.too_long", length=len(stripped), limit=limit)
    return stripped
