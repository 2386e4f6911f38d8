"""What a recording looks like under every wiring of its electrodes: numbers free of lead scale.

Besides the shape of the usual beat, the time between beats counts. P and fibrillation waves run
down and to the left, so they tell the arms from the leg where the QRS axis does not; and muscles
tremble more under the arm electrodes than under the leg's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from qiangji_inference.ecg_delineate import FIDUCIAL
from qiangji_inference.ecg_signal import RATE_HZ, Signal, band
from qiangji_inference.ecg_values import Values

#: Wirings that are told apart: none, two limb electrodes, two neighbouring chest electrodes.
LIMB_WIRINGS: Final = ("ra_la", "ra_ll", "la_ll")
CHEST_WIRINGS: Final = ("v1_v2", "v2_v3", "v3_v4", "v4_v5", "v5_v6")
WIRINGS: Final = ("none", *LIMB_WIRINGS, *CHEST_WIRINGS)
#: Electrodes right arm, left arm, left leg, V1-V6 that each wiring exchanges.
_EXCHANGED: Final = ((0, 0), (0, 1), (0, 2), (1, 2), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8))
_LIMB_LEADS: Final = np.array(
    [[-1, 1, 0], [-1, 0, 1], [0, -1, 1], [1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]]
)
#: (12 leads, 9 electrodes)
_LEADS_OF: Final = np.vstack([_LIMB_LEADS @ np.eye(3, 9), np.eye(9)[3:]]).astype(np.float32)

_P_FROM_S, _P_TO_S = 0.22, 0.012  # before the onset of QRS
_T_FROM_S, _T_TO_S = 0.06, 0.34  # after the end of QRS
_HIGHEST_HZ: Final = 30.0  # what a 100 Hz recording carries too
_P, _QRS, _T = slice(0, 22), slice(22, 46), slice(46, 70)  # points of each part
_WAVES: Final = (_P, _QRS, _T)
_REST_STEP: Final = 4  # 500 Hz to 125 Hz
_REST_HZ: Final = ((3.0, 12.0), (20.0, 38.0))  # P and fibrillation waves; tremor
_REST_FROM: Final = 140  # samples after QRS where no end of T was found
_REST_BEFORE_QRS: Final = 6  # samples
_SETTLING: Final = 60  # of the filters at both ends, at 125 Hz
_SHORTEST_QRS: Final = 15  # samples; shorter ones are no QRS
_PACED_SPIKES: Final = 3  # a paced QRS goes its own way through the chest
_QUIET: Final = 0.005  # of the QRS: what is below counts as silence
_TINY: Final = 1e-6
_PAIRS: Final = np.triu_indices(6, 1)

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Wired:
    """Potentials of the nine electrodes, of one recording or of many along leading axes.

    Parameters
    ----------
    beat
        (..., 9, 70) P without its slope, QRS and T of the usual beat, each at even points.
    rest
        (..., 2, 9, 9) covariance between beats, of slow waves and of tremor.
    has_p
        (...) 1 where P was found, else 0.
    """

    beat: Floats
    rest: Floats
    has_p: Floats


def wired(values: Values) -> Wired | None:
    """None without twelve leads and a usual beat, and in paced rhythms."""
    if values.usual is None or values.level_mv is None or values.qrs is None:
        return None
    is_short = values.qrs.offset - values.qrs.onset < _SHORTEST_QRS
    is_paced = len(values.pacing.spikes_s) >= _PACED_SPIKES
    if not values.prepared.is_usable.all() or is_short or is_paced:
        return None
    beat = _parts(_potentials(values.usual - values.level_mv[:, None]), values)
    has_p = np.float32(values.p is not None)
    return Wired(beat.astype(np.float32), _rest(values), np.asarray(has_p))


def _potentials(leads: Signal) -> Signal:
    """(9, m) against the mean of the limbs, from (12, m)."""
    right_arm = -(leads[0] + leads[1]) / 3.0
    limbs = [right_arm, right_arm + leads[0], right_arm + leads[1]]
    return np.asarray(np.vstack([limbs, leads[6:]]))


def _parts(beat: Signal, values: Values) -> Signal:
    if values.qrs is None:
        raise ValueError("a usual beat has a QRS")
    smooth = band(beat, 0, _HIGHEST_HZ)
    start, end = FIDUCIAL + values.qrs.onset, FIDUCIAL + values.qrs.offset
    p = smooth[:, max(start - round(_P_FROM_S * RATE_HZ), 0) : start - round(_P_TO_S * RATE_HZ)]
    p = p - np.linspace(p[:, 0], p[:, -1], p.shape[1], axis=1)
    t = smooth[:, end + round(_T_FROM_S * RATE_HZ) : end + round(_T_TO_S * RATE_HZ)]
    parts = (p, smooth[:, start : end + 1], t)
    return np.hstack(
        [_drawn(part, at.stop - at.start) for part, at in zip(parts, _WAVES, strict=True)]
    )


def _drawn(part: Signal, points: int) -> Signal:
    """(n, points) evenly spaced along (n, m)."""
    at = np.linspace(0, part.shape[1] - 1, points)
    before = np.minimum(at.astype(np.intp), part.shape[1] - 2)
    share = at - before
    return np.asarray(part[:, before] * (1 - share) + part[:, before + 1] * share)


def _rest(values: Values) -> Floats:
    """(2, 9, 9) covariances between the end of T and the next QRS."""
    potentials = sps.resample_poly(_potentials(values.prepared.mv), 1, _REST_STEP, axis=1)
    is_rest = _between_beats(values, potentials.shape[1])
    found = []
    for low_hz, high_hz in _REST_HZ:
        sos = sps.butter(2, (low_hz, high_hz), "band", fs=RATE_HZ / _REST_STEP, output="sos")
        waves = sps.sosfiltfilt(sos, potentials, axis=1)[:, is_rest]
        found.append(waves @ waves.T / max(int(is_rest.sum()), 1))
    return np.asarray(found, dtype=np.float32)


def _between_beats(values: Values, count: int) -> NDArray[np.bool_]:
    if values.qrs is None:
        raise ValueError("a usual beat has a QRS")
    is_rest = np.ones(count, dtype=np.bool_)
    end = max(values.t_end or 0, values.qrs.offset + _REST_FROM)
    for fiducial in values.beats.fiducials.tolist():
        first = (fiducial + values.qrs.onset - _REST_BEFORE_QRS) // _REST_STEP
        is_rest[max(first, 0) : max((fiducial + end) // _REST_STEP, 0)] = False
    is_rest[:_SETTLING] = is_rest[-_SETTLING:] = False
    return is_rest


def arranged_features(shown: Wired) -> Floats:
    """Features (..., wirings, f) under every wiring in the order of ``WIRINGS``."""
    rows = []
    for first, second in _EXCHANGED:
        order = np.arange(len(_EXCHANGED))
        order[[first, second]] = order[[second, first]]
        leads = _LEADS_OF @ shown.beat[..., order, :]
        rest = shown.rest[..., order, :][..., order]
        parts = [_likeness_of_waves(leads), _shape(leads), _of_rest(rest, leads)]
        rows.append(np.concatenate([*parts, shown.has_p[..., None]], axis=-1))
    return np.asarray(np.stack(rows, axis=-2), dtype=np.float32)


def _likeness_of_waves(leads: Floats) -> Floats:
    """Cosines between leads within each wave and over the whole beat."""
    waves = [leads, *(leads[..., wave] for wave in _WAVES)]
    products = [np.asarray(wave @ np.swapaxes(wave, -1, -2)) for wave in waves]
    return np.concatenate([_pairs(found, _roots(found) + _TINY) for found in products], axis=-1)


def _pairs(products: Floats, sizes: Floats) -> Floats:
    """Limb with chest leads, chest leads, limb leads: (..., 54) of inner products (..., 12, 12)."""
    cosines = products / (sizes[..., :, None] * sizes[..., None, :])
    across = cosines[..., :6, 6:]
    chest = cosines[..., 6:, 6:][..., _PAIRS[0], _PAIRS[1]]
    limbs = cosines[..., (0, 0, 1), (1, 2, 2)]
    return np.concatenate([across.reshape(*across.shape[:-2], -1), chest, limbs], axis=-1)


def _roots(products: Floats) -> Floats:
    """(..., 12) square roots of the diagonal of (..., 12, 12)."""
    own = np.diagonal(products, axis1=-2, axis2=-1)
    return np.asarray(np.sqrt(np.maximum(own, 0)))


def _shape(leads: Floats) -> Floats:
    """Polarity, direction, timing and shares of the waves; progression along the chest."""
    found = [part for wave in _WAVES for part in _of_wave(leads[..., wave])]
    size = [_size(leads[..., wave]) for wave in _WAVES]
    qrs = leads[..., _QRS]
    up, down = np.maximum(qrs.max(axis=-1), 0), np.maximum(-qrs.min(axis=-1), 0)
    floor = 1e-4 * size[1].mean(axis=-1, keepdims=True)
    found += [up / (up + down + _TINY), qrs.argmax(axis=-1) / 24, qrs.argmin(axis=-1) / 24]
    found += [np.log((size[wave] + floor) / (size[1] + _TINY)) for wave in (0, 2)]
    return np.concatenate(found, axis=-1)


def _of_wave(wave: Floats) -> list[Floats]:
    """Net polarity, share of limb leads, their direction and extremes, centre in time."""
    size = _size(wave[..., :6, :])
    whole = np.sqrt(np.mean(size**2, axis=-1, keepdims=True)) + _TINY
    heft = np.abs(wave).sum(axis=-1) + _TINY
    times = np.arange(wave.shape[-1]) / wave.shape[-1]
    limbs = wave[..., :6, :] / whole[..., None]
    extremes = [limbs.mean(axis=-1), limbs.max(axis=-1), limbs.min(axis=-1)]
    return [wave.sum(axis=-1) / heft, size / whole, *extremes, np.abs(wave) @ times / heft]


def _of_rest(rest: Floats, leads: Floats) -> Floats:
    """Shares of limb leads, cosines, and size to QRS, of slow waves and of tremor."""
    qrs = _size(leads[..., _QRS]) + _TINY
    limbs = np.sqrt(np.mean(qrs[..., :6] ** 2, axis=-1, keepdims=True))
    qrs = np.concatenate([np.broadcast_to(limbs, (*limbs.shape[:-1], 6)), qrs[..., 6:]], axis=-1)
    found = []
    for kind in range(len(_REST_HZ)):
        products = np.asarray(_LEADS_OF @ rest[..., kind, :, :] @ _LEADS_OF.T, np.float32)
        size = np.asarray(_roots(products) + _QUIET * qrs, np.float32)
        whole = np.sqrt(np.mean(size[..., :6] ** 2, axis=-1, keepdims=True))
        found += [np.log(size[..., :6] / whole), _pairs(products, size), np.log(size / qrs)]
    return np.concatenate(found, axis=-1)


def _size(wave: Floats) -> Floats:
    return np.asarray(np.sqrt(np.mean(wave**2, axis=-1)))
