"""Facts and answers between a patient's record and the rules: checked going in, kept coming out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from qiangji_app.rules.evaluate import Answer
from qiangji_app.rules.fact_files import fact_catalogue
from qiangji_app.rules.facts import Fact, accept
from qiangji_datasets.errors import InputRejected


@dataclass(frozen=True)
class Refused:
    """A statement that cannot be true or is not known; ``index`` is its place in what was typed."""

    index: int
    error: InputRejected


def accepted(
    raw: Iterable[Fact], age_years: float | None
) -> tuple[tuple[Fact, ...], tuple[Refused, ...]]:
    """Facts in their canonical units, and those that were refused, each with the reason."""
    kept, refused = [], []
    for index, item in enumerate(raw):
        try:
            kept.append(accept(item, fact_catalogue(), age_years))
        except InputRejected as error:
            refused.append(Refused(index, error))
    return tuple(kept), tuple(refused)


def known(raw: Iterable[Fact]) -> Iterable[Fact]:
    """Those that the catalogue lists: a label without a fact of its own is no input of any rule."""
    return (item for item in raw if item.code in fact_catalogue())


def check_value(
    code: str, value: float, unit: str, age_years: float | None, context: Mapping[str, str]
) -> None:
    """Refuse a number that cannot be true.

    Raises
    ------
    InputRejected
        As ``accept``.
    """
    at = datetime.fromisoformat("2000-01-01T00:00:00+00:00")  # a number has limits, not a time
    accept(
        Fact(code=code, value=value, unit=unit, at=at, context=context), fact_catalogue(), age_years
    )


def plain(value: object) -> Any:  # Any: JSON
    """JSON-able form of what the rules hand out: enums by value, instants as ISO text."""
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Enum):
        return value.name.lower() if isinstance(value.value, int) else value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value


def digest_of_inputs(answer: Answer) -> str:
    """SHA-256, hex, of what an answer was given on; the same inputs give the same text."""
    text = json.dumps(
        [plain(item) for item in answer.inputs], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()
