"""Features nobody trained: the same network with random weights, and random convolutions."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qiangji_training.config import Config
from qiangji_training.networks import build_net

Floats = NDArray[np.float64]

KERNELS: Final = 1_000
_LENGTH: Final = 9
_DILATIONS: Final = (1, 2, 4, 8, 16, 32, 64)
_BATCH: Final = 32


class RandomEncoder:
    """The configured network with fresh weights and the statistics of its own activations.

    Without running statistics a random network's activations fade layer by layer; they are taken
    from training inputs, unlabelled.
    """

    def __init__(self, config: Config, train: NDArray[np.float32]) -> None:
        torch.manual_seed(config.seed)
        self._net = build_net(config).train()
        for module in self._net.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = None  # a plain mean over the batches
            if isinstance(module, nn.Dropout):
                module.eval()
        with torch.no_grad():
            for start in range(0, len(train) - 1, _BATCH):
                self._net(torch.from_numpy(train[start : start + _BATCH]))
        self._net.eval()

    def features(self, inputs: NDArray[np.float32]) -> Floats:
        """Pooled features (n, channels)."""
        with torch.inference_mode():
            found = [
                self._net(torch.from_numpy(inputs[start : start + _BATCH]))[2].numpy()
                for start in range(0, len(inputs), _BATCH)
            ]
        return np.concatenate(found).astype(np.float64)


class RandomKernels:
    """Random dilated convolutions of ECGs; two figures a kernel: share above 0, and largest value.

    References
    ----------
    Dempster et al. 2020, doi:10.1007/s10618-020-00701-z (ROCKET).
    """

    def __init__(self, seed: int, *, leads: int = 12, kernels: int = KERNELS) -> None:
        rng = np.random.default_rng(seed)
        each = -(-kernels // len(_DILATIONS))
        self._layers = [_layer(rng, leads, each, dilation) for dilation in _DILATIONS]

    def features(self, inputs: NDArray[np.float32]) -> Floats:
        """Features (n, 2 x kernels) of scaled recordings (n, 12, samples)."""
        found = []
        with torch.inference_mode():
            for start in range(0, len(inputs), _BATCH):
                batch = torch.from_numpy(inputs[start : start + _BATCH])
                parts = []
                for layer in self._layers:
                    answer = layer(batch)
                    parts += [(answer > 0).float().mean(dim=2), answer.amax(dim=2)]
                found.append(torch.cat(parts, dim=1).numpy())
        return np.concatenate(found).astype(np.float64)


def _layer(rng: np.random.Generator, leads: int, kernels: int, dilation: int) -> nn.Conv1d:
    """Centred normal weights on a random choice of leads; biases between -1 and 1."""
    weights = rng.normal(size=(kernels, leads, _LENGTH))
    weights -= weights.mean(axis=2, keepdims=True)
    for kernel in weights:
        count = int(2 ** rng.uniform(0, np.log2(leads + 1)))
        kernel[rng.permutation(leads)[count:]] = 0
    padding = (_LENGTH - 1) * dilation // 2
    layer = nn.Conv1d(leads, kernels, _LENGTH, dilation=dilation, padding=padding)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weights))
        layer.bias.copy_(torch.from_numpy(rng.uniform(-1, 1, kernels)))
    return layer.eval()
