"""Exchanged electrodes: which arrangement of limb and chest electrodes fits a heartbeat best?

Exchanging two electrodes permutes potentials, so every wiring of a recorded beat can be computed
from it. A small network, trained to tell a rightly wired beat from its permutations, scores each
arrangement; where an exchanged one scores higher than the one recorded, the electrodes probably
are. Weights, limits and the card in ``ecg_reversal.npz`` are written by
``qiangji_training.fit_ecg_reversal``. An exchange of left arm and left leg hardly changes what is
plausible and stays hard to see (Abdollah and Milliken 1997, doi:10.1016/S0002-9149(97)00537-5).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_inference.ecg_delineate import FIDUCIAL
from qiangji_inference.ecg_signal import RATE_HZ, Signal, band
from qiangji_inference.ecg_values import Values

#: Wirings that are told apart: none, two limb electrodes, two neighbouring chest electrodes.
LIMB_WIRINGS: Final = ("ra_la", "ra_ll", "la_ll")
CHEST_WIRINGS: Final = ("v1_v2", "v2_v3", "v3_v4", "v4_v5", "v5_v6")
WIRINGS: Final = ("none", *LIMB_WIRINGS, *CHEST_WIRINGS)
_P_FROM_S, _P_TO_S = 0.22, 0.012  # before the onset of QRS
_T_FROM_S, _T_TO_S = 0.06, 0.34  # after the end of QRS
_HIGHEST_HZ: Final = 30.0  # what a 100 Hz recording carries too
_SHORTEST_QRS: Final = 15  # samples; shorter ones are no QRS
_PACED_SPIKES: Final = 3  # a paced QRS goes its own way through the chest
_FURTHEST: Final = 4.0  # standard deviations: what lies beyond counts as this
_TINY: Final = 1e-9
_CHEST_PAIRS: Final = np.triu_indices(6, 1)

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ReversalNet:
    """``nets`` of two dense layers each: (w1 (h, f), b1 (h,), w2 (1, h), b2 (1,)); means agree.

    ``limits`` are the least log odds of each wiring against "none" that count.
    """

    mean: Floats
    scale: Floats
    nets: tuple[tuple[Floats, ...], ...]
    limits: dict[str, float]

    def scores(self, features: Floats) -> Floats:
        """Score (n,) of arrangements with the given features (n, f); higher fits better."""
        x = np.clip((features - self.mean) / self.scale, -_FURTHEST, _FURTHEST)
        found = [np.maximum(x @ w1.T + b1, 0) @ w2[0] + b2[0] for w1, b1, w2, b2 in self.nets]
        return np.asarray(np.mean(found, axis=0), dtype=np.float32)


@cache
def reversal_net() -> ReversalNet:
    """The weights shipped with the package."""
    file = resources.files("qiangji_inference").joinpath("ecg_reversal.npz")
    with file.open("rb") as handle, np.load(handle) as stored:
        arrays = {key: stored[key] for key in stored.files}
    count = sum(key.endswith("_0") for key in arrays)
    nets = tuple(
        tuple(arrays[f"net{net}_{part}"].astype(np.float32) for part in range(4))
        for net in range(count)
    )
    limits = dict(zip(WIRINGS[1:], arrays["limits"].tolist(), strict=True))
    return ReversalNet(arrays["mean"], arrays["scale"], nets, limits)


def suspected_wiring(values: Values) -> str | None:
    """The exchange that is likely, one of ``WIRINGS``; None where all fits or none can be told."""
    odds = wiring_odds(values)
    if odds is None:
        return None
    limits = reversal_net().limits
    worst = max(WIRINGS[1:], key=lambda wiring: odds[wiring] - limits[wiring])
    return worst if odds[worst] > limits[worst] else None


def wiring_odds(values: Values) -> dict[str, float] | None:
    """Log odds of each exchange against right wiring; None without a usual beat to judge by."""
    features = arranged_features(values)
    if features is None:
        return None
    score = reversal_net().scores(features)
    return {
        wiring: float(score[index] - score[0])
        for index, wiring in enumerate(WIRINGS)
        if wiring != "none"
    }


def arranged_features(values: Values) -> Floats | None:
    """Features (wirings, f) of the beat under every wiring in the order of ``WIRINGS``.

    None without twelve leads and a usual beat, and in paced rhythms.
    """
    if values.usual is None or values.level_mv is None or values.qrs is None:
        return None
    is_short = values.qrs.offset - values.qrs.onset < _SHORTEST_QRS
    is_paced = len(values.pacing.spikes_s) >= _PACED_SPIKES
    if not values.prepared.is_usable.all() or is_short or is_paced:
        return None
    beat = values.usual - values.level_mv[:, None]
    return beat_features(beat, values.qrs.onset, values.qrs.offset, has_p=values.p is not None)


def beat_features(beat: Signal, onset: int, offset: int, *, has_p: bool) -> Floats:
    """Features (wirings, f) of a usual beat (12, m) whose QRS lies between the given samples."""
    smooth = band(beat, 0, _HIGHEST_HZ)
    parts = [_arrangements(part) for part in _parts(smooth, onset, offset)]
    rows = [
        [*_features([part[wiring] for part in parts]), float(has_p)]
        for wiring in range(len(WIRINGS))
    ]
    return np.asarray(rows, dtype=np.float32)


def _parts(smooth: Signal, onset: int, offset: int) -> list[Signal]:
    """P without its slope, QRS, and T of all leads."""
    start, end = FIDUCIAL + onset, FIDUCIAL + offset
    p = smooth[:, max(start - round(_P_FROM_S * RATE_HZ), 0) : start - round(_P_TO_S * RATE_HZ)]
    p = p - np.linspace(p[:, 0], p[:, -1], p.shape[1], axis=1)
    t = smooth[:, end + round(_T_FROM_S * RATE_HZ) : end + round(_T_TO_S * RATE_HZ)]
    return [p, smooth[:, start : end + 1], t]


def _arrangements(leads: Signal) -> list[Signal]:
    """(12, m) under every wiring, in the order of ``WIRINGS``."""
    ra = -(leads[0] + leads[1]) / 3.0
    la, ll, chest = ra + leads[0], ra + leads[1], leads[6:]
    limbs = ((ra, la, ll), (la, ra, ll), (ll, la, ra), (ra, ll, la))
    found = [_leads(*limb, chest) for limb in limbs]
    for first in range(len(CHEST_WIRINGS)):
        order = list(range(6))
        order[first], order[first + 1] = order[first + 1], order[first]
        found.append(_leads(ra, la, ll, chest[order]))
    return found


def _leads(ra: Signal, la: Signal, ll: Signal, chest: Signal) -> Signal:
    augmented = (ra - (la + ll) / 2, la - (ra + ll) / 2, ll - (ra + la) / 2)
    return np.vstack([la - ra, ll - ra, ll - la, *augmented, chest])


def _features(parts: list[Signal]) -> Signal:
    """What needs no common scale of the chest leads: likeness, polarity, shares and progression."""
    qrs = parts[1]
    up, down = np.maximum(qrs.max(axis=1), 0), np.maximum(-qrs.min(axis=1), 0)
    size = np.stack([np.sqrt(np.mean(part**2, axis=1)) for part in parts])
    floor = 1e-4 * size[1].mean()
    return np.concatenate(
        [
            *(_likeness(part) for part in parts),
            up / (up + down + _TINY),
            qrs.argmax(axis=1) / qrs.shape[1],
            qrs.argmin(axis=1) / qrs.shape[1],
            np.log((size[0] + floor) / (size[1] + _TINY)),
            np.log((size[2] + floor) / (size[1] + _TINY)),
        ]
    )


def _likeness(part: Signal) -> Signal:
    """Cosines between leads, net polarity of each lead, share of each limb lead."""
    limbs, chest = part[:6], part[6:]
    long = np.sqrt(np.sum(limbs**2, axis=1)) + _TINY
    wide = np.sqrt(np.sum(chest**2, axis=1)) + _TINY
    among_limbs = [limbs[a] @ limbs[b] / (long[a] * long[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    return np.concatenate(
        [
            (limbs @ chest.T / np.outer(long, wide)).ravel(),
            (chest @ chest.T / np.outer(wide, wide))[_CHEST_PAIRS],
            among_limbs,
            part.sum(axis=1) / (np.abs(part).sum(axis=1) + _TINY),
            long / np.sqrt(np.sum(long**2)),
        ]
    )
