"""Exchanged limb electrodes: do the limb leads fit the chest leads?

Chest leads stay as they are when limb electrodes are exchanged, limb leads change sign and place.
A multinomial logistic regression on how the P, QRS and T of I, II and III resemble those of
V1-V6, and on their polarity, tells the four wirings apart. Its weights and the recordings they
were fitted on are in ``ecg_reversal.json``; ``benchmarks/fit_ecg_reversal.py`` made it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np

from qiangji_inference.ecg_delineate import FIDUCIAL
from qiangji_inference.ecg_signal import RATE_HZ, Signal, band
from qiangji_inference.ecg_values import Values

#: Wirings in the order of the classes of the regression.
WIRINGS: Final = ("none", "ra_la", "ra_ll", "la_ll")
_P_FROM_S, _P_TO_S = 0.22, 0.012  # before the onset of QRS
_T_FROM_S, _T_TO_S = 0.06, 0.34  # after the end of QRS
_LIMBS: Final = (0, 1, 2)
_CHEST: Final = (6, 7, 8, 9, 10, 11)


@dataclass(frozen=True, eq=False)
class _Weights:
    """``weight`` (4, features), ``bias`` (4,), scaling, and the probability that counts."""

    mean: Signal
    scale: Signal
    weight: Signal
    bias: Signal
    threshold: dict[str, float]


@cache
def _weights() -> _Weights:
    text = resources.files("qiangji_inference").joinpath("ecg_reversal.json").read_text("utf-8")
    stored = json.loads(text)
    return _Weights(
        mean=np.asarray(stored["mean"]),
        scale=np.asarray(stored["scale"]),
        weight=np.asarray(stored["weight"]),
        bias=np.asarray(stored["bias"]),
        threshold={key: float(value) for key, value in stored["threshold"].items()},
    )


def suspected_reversal(values: Values) -> str | None:
    """The exchange that is likely; None where all fits or nothing can be told."""
    found = features(values)
    if found is None:
        return None
    stored = _weights()
    score = stored.weight @ ((found - stored.mean) / stored.scale) + stored.bias
    probability = np.exp(score - score.max())
    probability /= probability.sum()
    best = WIRINGS[int(np.argmax(probability))]
    if best == "none" or float(probability.max()) < stored.threshold[best]:
        return None
    return best


def features(values: Values) -> Signal | None:
    """Features (63,) of one recording; None without twelve leads and a regular usual beat."""
    if values.usual is None or values.level_mv is None or not values.prepared.is_usable.all():
        return None
    return beat_features(values.usual - values.level_mv[:, None], values)


def beat_features(beat: Signal, values: Values) -> Signal | None:
    """Features of a median beat (12, m) with the boundaries of ``values``."""
    if values.qrs is None or values.qrs.is_open or values.pacing.spikes_s:
        return None
    smooth = band(beat, 0, 30.0)
    parts = [smooth[:, part] for part in _parts(values.qrs.onset, values.qrs.offset)]
    flat_p = parts[0] - np.linspace(parts[0][:, 0], parts[0][:, -1], parts[0].shape[1], axis=1)
    wanted = [flat_p, parts[1], parts[2]]
    return np.concatenate([_likeness(part) for part in wanted] + [_polarity(p) for p in wanted])


def _parts(onset: int, offset: int) -> list[slice]:
    start, end = FIDUCIAL + onset, FIDUCIAL + offset
    return [
        slice(start - round(_P_FROM_S * RATE_HZ), start - round(_P_TO_S * RATE_HZ)),
        slice(start, end + 1),
        slice(end + round(_T_FROM_S * RATE_HZ), end + round(_T_TO_S * RATE_HZ)),
    ]


def _likeness(part: Signal) -> Signal:
    """(18,) cosine of each limb lead with each chest lead over one part of the beat."""
    limbs, chest = part[list(_LIMBS)], part[list(_CHEST)]
    power = np.sqrt(np.sum(limbs**2, axis=1)[:, None] * np.sum(chest**2, axis=1)[None])
    return np.asarray((limbs @ chest.T / (power + 1e-9)).ravel())


def _polarity(part: Signal) -> Signal:
    """(3,) net area of each limb lead over the area of all three."""
    limbs = part[list(_LIMBS)]
    return np.asarray(limbs.sum(axis=1) / (np.abs(limbs).sum() + 1e-9))
