"""QRS detection and wave boundaries against the cardiologists of LUDB.

Boundaries are global (all leads together), one error a recording: ours in the usual beat against
the median over its beats of the earliest fifth of the leads' onsets, the latest fifth of the
offsets, and the median lead's end of T. The shares in ``ecg_delineate`` were set on the odd
records; the even ones are judged here. The bar is the CSE working party's two-SD tolerance
(Eur Heart J 1985;6:815-825; two standard deviations between experts on one beat), held against
the standard deviation of our errors, as is usual since Martinez 2004
(doi:10.1109/TBME.2003.821031): P onset 10.2, QRS onset 6.5, QRS end 11.6, T end 30.6 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.ludb import LudbBeat, LudbRecord, Wave, read_ludb

from qiangji_inference.ecg_values import Values, take_values

pytestmark = pytest.mark.shared

_MATCH = 75  # samples, 150 ms (ANSI/AAMI EC57)
_MS = 2.0

Run = list[tuple[LudbRecord, Values]]


@pytest.fixture(scope="module")
def runs(shared_data: Path) -> Run:
    folder = shared_data / "ecg" / "ludb"
    records = [read_ludb(folder, number) for number in range(1, 201)]
    return [(record, take_values(record.ecg)) for record in records]


def test_qrs_complexes_are_found_with_f1_of_at_least_998_thousandths(runs: Run) -> None:
    hits = false = missed = 0
    for record, values in runs:
        wanted = np.array([beat.r for beat in record.beats])
        found = values.beats.fiducials
        found = found[(found >= wanted[0] - _MATCH) & (found <= wanted[-1] + _MATCH)]
        matched = sum(bool((np.abs(found - r) <= _MATCH).any()) for r in wanted)
        hits += matched
        missed += len(wanted) - matched
        false += max(len(found) - matched, 0)

    assert 2 * hits / (2 * hits + false + missed) >= 0.998


def _early(waves: tuple[Wave, ...]) -> float:
    return float(np.percentile([w.onset for w in waves if w.onset is not None], 20))


def _late(waves: tuple[Wave, ...]) -> float:
    return float(np.percentile([w.offset for w in waves if w.offset is not None], 80))


def _middle(waves: tuple[Wave, ...]) -> float:
    return float(np.median([w.offset for w in waves if w.offset is not None]))


def _errors_ms(
    runs: Run,
    ours: Callable[[Values], int | None],
    theirs: Callable[[LudbBeat], float],
    needed: Callable[[LudbBeat], tuple[Wave, ...]],
) -> np.ndarray:
    errors = []
    for record, values in runs:
        position = ours(values)
        if record.number % 2 or position is None:
            continue
        marks = [
            theirs(beat) - fiducial
            for fiducial in values.beats.usual.tolist()
            for beat in record.beats
            if abs(beat.r - fiducial) < 60 and len(needed(beat)) >= 4
        ]
        if marks:
            errors.append((position - float(np.median(marks))) * _MS)
    return np.asarray(errors)


#: name, ours, theirs, least recordings, largest mean, SD and central-68-% half width in ms
_BOUNDARIES = {
    "p_onset": (
        lambda v: v.p.onset if v.p else None,
        lambda b: _early(b.p),
        lambda b: b.p,
        (75, 6.0, 10.2, 6.0),
    ),
    "qrs_onset": (
        lambda v: v.qrs.onset if v.qrs else None,
        lambda b: _early(b.qrs),
        lambda b: b.qrs,
        (95, 5.0, 6.5, 6.5),
    ),
    "qrs_offset": (
        lambda v: v.qrs.offset if v.qrs and not v.qrs.is_open else None,
        lambda b: _late(b.qrs),
        lambda b: b.qrs,
        (95, 6.0, 11.6, 7.0),
    ),
    "t_end": (
        lambda v: v.t_end,
        lambda b: _middle(b.t),
        lambda b: b.t,
        (90, 12.0, 30.6, 15.3),
    ),
}


@pytest.mark.parametrize("boundary", list(_BOUNDARIES))
def test_boundaries_agree_with_cardiologists(
    runs: Run, boundary: str, record_property: Callable[[str, object], None]
) -> None:
    ours, theirs, needed, (least, mean, deviation, central) = _BOUNDARIES[boundary]

    errors = _errors_ms(runs, ours, theirs, needed)
    low, high = np.percentile(errors, [16, 84])
    figures = (
        f"n={errors.size} mean={errors.mean():.1f} sd={errors.std():.1f} "
        f"central68={(high - low) / 2:.1f} ms"
    )
    record_property(boundary, figures)

    assert errors.size >= least, figures
    assert abs(errors.mean()) <= mean, figures
    assert errors.std() <= deviation, figures
    assert (high - low) / 2 <= central, figures
