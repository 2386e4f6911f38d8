"""A 1-D residual network for 12-lead ECGs; one map cell is eight samples (80 ms at 100 Hz)."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

from qiangji_models.nets.pooled import Answer, PooledHead

#: Samples of the input a map cell stands for.
STRIDE: Final = 8


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
    """

    def __init__(self, labels: int, *, width: int, kernel: int, dropout: float) -> None:
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
        self.head = PooledHead(wider, labels, min(2 * dropout, 0.9))

    def forward(self, inputs: Tensor) -> Answer:
        """(batch, 12, samples) to logits, map (batch, label, samples / 8), pooled."""
        answer: Answer = self.head(self.features(inputs))
        return answer
