"""The head every network shares: linear on average-pooled features, so that its map is exact."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PooledHead(nn.Module):
    """One logit a label, and the map whose mean (plus bias) is that logit.

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

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (batch, channel, …) to logits (batch, label) and map (batch, label, …)."""
        flat = features.float().flatten(2)
        if self.training:
            pooled = self.dropout(flat.mean(dim=2))
            return pooled @ self.weight.T + self.bias, flat[:, :0]
        parts = torch.matmul(self.weight, flat)  # (batch, label, cell)
        logits = parts.mean(dim=2) + self.bias
        return logits, parts.reshape(*parts.shape[:2], *features.shape[2:])


class Ensemble(nn.Module):
    """Several networks of one shape as one: logits and maps are means over the members."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        if not members:
            raise ValueError("an ensemble needs at least one member")
        self.members = nn.ModuleList(members)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean logits (batch, label) and mean map (batch, label, …) of all members."""
        outputs = [member(inputs) for member in self.members]
        logits = torch.stack([logit for logit, _ in outputs]).mean(dim=0)
        return logits, torch.stack([part for _, part in outputs]).mean(dim=0)
