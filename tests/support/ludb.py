"""LUDB (Lobachevsky University Database 1.0.1): signals and the cardiologists' boundaries."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qiangji_datasets.records import EcgRecord, PersonIdentity, StudyIds

with warnings.catch_warnings():
    # wfdb calls pandas in a way that pandas deprecates; not ours to mend.
    warnings.simplefilter("ignore")
    import wfdb

_LEAD_FILES = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
_COUNTS_PER_MV = 1000.0
_SAME_BEAT = 80  # samples at 500 Hz
_LEADS_AGREE = 6


@dataclass(frozen=True)
class Wave:
    """One annotated wave of one lead; samples, None where no boundary was set."""

    kind: str
    onset: int | None
    peak: int
    offset: int | None


@dataclass(frozen=True, eq=False)
class LudbBeat:
    """Annotations of one heartbeat over the leads: R position (median) and its waves."""

    r: float
    qrs: tuple[Wave, ...]
    p: tuple[Wave, ...]
    t: tuple[Wave, ...]


@dataclass(frozen=True, eq=False)
class LudbRecord:
    """One recording with its beats, in order."""

    number: int
    ecg: EcgRecord
    beats: tuple[LudbBeat, ...]


def read_signal(stem: Path) -> np.ndarray:
    """(12, n) float32 in mV of any WFDB recording."""
    return np.ascontiguousarray(wfdb.rdrecord(str(stem)).p_signal.T, dtype=np.float32)


def read_ludb_signal(stem: Path) -> np.ndarray:
    """(12, n) float32 in mV of a LUDB recording, all leads to one scale.

    The headers state a gain of its own for every lead, by which each spans 1 mV and lead III is
    not II - I; the stored counts fulfil Einthoven's law. A count is taken as 1 uV.
    """
    counts = wfdb.rdrecord(str(stem), physical=False).d_signal.T
    return np.ascontiguousarray(counts / _COUNTS_PER_MV, dtype=np.float32)


def read_ludb(folder: Path, number: int) -> LudbRecord:
    """Read one of the 200 records."""
    stem = folder / "data" / str(number)
    waves = [wave for lead in _LEAD_FILES for wave in _waves(str(stem), lead)]
    ecg = EcgRecord(read_signal(stem), 500.0, PersonIdentity(), StudyIds())
    return LudbRecord(number, ecg, _beats(waves))


def _waves(stem: str, lead: str) -> list[Wave]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        annotation = wfdb.rdann(stem, lead)
    found: list[Wave] = []
    onset: int | None = None
    peak: tuple[str, int] | None = None
    for sample, symbol in zip(annotation.sample.tolist(), annotation.symbol, strict=True):
        if symbol == "(":
            onset, peak = sample, None
        elif symbol == ")":
            if peak is not None:
                found.append(Wave(peak[0], onset, peak[1], sample))
            onset, peak = None, None
        else:
            peak = (symbol, sample)
    return found


def _beats(waves: list[Wave]) -> tuple[LudbBeat, ...]:
    groups: list[list[Wave]] = []
    for wave in sorted((w for w in waves if w.kind == "N"), key=lambda w: w.peak):
        if groups and wave.peak - groups[-1][-1].peak < _SAME_BEAT:
            groups[-1].append(wave)
        else:
            groups.append([wave])
    return tuple(_beat(group, waves) for group in groups if len(group) >= _LEADS_AGREE)


def _beat(group: list[Wave], waves: list[Wave]) -> LudbBeat:
    r = float(np.median([wave.peak for wave in group]))
    p = tuple(w for w in waves if w.kind == "p" and 20 < r - w.peak < 200)
    t = tuple(w for w in waves if w.kind == "t" and 30 < w.peak - r < 330)
    return LudbBeat(r, tuple(group), p, t)
