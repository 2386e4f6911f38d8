"""On which side is the heart? A film is compared with its own mirror image.

A picture and its mirror image go through one small network, and the difference of its outputs is
the log odds; so a picture that looks alike from both sides gets exactly even odds. What was
measured stands in the ``card`` of ``gate_film_side.npz``, which
``qiangji_training.fit_film_side`` writes.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_inference.gate_film_net import Floats, GateNet, channels, stored_net

SIDE: Final = 64  # of the thumbnail the network sees


@cache
def side_net() -> GateNet:
    """The network shipped with the package; threshold "mirrored" in log odds."""
    return stored_net("gate_film_side.npz")


def mirrored_odds(net: GateNet, thumbnails: NDArray[np.uint8]) -> Floats:
    """Log odds (n,) that the heart of upright frontal films (n, SIDE, SIDE) lies on the right."""
    seen = channels(thumbnails)
    turned = np.ascontiguousarray(seen[..., ::-1])
    fit = net.logits(np.concatenate([seen, turned]))[:, 0]
    return np.asarray(fit[len(seen) :] - fit[: len(seen)])
