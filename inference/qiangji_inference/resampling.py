"""Bootstrap machinery of the metrics: rows ranked once, resamples as weights, all vectorised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
#: (positives per score, negatives per score), last axis by ascending score, to a figure.
RankStatistic = Callable[[Floats, Floats], Floats]

#: Fewer usable resamples than this share and an interval is not stated.
MIN_USABLE_SHARE: Final = 0.5
#: Cells (resamples x rows) drawn at a time, so that memory stays near 100 MB.
_CHUNK_CELLS: Final = 1_000_000


@dataclass(frozen=True)
class Ranked:
    """Rows sorted by score; ``starts`` are the first rows of each distinct score."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    y_sorted: Floats

    @classmethod
    def of(cls, y: Floats, score: Floats) -> Ranked:
        order = np.argsort(score, kind="stable")
        ranked = score[order]
        starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        return cls(order, starts, y[order])

    def weighted(self, weights: Floats) -> tuple[Floats, Floats]:
        """Positives and negatives per distinct score: (..., rows) to twice (..., scores)."""
        by_rank = weights[..., self.order]
        positive = np.add.reduceat(by_rank * self.y_sorted, self.starts, axis=-1)
        total = np.add.reduceat(by_rank, self.starts, axis=-1)
        return positive, total - positive


def owners_of(groups: ArrayLike | None, truth: Floats) -> NDArray[np.intp]:
    """Index of the patient of each row whose truth is stated; its own index without groups."""
    keep = ~np.isnan(truth)
    if groups is None:
        return np.arange(int(keep.sum()))
    named = np.asarray(groups)
    if named.shape != truth.shape:
        raise ValueError(f"groups {named.shape} and truth {truth.shape} must be equal")
    return np.unique(named[keep], return_inverse=True)[1]


def strata_of(owners: NDArray[np.intp], y: Floats) -> NDArray[np.intp]:
    """1 for a patient with at least one positive row, else 0."""
    return (np.bincount(owners, weights=y) > 0).astype(np.intp)


def drawn_weights(
    owners: NDArray[np.intp], strata: NDArray[np.intp], resamples: int, seed: int
) -> Iterator[Floats]:
    """How often each row is drawn, as (chunk, rows) arrays, ``resamples`` rows in all.

    Parameters
    ----------
    owners
        (rows,) index of the patient of each row.
    strata
        (patients,) patients are drawn with replacement inside each stratum.
    """
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    step = max(1, _CHUNK_CELLS // max(1, len(owners)))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = np.zeros((size, len(strata)))
        for patients in members:
            picks = rng.integers(0, len(patients), (size, len(patients)))
            flat = picks + np.arange(size)[:, None] * len(patients)
            times = np.bincount(flat.ravel(), minlength=size * len(patients))
            drawn[:, patients] = times.reshape(size, len(patients))
        yield drawn[:, owners]


def limits_of(drawn: Floats) -> tuple[float | None, float | None]:
    """2.5th and 97.5th percentile of the usable resamples, None when too few are usable."""
    usable = drawn[~np.isnan(drawn)]
    if len(usable) < max(1.0, MIN_USABLE_SHARE * len(drawn)):
        return None, None
    low, high = np.percentile(usable, [2.5, 97.5])
    return float(low), float(high)
