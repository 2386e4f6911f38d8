"""Conditions in CEL (Common Expression Language): three-valued, typed, bounded.

A name without a value makes what depends on it unknown; CEL absorbs it where it cannot matter:
``unknown || true`` is true, ``unknown && false`` is false. The library is loaded on first use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from qiangji_datasets.errors import InputRejected, SystemFault

#: Longest condition; a memory bomb needs nested text joins, and these need length.
MAX_LENGTH: Final = 2000
#: What a condition may call beside operators: it can look through a series, and build nothing.
FUNCTIONS: Final = frozenset({"all", "exists", "exists_one", "has", "in"})

Value = float | bool | str | list[dict[str, float]]

_WORDS: Final = re.compile(
    r"""(?P<text>"[^"\\\n]*"|'[^'\\\n]*')|(?P<number>(?<![\w.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"""
    r"""|(?P<call>[A-Za-z_]\w*)(?=\s*\()|(?P<name>[A-Za-z_]\w*)|(?P<other>.)""",
    re.DOTALL,
)


class Kind(StrEnum):
    """Type of a name in a condition."""

    NUMBER = "number"
    YES_NO = "yes_no"
    WORD = "word"
    SERIES = "series"


class Outcome(StrEnum):
    """What a condition, or a rule, answers."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Expression:
    """A compiled condition.

    Parameters
    ----------
    text
        CEL. Every number is a double, whether it has a decimal point or not.
    kinds
        Type of each name that may stand in it.

    Raises
    ------
    InputRejected
        Syntax, a name that is not declared, a function that is not allowed, mixed types.
    """

    def __init__(self, text: str, kinds: Mapping[str, Kind]) -> None:
        self.text = text
        self.names, prepared = _prepare(text)
        self.names &= frozenset(kinds)
        self._environment = _environment(tuple(sorted(kinds.items())))
        try:
            self._program = self._environment.compile(prepared)
        except RuntimeError as error:
            raise _refused(text, str(error)) from error
        if self._program.return_type().name() != "BOOL":
            raise _refused(text, self._program.return_type().name())

    def outcome(self, values: Mapping[str, Value]) -> Outcome:
        """Yes, no, or unknown where a name that matters has no value.

        Raises
        ------
        SystemFault
            The condition itself is at fault, for example too many steps.
        """
        try:
            found = self._program.eval(data=dict(values))
        except RuntimeError as error:
            raise SystemFault("rules.condition_failed", reason=str(error)[:200]) from error
        if found.type().name() != "ERROR":
            return Outcome.YES if found.value() else Outcome.NO
        reason = str(found.value())
        if reason.startswith(_MISSING):
            return Outcome.UNKNOWN
        raise SystemFault("rules.condition_failed", reason=reason[:200])


#: How the library says that a name, or a column of a row, has no value.
_MISSING: Final = ("UNKNOWN: No value with name", "NOT_FOUND: Key not found in map")


def _prepare(text: str) -> tuple[frozenset[str], str]:
    """The names in a condition, and the condition with every number as a double."""
    if len(text) > MAX_LENGTH:
        raise _refused(text[:80], f"> {MAX_LENGTH}")
    names, parts = set(), []
    for found in _WORDS.finditer(text):
        word = found.group()
        if found["call"] and word not in FUNCTIONS:
            raise _refused(text, f"{word}()")
        if found["name"]:
            names.add(word)
        is_whole = found["number"] is not None and word.isdigit()
        parts.append(f"{word}.0" if is_whole else word)
    return frozenset(names), "".join(parts)


def columns_read(*texts: str) -> frozenset[str]:
    """Columns of a series that conditions look at, written ``row.column``."""
    found = re.findall(r"(?<=[A-Za-z_])\w*\.([A-Za-z_]\w*)(?!\w*\s*\()", " ".join(texts))
    return frozenset(found)


def _refused(text: str, reason: str) -> InputRejected:
    first = reason.removeprefix("INVALID_ARGUMENT: ").splitlines()[0]
    return InputRejected("rules.condition", condition=text[:200], reason=first[:200])


@lru_cache(maxsize=1024)
def _environment(kinds: Sequence[tuple[str, Kind]]) -> Any:  # Any: the library's class
    from cel_expr_python import cel

    types = {
        Kind.NUMBER: cel.Type.DOUBLE,
        Kind.YES_NO: cel.Type.BOOL,
        Kind.WORD: cel.Type.STRING,
        Kind.SERIES: cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN)),
    }
    return cel.NewEnv(variables={name: types[kind] for name, kind in kinds})
