"""Beats sorted by shape, and the usual beat: the median of the largest group.

Windows and the correlation that makes two beats alike are engineering values; what follows from
them, boundaries and levels, is held against LUDB (``tests/conformance``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_inference.ecg_signal import RATE_HZ, Prepared, Signal, band

_SHAPE_FROM_S, _SHAPE_TO_S = 0.10, 0.14
_SAME_SHAPE: Final = 0.85  # correlation over all leads within a group
_LAG_S: Final = 0.024
#: The usual beat reaches from this long before to this long after its fiducial point.
BEFORE_S: Final = 0.44
AFTER_S: Final = 0.68


@dataclass(frozen=True, eq=False)
class Beats:
    """Beats of one recording.

    Parameters
    ----------
    fiducials
        (b,) samples; beats of one group are aligned with each other by correlation.
    group
        (b,) 0 for the usual shape, 1, 2 … for others in the order found.
    likeness
        (b,) correlation with the group's first template; low everywhere in a chaotic signal.
    """

    fiducials: NDArray[np.intp]
    group: NDArray[np.intp]
    likeness: Signal

    @property
    def usual(self) -> NDArray[np.intp]:
        """Fiducial points of the usual group."""
        return np.asarray(self.fiducials[self.group == 0])


def sort_beats(prepared: Prepared, peaks: NDArray[np.intp]) -> Beats:
    """Group beats by the shape of their QRS over all usable leads."""
    before, after = round(_SHAPE_FROM_S * RATE_HZ), round(_SHAPE_TO_S * RATE_HZ)
    lag = round(_LAG_S * RATE_HZ)
    narrow = band(prepared.mv[prepared.independent], 1.0, 40.0)
    padded = np.pad(narrow, ((0, 0), (before + lag, after + lag)), mode="edge")
    templates: list[Signal] = []
    rows: list[tuple[int, int, float]] = []
    for peak in peaks.tolist():
        window = padded[:, peak : peak + before + after + 2 * lag]  # (leads, shape + 2 lag)
        rows.append(_place(window, templates, lag, peak))
    return _ordered(rows)


def _place(window: Signal, templates: list[Signal], lag: int, peak: int) -> tuple[int, int, float]:
    """(fiducial, group, likeness) of one beat; a new shape becomes a template."""
    best = (peak, len(templates), 1.0)
    highest = _SAME_SHAPE
    for index, template in enumerate(templates):
        scores = _correlate(window, template)
        shift = int(np.argmax(scores))
        if scores[shift] > highest:
            highest = float(scores[shift])
            best = (peak + shift - lag, index, highest)
    if best[1] == len(templates):
        width = window.shape[1] - 2 * lag
        templates.append(window[:, lag : lag + width])
    return best


def _correlate(window: Signal, template: Signal) -> Signal:
    """Correlation of a template with a window at every lag, all leads together."""
    views = np.lib.stride_tricks.sliding_window_view(window, template.shape[1], axis=1)
    centred = template - template.mean(axis=1, keepdims=True)
    dot = np.einsum("klt,kt->l", views, centred)
    energy = np.sum(views**2, axis=(0, 2)) - template.shape[1] * np.sum(
        views.mean(axis=2) ** 2, axis=0
    )
    return np.asarray(dot / np.sqrt(np.maximum(energy * np.sum(centred**2), 1e-12)))


def _ordered(rows: list[tuple[int, int, float]]) -> Beats:
    """Number the groups by size, largest first."""
    fiducials = np.asarray([row[0] for row in rows], dtype=np.intp)
    found = np.asarray([row[1] for row in rows], dtype=np.intp)
    if not rows:
        return Beats(fiducials, found, np.empty(0))
    sizes = np.bincount(found)
    rank = np.empty(sizes.size, dtype=np.intp)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(sizes.size)
    return Beats(fiducials, rank[found], np.asarray([row[2] for row in rows]))


def median_beat(mv: Signal, fiducials: NDArray[np.intp], level_s: float) -> Signal | None:
    """Median of beats, each freed of its base line.

    Parameters
    ----------
    mv
        (12, n).
    level_s
        Where the isoelectric level before QRS lies, seconds from the fiducial point (negative).

    Returns
    -------
        (12, (BEFORE_S + AFTER_S) * RATE_HZ) in mV, or None when no beat lies wholly inside.
    """
    before, after = round(BEFORE_S * RATE_HZ), round(AFTER_S * RATE_HZ)
    inside = fiducials[(fiducials >= before) & (fiducials + after <= mv.shape[1])]
    if inside.size == 0:
        return None
    flat = mv - _base_line(mv, fiducials, level_s)
    stack = np.stack([flat[:, f - before : f + after] for f in inside.tolist()])
    return np.asarray(np.median(stack, axis=0))


def _base_line(mv: Signal, fiducials: NDArray[np.intp], level_s: float) -> Signal:
    """(12, n) straight lines through the isoelectric levels before the QRS complexes."""
    half = round(0.008 * RATE_HZ)
    knots = fiducials + round(level_s * RATE_HZ)
    knots = knots[(knots >= half) & (knots < mv.shape[1] - half)]
    levels = np.stack([mv[:, k - half : k + half + 1].mean(axis=1) for k in knots.tolist()])
    at = np.arange(mv.shape[1])
    return np.stack([np.interp(at, knots, levels[:, row]) for row in range(mv.shape[0])])
