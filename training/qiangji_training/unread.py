"""Recordings of a set as files hold them, reduced to the arrays that recipes learn from."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public.tables import Table
from qiangji_datasets.records import EcgRecord, Radiograph, Record
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess import film as films
from qiangji_models.preprocess.specs import EcgSpec, FilmSpec, Spec
from qiangji_training.texts import text

_LOG = logging.getLogger(__name__)
_TOLD_EVERY: Final = 5000
_OTHER_KIND: Final = "train.recording_kind"


@dataclass(frozen=True, eq=False)
class Unread:
    """One recording before it is read.

    ``truth`` (labels,) 1, 0 or NaN; ``facts`` as recipes ask for them; ``load`` reads the file.
    """

    id: str
    group: str
    truth: NDArray[np.float32]
    facts: Mapping[str, str]
    load: Callable[[], Record]


def reduce_all(
    name: str, labels: Sequence[str], rows: Sequence[Unread], spec: Spec | None
) -> Table:
    """Read every recording and keep what preprocessing leaves of it.

    An ECG becomes (12, samples) z-scores, the network's own input; a film (rows, cols) uint8 in
    the display range, so that tone and archive can still be changed at random. What production
    would refuse is left out, told, and counted by reason in ``left_out``.

    Raises
    ------
    InputRejected
        Nothing could be read, or these are recordings of another kind than the configuration's.
    """
    kept: list[Unread] = []
    inputs: list[NDArray[np.generic]] = []
    refused: Counter[str] = Counter()
    for number, row in enumerate(rows, start=1):
        try:
            record = row.load()
            inputs.append(_reduced(record, spec))
        except InputRejected as error:
            if error.code == _OTHER_KIND:
                raise
            refused[error.code] += 1
        else:
            kept.append(row)
        if number % _TOLD_EVERY == 0:
            _LOG.info("%s", text("train.reading", n=number, total=len(rows)))
    for code, times in sorted(refused.items()):
        _LOG.warning("%s", text("train.left_out", n=times, total=len(rows), code=code))
    if not kept:
        raise InputRejected("train.nothing_read", dataset=name)
    return Table(
        name=name,
        inputs=np.stack(inputs),
        labels=tuple(labels),
        targets=np.stack([row.truth for row in kept]),
        ids=np.array([row.id for row in kept], np.str_),
        groups=np.array([row.group for row in kept], np.str_),
        facts={key: np.array([row.facts[key] for row in kept], np.str_) for key in kept[0].facts},
        left_out=dict(sorted(refused.items())),
    )


def _reduced(record: Record, spec: Spec | None) -> NDArray[np.generic]:
    match record, spec:
        case EcgRecord(), EcgSpec():
            return np.asarray(ecgs.to_model_input(record, spec)[0])
        case Radiograph(), FilmSpec():
            percentiles = (spec.low_percentile, spec.high_percentile)
            return films.fit(films.display(record, percentiles=percentiles), spec)
    raise InputRejected(_OTHER_KIND, modality=record.modality.value)
