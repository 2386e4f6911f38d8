"""A residual network for chest films; one map cell is eight input pixels."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

from qiangji_models.nets.pooled import Answer, PooledHead

#: Input pixels a map cell stands for, per side.
STRIDE: Final = 8


def _conv(inner: int, outer: int, *, kernel: int = 3, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outer),
    )


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, inner: int, outer: int, *, stride: int) -> None:
        super().__init__()
        self.first = _conv(inner, outer, stride=stride)
        self.second = _conv(outer, outer)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inner != outer:
            pool = nn.AvgPool2d(stride) if stride != 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, _conv(inner, outer, kernel=1))
        self.act = nn.ReLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, inner, rows, cols) to (batch, outer, rows / stride, cols / stride)."""
        body = self.second(self.act(self.first(inputs)))
        result: Tensor = self.act(body + self.shortcut(inputs))
        return result


def _stage(inner: int, outer: int, *, stride: int, depth: int) -> list[nn.Module]:
    rest = [Block(outer, outer, stride=1) for _ in range(depth - 1)]
    return [Block(inner, outer, stride=stride), *rest]


class FilmNet(nn.Module):
    """Logits and map from a standardised film.

    Parameters
    ----------
    labels
        Number of labels.
    width
        Channels of the stem; the stages have 2, 4 and 8 times as many.
    depth
        Blocks of each stage.
    dropout
        On the pooled features.
    """

    def __init__(self, labels: int, *, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        # Only the stem works at half resolution: there a CPU is bound by memory, not arithmetic.
        self.features = nn.Sequential(
            _conv(1, width, kernel=7, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
            *_stage(width, 2 * width, stride=1, depth=depth),
            *_stage(2 * width, 4 * width, stride=2, depth=depth),
            *_stage(4 * width, 8 * width, stride=1, depth=depth),
        )
        self.head = PooledHead(8 * width, labels, dropout)

    def forward(self, inputs: Tensor) -> Answer:
        """(batch, 1, rows, cols) to logits, map (batch, label, rows / 8, cols / 8), pooled."""
        answer: Answer = self.head(self.features(inputs))
        return answer
