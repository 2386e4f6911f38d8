"""How good a bundle is on a site's own labelled folder, read exactly as in production."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import BundleError, InputRejected, QiangjiError
from qiangji_datasets.formats import read_path
from qiangji_datasets.records import Notice, Record, Severity
from qiangji_inference import metrics
from qiangji_inference.engine import Engine
from qiangji_inference.labelled import Labelled
from qiangji_inference.metrics import AtThreshold, CalibrationLine, Estimate
from qiangji_inference.results import BundleRef, LabelPrediction, Prediction
from qiangji_inference.slots import BundleState
from qiangji_models.bundle import Bundle, LabelPoints, load_bundle

_LOG = logging.getLogger(__name__)
#: Recordings whose header is a file beside the signal (WFDB) may be named without its suffix.
_HEADER_SUFFIX: Final = ".hea"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PointResult:
    """What an operating point of the bundle gives here."""

    id: str
    at: AtThreshold


@dataclass(frozen=True)
class TargetResult:
    """One label on this set; figures that the set cannot give are None.

    ``n_withheld`` calls were suppressed by the gate, as in production, and are in no figure.
    """

    auc: Estimate
    average_precision: Estimate
    specificity_at_90_sensitivity: Estimate
    sensitive: PointResult
    specific: PointResult
    ece: float | None
    brier: float | None
    calibration: CalibrationLine | None
    n_pos: int
    n_neg: int
    n_withheld: int


@dataclass(frozen=True)
class Skipped:
    """How many recordings were not read for one reason; ``first`` is the first such notice."""

    first: Notice
    n: int


@dataclass(frozen=True)
class Evaluation:
    """A bundle on a labelled set; ``n`` recordings were read, the others are in ``skipped``."""

    bundle: BundleRef
    targets: dict[str, TargetResult]
    macro_auc: Estimate
    n: int
    skipped: tuple[Skipped, ...]

    def as_json(self) -> dict[str, object]:
        """The form of ``--json``."""
        return {
            "bundle": {
                "name": self.bundle.name,
                "version": self.bundle.version,
                "sha256": self.bundle.sha256,
            },
            "targets": {name: _target_json(result) for name, result in self.targets.items()},
            "macro_auc": self.macro_auc.as_dict(),
            "n": self.n,
            "skipped": [{"code": item.first.code, "n": item.n} for item in self.skipped],
        }


@dataclass(frozen=True)
class Rules:
    """What production asks before a bundle reads; evaluation may relax it.

    ``is_gated`` False skips the gate and lets an unknown age pass; ``needs_age`` False does
    only the latter.
    """

    is_gated: bool = True
    needs_age: bool = True


def evaluate_bundle(
    folder: Path,
    rows: Sequence[Labelled],
    *,
    rules: Rules = Rules(),
    seed: int = 0,
    on_read: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Read every recording and compare with its truth.

    Parameters
    ----------
    folder
        The bundle.
    rows
        Recordings with truth; labels outside the bundle are refused.
    rules
        What may be relaxed against production.
    seed
        Of the bootstrap.
    on_read
        Called after each recording.

    Raises
    ------
    BundleError
        The bundle does not pass its checks.
    InputRejected
        There is no row, a label is not in the bundle, or not one recording could be read.
    """
    bundle = load_bundle(folder)
    _check_labels(bundle, rows)
    engine = _engine(folder)
    unread: list[Notice] = []
    read: list[_Scored] = []
    reference: BundleRef | None = None
    for row in rows:
        outcome = _read(engine, row, rules)
        if isinstance(outcome, Prediction):
            # Maps are not kept: a set may hold a hundred thousand recordings.
            read.append(_Scored(row, {call.label: call for call in outcome.labels}))
            reference = outcome.bundle
        else:
            unread.append(outcome)
        on_read()
    if reference is None:
        worst = max(_skipped(unread), key=lambda item: item.n)
        raise InputRejected("evaluate.nothing_read", n=worst.n, reason=worst.first.code)
    targets, macro = _compared(bundle, read, seed)
    return Evaluation(reference, targets, macro, len(read), _skipped(unread))


def _check_labels(bundle: Bundle, rows: Sequence[Labelled]) -> None:
    if not rows:
        raise InputRejected("evaluate.no_rows")
    for name in rows[0].truth:
        if name not in bundle.labels:
            known = ", ".join(bundle.labels)
            raise InputRejected("evaluate.label_unknown", label=name, known=known)


