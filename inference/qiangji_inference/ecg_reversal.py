"""Exchanged electrodes: which arrangement of limb and chest electrodes fits a recording best?

Exchanging two electrodes permutes potentials, so every wiring of a recording can be computed from
it. Small networks, trained to tell a rightly wired recording from its permutations, weigh each
exchange against the wiring recorded. Weights, limits and the card in ``ecg_reversal.npz`` are
written by ``qiangji_training.fit_ecg_reversal``. An exchange of left arm and left leg is the
hardest to see (Abdollah and Milliken 1997, doi:10.1016/S0002-9149(97)00537-5).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_inference.ecg_values import Values
from qiangji_inference.ecg_wiring import WIRINGS, arranged_features, wired

_FURTHEST: Final = 4.0  # standard deviations: what lies beyond counts as this

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ReversalNet:
    """``nets`` of two dense layers each: (w1 (h, f), b1 (h,), w2 (8, h)); means agree.

    ``limits`` are the least log odds of each wiring against "none" that count.
    """

    mean: Floats
    scale: Floats
    nets: tuple[tuple[Floats, ...], ...]
    limits: dict[str, float]

    def odds(self, features: Floats) -> Floats:
        """Log odds (n, wirings - 1) of each exchange, from ``arranged_features`` (n, wirings, f).

        Each exchange has an output of its own, compared with and without it.
        """
        x = np.clip((features - self.mean) / self.scale, -_FURTHEST, _FURTHEST)
        fit = np.mean([np.maximum(x @ w1.T + b1, 0) @ w2.T for w1, b1, w2 in self.nets], axis=0)
        own = np.arange(len(WIRINGS) - 1)
        return np.asarray(fit[:, own + 1, own] - fit[:, 0, own], dtype=np.float32)


@cache
def reversal_net() -> ReversalNet:
    """The weights shipped with the package."""
    file = resources.files("qiangji_inference").joinpath("ecg_reversal.npz")
    with file.open("rb") as handle, np.load(handle) as stored:
        arrays = {key: stored[key] for key in stored.files}
    count = sum(key.endswith("_0") for key in arrays)
    nets = tuple(
        tuple(arrays[f"net{net}_{part}"].astype(np.float32) for part in range(3))
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
    shown = wired(values)
    if shown is None:
        return None
    odds = reversal_net().odds(arranged_features(shown)[None])[0]
    return dict(zip(WIRINGS[1:], odds.tolist(), strict=True))
