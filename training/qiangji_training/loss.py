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


def column_weight(columns: int, auxiliary: int) -> Tensor:
    """Weight (columns,) of each target: the auxiliary ones together count as much as the labels.

    Parameters
    ----------
    columns
        Labels and, behind them, auxiliary statements.
    auxiliary
        How many of the columns are auxiliary.
    """
    weight = torch.ones(columns)
    if auxiliary:
        weight[columns - auxiliary :] = min(1.0, (columns - auxiliary) / auxiliary)
    return weight


def known_loss(
    logits: Tensor, targets: Tensor, positive: Tensor, smoothing: float, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Weighted sum of the loss over known targets, and the sum of their weights.

    Not the mean, so that several processes can divide by what is known to all of them: the
    gradient is then that of one process with the whole batch.
    """
    known = ~torch.isnan(targets) * weight
    wanted = torch.nan_to_num(targets) * (1 - smoothing) + smoothing / 2
    each = nn.functional.binary_cross_entropy_with_logits(
        logits, wanted, pos_weight=positive, reduction="none"
    )
    return (each * known).sum(), known.sum()
