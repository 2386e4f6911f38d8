"""A labelled set read by a bundle exactly as in production: truth and probability side by side."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import BundleError, InputRejected, QiangjiError
from qiangji_datasets.formats import read_path
from qiangji_datasets.records import Notice, Record, Severity
from qiangji_inference.engine import Engine
from qiangji_inference.labelled import Labelled
from qiangji_inference.results import BundleRef, Prediction
from qiangji_inference.slots import BundleState
from qiangji_models.bundle import Bundle

_LOG = logging.getLogger(__name__)
#: Recordings whose header is a file beside the signal (WFDB) may be named without its suffix.
_HEADER_SUFFIX: Final = ".hea"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rules:
    """What production asks before a bundle reads; evaluation may relax it.

    ``is_gated`` False skips the gate and lets an unknown age pass; ``needs_age`` False does
    only the latter.
    """

    is_gated: bool = True
    needs_age: bool = True


#: Nothing relaxed.
AS_IN_USE: Final = Rules()


@dataclass(frozen=True)
class Skipped:
    """How many recordings were not read for one reason; ``first`` is the first such notice."""

    first: Notice
    n: int


@dataclass(frozen=True, eq=False)
class Column:
    """Truth and probability of one label, (recordings,) each.

    ``truth`` is 1, 0 or NaN (not stated, or the call was withheld by the gate).
    """

    truth: Floats
    score: Floats
    n_withheld: int


@dataclass(frozen=True, eq=False)
class Scored:
    """Recordings that were read.

    ``truth`` and ``score`` (recordings, labels); truth is NaN where not stated or where the
    call was withheld by the gate, as ``is_withheld`` says.
    """

    labels: tuple[str, ...]
    rows: tuple[Labelled, ...]
    truth: Floats
    score: Floats
    is_withheld: NDArray[np.bool_]

    @property
    def patients(self) -> list[str] | None:
        """Patient of each row; a row without one stands for itself. None when no row has one."""
        if not any(row.patient for row in self.rows):
            return None
        return [row.patient or f"row {index}" for index, row in enumerate(self.rows)]

    def column(self, label: str) -> Column:
        """One label's truth and probability."""
        at = self.labels.index(label)
        return Column(self.truth[:, at], self.score[:, at], int(self.is_withheld[:, at].sum()))

    def where(self, keep: NDArray[np.bool_]) -> Scored:
        """The rows for which ``keep`` (recordings,) is True."""
        rows = tuple(row for row, is_kept in zip(self.rows, keep, strict=True) if is_kept)
        parts = self.truth[keep], self.score[keep], self.is_withheld[keep]
        return Scored(self.labels, rows, *parts)


@dataclass(frozen=True, eq=False)
class ReadSet:
    """What came of reading a labelled set with a bundle."""

    bundle: Bundle
    reference: BundleRef
    scored: Scored
    skipped: tuple[Skipped, ...]


class Reader:
    """A proved bundle, ready to read recordings.

    Parameters
    ----------
    folder
        The bundle.

    Raises
    ------
    BundleError
        The bundle does not pass its checks.
    """

    def __init__(self, folder: Path) -> None:
        self._engine = Engine([folder])
        (status,) = self._engine.warm()
        if status.state is not BundleState.READY:
            code = "" if status.reason is None else str(status.reason.params["reason"])
            raise BundleError("evaluate.bundle_refused", bundle=folder.name, reason=code)

    def predict(self, record: Record, row: Labelled, rules: Rules) -> Prediction | Notice:
        """The prediction for a recording, or why there is none."""
        reading = self._engine.read(
            record,
            gate=rules.is_gated,
            age_years=row.stated.age_years,
            sex=row.stated.sex,
            needs_age=rules.needs_age and rules.is_gated,
            measure=rules.is_gated,
        )
        if reading.predictions:
            return reading.predictions[0]
        return next(item for item in reading.reasons if item.severity is Severity.REFUSE)


def record_of(row: Labelled) -> Record | Notice:
    """The recording of a row, or why its file cannot be read."""
    path = row.path
    if not path.exists():
        path = path.with_name(path.name + _HEADER_SUFFIX)
    if not path.is_file():
        return Notice("evaluate.file_missing", Severity.REFUSE)
    try:
        record: Record = read_path(path, stated=row.stated)
    except QiangjiError as error:
        _LOG.info("not read: %s", error.code)
        return Notice(error.code, Severity.REFUSE, error.params)
    except Exception:  # noqa: BLE001 - one file that upsets a reader must not end a long run
        _LOG.exception("a reader failed on a file")
        return Notice("evaluate.read_failed", Severity.REFUSE)
    return record


def read_set(
    reader: Reader,
    bundle: Bundle,
    rows: Sequence[Labelled],
    *,
    rules: Rules,
    on_read: Callable[[], None] = lambda: None,
) -> ReadSet:
    """Read every recording.

    Raises
    ------
    InputRejected
        There is no row, a label is not in the bundle, or not one recording could be read.
    """
    labels = _labels(bundle, rows)
    unread: list[Notice] = []
    read: list[tuple[Labelled, Mapping[str, tuple[float, bool]]]] = []
    reference: BundleRef | None = None
    for row in rows:
        found = record_of(row)
        outcome = found if isinstance(found, Notice) else reader.predict(found, row, rules)
        if isinstance(outcome, Prediction):
            # Maps are not kept: a set may hold a hundred thousand recordings.
            calls = {c.label: (c.probability, bool(c.suppressed_by)) for c in outcome.labels}
            read.append((row, calls))
            reference = outcome.bundle
        else:
            unread.append(outcome)
        on_read()
    if reference is None:
        worst = max(_skipped(unread), key=lambda item: item.n)
        raise InputRejected("evaluate.nothing_read", n=worst.n, reason=worst.first.code)
    return ReadSet(bundle, reference, _scored(labels, read), _skipped(unread))


def _labels(bundle: Bundle, rows: Sequence[Labelled]) -> tuple[str, ...]:
    """Every label that some row speaks of, in the order of first mention."""
    if not rows:
        raise InputRejected("evaluate.no_rows")
    names = tuple(dict.fromkeys(name for row in rows for name in row.truth))
    for name in names:
        if name not in bundle.labels:
            known = ", ".join(bundle.labels)
            raise InputRejected("evaluate.label_unknown", label=name, known=known)
    return names


def _scored(
    labels: tuple[str, ...], read: list[tuple[Labelled, Mapping[str, tuple[float, bool]]]]
) -> Scored:
    truth = np.array([[row.truth.get(name, np.nan) for name in labels] for row, _ in read])
    score = np.array([[calls[name][0] for name in labels] for _, calls in read])
    is_withheld = np.array([[calls[name][1] for name in labels] for _, calls in read], np.bool_)
    truth[is_withheld] = np.nan
    return Scored(labels, tuple(row for row, _ in read), truth, score, is_withheld)


def _skipped(unread: list[Notice]) -> tuple[Skipped, ...]:
    firsts: dict[str, Notice] = {}
    for notice in unread:
        firsts.setdefault(notice.code, notice)
    times = Counter(notice.code for notice in unread)
    return tuple(Skipped(first, times[code]) for code, first in sorted(firsts.items()))
