"""A 1-D residual network for 12-lead ECGs; one map cell is eight samples (80 ms at 100 Hz)."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from qiangji_models.nets.pooled import Answer, PooledHead

#: Samples of the input a map cell stands for.
STRIDE: Final = 8
#: The activity is averaged over 80 ms and kept every 20 ms; lags from 0.2 s to 2.2 s.
_SMOOTH, _STEP = 8, 2
_LAGS: Final = tuple(range(10, 111))
_LEAST_POWER: Final = 1e-6


class Block(nn.Module):
    """Two convolutions with a shortcut and channel attention."""

    def __init__(self, inner: int, outer: int, *, stride: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(inner, outer, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm1d(outer),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv1d(outer, outer, kernel, 1, kernel // 2, bias=False),
            nn.BatchNorm1d(outer),
        )
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool1d(1),
            nn.Conv1d(outer, outer // 8, 1),
            nn.ReLU(inplace=True),
            nn.Conv1d(outer // 8, outer, 1),
            nn.Sigmoid(),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inner != outer:
            pool = nn.AvgPool1d(stride, stride, ceil_mode=True) if stride != 1 else nn.Identity()
            match = nn.Conv1d(inner, outer, 1, bias=False)
            self.shortcut = nn.Sequential(pool, match, nn.BatchNorm1d(outer))
        self.out = nn.ReLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, inner, time) to (batch, outer, time / stride)."""
        body = self.body(inputs)
        result: Tensor = self.out(body * self.attention(body) + self.shortcut(inputs))
        return result


class RateFeatures(nn.Module):
    """What the beat repeats with: the autocorrelation of the strip's activity, read by two layers.

    Pooled local features lose the distance from beat to beat; this keeps it, whatever a QRS
    looks like. 100 Hz are expected.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.read = nn.Sequential(
            nn.Linear(len(_LAGS), 64),
            nn.ReLU(inplace=True),
            nn.Linear(64, channels),
            nn.ReLU(inplace=True),
        )
        self.register_buffer("lags", torch.tensor(_LAGS), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, 12, samples) to (batch, channels)."""
        steep = (inputs[:, :, 2:] - inputs[:, :, :-2]).float().abs().mean(dim=1, keepdim=True)
        active = nn.functional.avg_pool1d(steep, _SMOOTH, _STEP, _SMOOTH // 2)[:, 0]
        active = active - active.mean(dim=1, keepdim=True)
        kept = active.shape[1] - _LAGS[-1]
        places = self.lags[:, None] + torch.arange(kept, device=inputs.device)[None]
        later = active[:, places]  # (batch, lag, place)
        alike = (later * active[:, None, :kept]).mean(dim=2)
        power = (active * active).mean(dim=1, keepdim=True)
        read: Tensor = self.read(alike / (power + _LEAST_POWER))
        return read


class EcgNet(nn.Module):
    """Logits and map from a scaled recording.

    Parameters
    ----------
    labels
        Number of labels.
    width
        Channels after the stem; the stages have width, 2 and 3 times as many.
    kernel
        Length of the kernels in samples.
    dropout
        Inside blocks; the head drops twice as much.
    rate
        Channels of ``RateFeatures`` beside the local features; 0 leaves them out.
    """

    def __init__(
        self, labels: int, *, width: int, kernel: int, dropout: float, rate: int = 0
    ) -> None:
        super().__init__()
        wide, wider = 2 * width, 3 * width
        self.features = nn.Sequential(
            nn.Conv1d(12, width, 15, 2, 7, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(inplace=True),
            Block(width, width, stride=1, kernel=kernel, dropout=dropout),
            Block(width, wide, stride=2, kernel=kernel, dropout=dropout),
            Block(wide, wide, stride=1, kernel=kernel, dropout=dropout),
            Block(wide, wider, stride=2, kernel=kernel, dropout=dropout),
            Block(wider, wider, stride=1, kernel=kernel, dropout=dropout),
        )
        self.rate = RateFeatures(rate) if rate else None
        self.head = PooledHead(wider + rate, labels, min(2 * dropout, 0.9))

    def forward(self, inputs: Tensor) -> Answer:
        """(batch, 12, samples) to an answer with a map (batch, label, samples / 8)."""
        features = self.features(inputs)
        if self.rate is not None:
            # The same at every place, so that the mean of the map stays the logit.
            rate = self.rate(inputs)[:, :, None].to(features.dtype)
            features = torch.cat([features, rate.expand(-1, -1, features.shape[2])], dim=1)
        answer: Answer = self.head(features)
        return answer
