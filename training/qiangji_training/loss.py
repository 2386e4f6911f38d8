"""The loss: binary cross-entropy over the labels that are known."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def positive_weight(targets: NDArray[np.float32], power: float) -> Tensor:
    """Weight (labels,) of positives: negatives over positives, to a power.

    Parameters
    ----------
    targets
        (n, labels), NaN where not known.
    power
        0 weighs all alike, 1 gives positives and negatives of a label the same total.
    """
    present = np.clip(np.nanmean(targets, axis=0), 1e-3, 1 - 1e-3)
    return torch.from_numpy((((1 - present) / present) ** power).astype(np.float32))


def known_loss(
    logits: Tensor, targets: Tensor, positive: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Sum of the loss over known labels, and their number.

    Not the mean, so that several processes can divide by the number known to all of them: the
    gradient is then that of one process with the whole batch.
    """
    known = ~torch.isnan(targets)
    wanted = torch.nan_to_num(targets) * (1 - smoothing) + smoothing / 2
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, wanted, pos_weight=positive, reduction="none"
    )
    return (each * known).sum(), known.sum()
