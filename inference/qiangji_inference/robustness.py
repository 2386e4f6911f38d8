"""The AUC a bundle loses when the same recordings come from other devices and exports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import EcgRecord, Notice, Radiograph, Record
from qiangji_inference import metrics
from qiangji_inference.changes import EcgChange, FilmChange, WindowChange, changed_film, changes_of
from qiangji_inference.labelled import Labelled
from qiangji_inference.metrics import Estimate
from qiangji_inference.paired import macro_auc_lost
from qiangji_inference.results import Prediction
from qiangji_inference.scored import Floats, Reader, Rules, record_of
from qiangji_models.bundle import load_bundle
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec, Spec

#: Recordings that are changed and read again; more give narrower intervals and take longer.
SAMPLE: Final = 500
#: Changed copies would be refused now and then; what is measured here is the network.
_RULES: Final = Rules(is_gated=False)

_Change = EcgChange | FilmChange | WindowChange


@dataclass(frozen=True)
class ChangeResult:
    """One change: macro AUC before and after on the same ``n`` recordings, and the loss.

    ``lost`` above 0 means that the change cost separation; its interval is paired.
    ``lost_by_label`` has None where the label lacks a class.
    """

    id: str
    kind: str
    n: int
    before: float | None
    after: float | None
    lost: Estimate
    lost_by_label: dict[str, float | None]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "id": self.id,
            "kind": self.kind,
            "n": self.n,
            "macro_auc_before": self.before,
            "macro_auc_after": self.after,
            "macro_auc_lost": self.lost.as_dict(),
            "auc_lost_by_label": self.lost_by_label,
        }


def robustness(
    folder: Path,
    rows: Sequence[Labelled],
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    on_read: Callable[[], None] = lambda: None,
) -> tuple[ChangeResult, ...]:
    """Read changed copies of recordings through production preprocessing.

    Parameters
    ----------
    folder
        The bundle; for films or ECGs.
    rows
        Recordings with truth.
    sample
        At most so many recordings, drawn at random, half of them with a finding.
    seed
        Of the draw and of the bootstrap.

    Raises
    ------
    InputRejected
        The bundle reads neither films nor ECGs, or not one recording could be read.
    """
    bundle = load_bundle(folder)
    if not isinstance(bundle.spec, FilmSpec | EcgSpec):
        raise InputRejected("evaluate.no_changes", modality=bundle.modality.value)
    labels = tuple(dict.fromkeys(name for row in rows for name in row.truth))
    plan = _Plan(Reader(folder), changes_of(bundle.spec), bundle.spec, labels)
    kept: list[Labelled] = []
    scores: list[Floats] = []
    for number in _drawn(rows, sample, seed):
        record = record_of(rows[number])
        found = None if isinstance(record, Notice) else plan.scores(rows[number], record)
        if found is not None:
            kept.append(rows[number])
            scores.append(found)
        on_read()
    if not kept:
        raise InputRejected("evaluate.nothing_changed")
    return plan.results(kept, np.stack(scores, axis=1), seed=seed)


def _drawn(rows: Sequence[Labelled], sample: int, seed: int) -> list[int]:
    """Indexes of the rows to read: half with a finding, as far as there are; AUC does not mind."""
    has_finding = np.array([1.0 in row.truth.values() for row in rows], np.bool_)
    order = np.random.default_rng(seed).permutation(len(rows))
    present, absent = order[has_finding[order]], order[~has_finding[order]]
    with_finding = min(len(present), max(sample // 2, sample - len(absent)))
    chosen = [*present[:with_finding], *absent[: sample - with_finding]]
    return sorted(int(number) for number in chosen)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Who reads, what is changed, and which labels count."""

    reader: Reader
    changes: Sequence[_Change]
    spec: FilmSpec | EcgSpec
    labels: tuple[str, ...]

    def scores(self, row: Labelled, record: Record) -> Floats | None:
        """(1 + changes, labels) probabilities, or None when one version was not read."""
        first = self.reader.predict(record, row, _RULES)
        if not isinstance(first, Prediction):
            return None
        found = [first]
        rng = np.random.default_rng(row.line)
        for change in self.changes:
            outcome = self.reader.predict(_changed(record, change, self.spec, rng), row, _RULES)
            if not isinstance(outcome, Prediction):
                return None
            found.append(outcome)
        each = [{call.label: call.probability for call in item.labels} for item in found]
        return np.array([[calls[name] for name in self.labels] for calls in each])

    def results(
        self, rows: Sequence[Labelled], scores: Floats, *, seed: int
    ) -> tuple[ChangeResult, ...]:
        """Every change against the first version; scores (1 + changes, recordings, labels)."""
        truth = np.array([[row.truth.get(name, np.nan) for name in self.labels] for row in rows])
        groups = [row.patient or f"row {row.line} {row.path}" for row in rows]
        before, found = scores[0], []
        for change, after in zip(self.changes, scores[1:], strict=True):
            by_label = {
                name: _lost(truth[:, at], before[:, at], after[:, at])
                for at, name in enumerate(self.labels)
            }
            found.append(
                ChangeResult(
                    id=change.id,
                    kind=change.kind,
                    n=len(truth),
                    before=metrics.macro_auc(truth, before),
                    after=metrics.macro_auc(truth, after),
                    lost=macro_auc_lost(truth, before, after, groups=groups, seed=seed),
                    lost_by_label=by_label,
                )
            )
        return tuple(found)


def _lost(truth: Floats, before: Floats, after: Floats) -> float | None:
    first, second = metrics.auc(truth, before), metrics.auc(truth, after)
    return None if first is None or second is None else first - second


def _changed(record: Record, change: _Change, spec: Spec, rng: np.random.Generator) -> Record:
    match record, change, spec:
        case EcgRecord(), EcgChange(), EcgSpec():
            return change.apply(record, rng)
        case Radiograph(), FilmChange() | WindowChange(), FilmSpec():
            return changed_film(record, change, spec)
    raise TypeError(f"{change.id} does not fit {type(record).__name__}")
