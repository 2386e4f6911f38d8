"""EfficientNet-Lite0 for small grey or colour pictures; its map has one cell for eight pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from qiangji_models.nets.pooled import Answer, PooledHead

#: (blocks, kernel, stride, expansion, channels) of each stage; Tan and Le 2019, the Lite variant
#: without squeeze-and-excitation and with ReLU6.
_STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM: Final = 32
_TOP: Final = 1280
#: Index of the last block at strides 8 and 16; the top works at stride 32.
_FINE, _MIDDLE = 4, 10
_CHANNELS: Final = 40 + 112 + _TOP
_STRIDES: Final = (8, 16, 32)
#: Its inputs were scaled to -1…1, ours to unit variance.
_INPUT_SCALE: Final = 0.5


class _SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow's SAME for even sizes, as the published weights expect."""

    def forward(self, inputs: Tensor) -> Tensor:
        total = self.kernel_size[0] - self.stride[0]
        before = total // 2
        padded = nn.functional.pad(inputs, (before, total - before, before, total - before))
        return self._conv_forward(padded, self.weight, self.bias)


def _unit(
    inner: int, outer: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Module:
    return nn.Sequential(
        _SameConv(inner, outer, kernel, stride, 0, groups=groups, bias=False),
        nn.BatchNorm2d(outer, eps=1e-3, momentum=0.05),
    )


class _Block(nn.Module):
    """Expand, filter each channel, project; a shortcut where shapes allow."""

    def __init__(
        self, inner: int, outer: int, *, kernel: int, stride: int, expansion: int, drop: float
    ) -> None:
        super().__init__()
        wide = inner * expansion
        self.expand = _unit(inner, wide) if expansion > 1 else nn.Identity()
        self.filter = _unit(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = _unit(wide, outer)
        self.act = nn.ReLU6(inplace=True)
        self.drop = drop if stride == 1 and inner == outer else -1.0

    def forward(self, inputs: Tensor) -> Tensor:
        wide = self.act(self.expand(inputs)) if isinstance(self.expand, nn.Sequential) else inputs
        body: Tensor = self.project(self.act(self.filter(wide)))
        if self.drop < 0:
            return body
        if self.training and self.drop > 0:
            kept = torch.rand(len(body), 1, 1, 1, device=body.device) >= self.drop
            body = body * kept.to(body.dtype) / (1 - self.drop)
        return body + inputs


class _Features(nn.Module):
    """Three scales side by side on the finest grid, so that one linear head sees them all."""

    def __init__(self, channels: int, *, enlarge: float, path_drop: float) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.stem = _unit(channels, _STEM, kernel=3, stride=2)
        total = sum(stage[0] for stage in _STAGES)
        blocks: list[nn.Module] = []
        inner = _STEM
        for count, kernel, stride, expansion, outer in _STAGES:
            for index in range(count):
                blocks.append(
                    _Block(
                        inner,
                        outer,
                        kernel=kernel,
                        stride=stride if index == 0 else 1,
                        expansion=expansion,
                        drop=path_drop * len(blocks) / total,
                    )
                )
                inner = outer
        self.blocks = nn.ModuleList(blocks)
        self.top = _unit(inner, _TOP)
        self.act = nn.ReLU6(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, channel, rows, cols) to (batch, 1432, cells…); one cell while training."""
        if self.enlarge != 1:
            side = round(inputs.shape[-1] * self.enlarge / _STRIDES[-1]) * _STRIDES[-1]
            inputs = nn.functional.interpolate(
                inputs, size=(side, side), mode="bilinear", align_corners=False
            )
        values = self.act(self.stem(inputs))
        scales = []
        for index, block in enumerate(self.blocks):
            values = block(values)
            if index in (_FINE, _MIDDLE):
                scales.append(values)
        scales.append(self.act(self.top(values)))
        if self.training:
            return torch.cat([part.float().mean((2, 3), keepdim=True) for part in scales], 1)
        steps = [stride // _STRIDES[0] for stride in _STRIDES]
        wide = [_repeat(part, times) for part, times in zip(scales, steps, strict=True)]
        return torch.cat(wide, 1)


def _repeat(part: Tensor, times: int) -> Tensor:
    """Every cell as a square of cells: the mean, and with it the logit, stays the same."""
    if times == 1:
        return part
    return nn.functional.interpolate(part, scale_factor=float(times), mode="nearest")


class LiteNet(nn.Module):
    """Logits and map from a standardised picture.

    Parameters
    ----------
    labels
        Number of labels.
    channels
        1 for films, 3 for colour.
    enlarge
        How much larger the network sees the square picture; its side becomes a multiple of 32.
    dropout
        On the pooled features.
    path_drop
        Chance of leaving the last block out while training; less for the earlier ones.

    References
    ----------
    Tan and Le 2019, arXiv:1905.11946.
    """

    def __init__(
        self, labels: int, *, channels: int, enlarge: float, dropout: float, path_drop: float
    ) -> None:
        super().__init__()
        self.features = _Features(channels, enlarge=enlarge, path_drop=path_drop)
        self.head = PooledHead(_CHANNELS, labels, dropout)

    def forward(self, inputs: Tensor) -> Answer:
        """(batch, channel, side, side) to what the head gives; a map cell is eight pixels."""
        outputs: Answer = self.head(self.features(inputs))
        return outputs


def published_features(published: Mapping[str, Tensor], channels: int) -> dict[str, Tensor]:
    """Weights of the published ImageNet model under the names of ``LiteNet``.

    Parameters
    ----------
    published
        State of ``efficientnet-lite0`` in the EfficientNet-PyTorch naming.
    channels
        1 sums the colours of the first filter, 3 keeps them.
    """
    found: dict[str, Tensor] = {}
    _take(found, published, "stem", "_conv_stem", "_bn0")
    stem = found["features.stem.0.weight"] * _INPUT_SCALE
    found["features.stem.0.weight"] = stem.sum(1, keepdim=True) if channels == 1 else stem
    for index in range(sum(stage[0] for stage in _STAGES)):
        theirs, ours = f"_blocks.{index}", f"blocks.{index}"
        if index > 0:
            _take(found, published, f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
        _take(found, published, f"{ours}.filter", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
        _take(found, published, f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
    _take(found, published, "top", "_conv_head", "_bn1")
    return found


def _take(
    found: dict[str, Tensor], published: Mapping[str, Tensor], ours: str, conv: str, norm: str
) -> None:
    found[f"features.{ours}.0.weight"] = published[f"{conv}.weight"]
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        found[f"features.{ours}.1.{name}"] = published[f"{norm}.{name}"]
