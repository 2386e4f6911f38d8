"""The head every network shares: linear on average-pooled features, so that its map is exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: What every network gives: logits (batch, label), map (batch, label, …) and pooled features
#: (batch, channel). New parts go to the end; the indexes never change.
Answer = tuple[Tensor, Tensor, Tensor]


class PooledHead(nn.Module):
    """One logit a label, the map whose mean (plus bias) is that logit, and the pooled features.

    Parameters
    ----------
    channels
        Channels of the features.
    labels
        Number of labels.
    dropout
        Part of the pooled channels dropped while training.
    """

    def __init__(self, channels: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(labels, channels))
        self.bias = nn.Parameter(torch.zeros(labels))
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.weight, std=channels**-0.5)

    def forward(self, features: Tensor) -> Answer:
        """Features (batch, channel, …) to an answer; while training its map is empty."""
        flat = features.float().flatten(2)
        pooled = flat.mean(dim=2)
        if self.training:
            return self.dropout(pooled) @ self.weight.T + self.bias, flat[:, :0], pooled
        parts = torch.matmul(self.weight, flat)  # (batch, label, cell)
        logits = parts.mean(dim=2) + self.bias
        return logits, parts.reshape(*parts.shape[:2], *features.shape[2:]), pooled


class Ensemble(nn.Module):
    """Several networks of one shape as one: mean logits, mean maps, all pooled features."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs at least one member")
        self.members = nn.ModuleList(members)

    def forward(self, inputs: Tensor) -> Answer:
        """Mean logits and mean map of all members; pooled (batch, member x channel)."""
        logits, parts, pooled = zip(*(member(inputs) for member in self.members), strict=True)
        mean = torch.stack(logits).mean(dim=0), torch.stack(parts).mean(dim=0)
        return *mean, torch.cat(pooled, dim=1)