def _engine(folder: Path) -> Engine:
    engine = Engine([folder])
    (status,) = engine.warm()
    if status.state is not BundleState.READY:
        code = "" if status.reason is None else str(status.reason.params["reason"])
        raise BundleError("evaluate.bundle_refused", bundle=folder.name, reason=code)
    return engine


def _read(engine: Engine, row: Labelled, rules: Rules) -> Prediction | Notice:
    """The prediction, or why there is none."""
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
    reading = engine.read(
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


def _skipped(unread: list[Notice]) -> tuple[Skipped, ...]:
    firsts: dict[str, Notice] = {}
    for notice in unread:
        firsts.setdefault(notice.code, notice)
    times = Counter(notice.code for notice in unread)
    return tuple(Skipped(first, times[code]) for code, first in sorted(firsts.items()))


@dataclass(frozen=True)
class _Scored:
    """A recording that was read; ``calls`` by label id."""

    row: Labelled
    calls: dict[str, LabelPrediction]


def _compared(
    bundle: Bundle, read: list[_Scored], seed: int
) -> tuple[dict[str, TargetResult], Estimate]:
    names = list(read[0].row.truth)
    truth = np.array([[item.row.truth[name] for name in names] for item in read])
    score = np.array([[item.calls[name].probability for name in names] for item in read])
    is_withheld = np.array(
        [[bool(item.calls[name].suppressed_by) for name in names] for item in read]
    )
    truth[is_withheld] = np.nan
    groups = _groups([item.row for item in read])
    columns = {
        name: _Column(truth[:, i], score[:, i], int(is_withheld[:, i].sum()))
        for i, name in enumerate(names)
    }
    targets = {
        name: _target_result(bundle.points[name], column, groups, seed)
        for name, column in columns.items()
    }
    return targets, metrics.macro_auc_interval(truth, score, groups=groups, seed=seed)


@dataclass(frozen=True, eq=False)
class _Column:
    """Truth and probability of one label, (recordings,) each."""

    truth: Floats
    score: Floats
    n_withheld: int


def _target_result(
    points: LabelPoints, column: _Column, groups: list[str] | None, seed: int
) -> TargetResult:
    y, p = column.truth, column.score
    n_pos, n_neg = metrics.counts(y)
    sensitive, specific = points.sensitive, points.specific
    return TargetResult(
        auc=metrics.auc_interval(y, p, groups=groups, seed=seed),
        average_precision=metrics.average_precision_interval(y, p, groups=groups, seed=seed),
        specificity_at_90_sensitivity=metrics.specificity_at_sensitivity_interval(
            y, p, 0.9, groups=groups, seed=seed
        ),
        sensitive=PointResult(sensitive.id, metrics.at_threshold(y, p, sensitive.threshold)),
        specific=PointResult(specific.id, metrics.at_threshold(y, p, specific.threshold)),
        ece=metrics.expected_calibration_error(y, p),
        brier=metrics.brier(y, p),
        calibration=metrics.calibration_line(y, p),
        n_pos=n_pos,
        n_neg=n_neg,
        n_withheld=column.n_withheld,
    )


def _groups(rows: list[Labelled]) -> list[str] | None:
    """Patients of the rows; a row without one stands for itself. None when no row has one."""
    if not any(row.patient for row in rows):
        return None
    return [row.patient or f"row {index}" for index, row in enumerate(rows)]


def _target_json(result: TargetResult) -> dict[str, object]:
    line = result.calibration
    return {
        "auc": result.auc.as_dict(),
        "n_pos": result.n_pos,
        "n_neg": result.n_neg,
        "n_withheld": result.n_withheld,
        "average_precision": result.average_precision.as_dict(),
        "operating_points": {
            "sensitive": _point_json(result.sensitive),
            "specific": _point_json(result.specific),
        },
        "specificity_at_90_sensitivity": result.specificity_at_90_sensitivity.as_dict(),
        "ece": result.ece,
        "brier": result.brier,
        "calibration_slope": None if line is None else line.slope,
        "calibration_intercept": None if line is None else line.intercept,
    }


def _point_json(point: PointResult) -> dict[str, object]:
    return {
        "id": point.id,
        "threshold": point.at.threshold,
        "sensitivity": point.at.sensitivity.as_dict(),
        "specificity": point.at.specificity.as_dict(),
    }
