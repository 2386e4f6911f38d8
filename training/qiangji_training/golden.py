"""Golden recordings: synthetic, the same on every machine, through the production preprocessing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qiangji_models import golden
from qiangji_models.preprocess.specs import Spec
from qiangji_training.kinds import kind_of

_SEED = 20


def write_golden(net: nn.Module, spec: Spec, path: Path) -> NDArray[np.float32]:
    """Write inputs, the answers they must give, and one recording, from which the last case starts.

    Returns
    -------
        The inputs (cases, …).
    """
    inputs, record = _cases(spec)
    with torch.inference_mode():
        logits, maps, _ = net(torch.from_numpy(inputs))
    arrays: dict[str, Any] = {  # Any: mixed dtypes
        "input": inputs,
        "logits": logits.numpy(),
        "map": maps.numpy(),
        **record,
    }
    np.savez_compressed(path, **arrays)
    return inputs


def _cases(spec: Spec) -> tuple[NDArray[np.float32], golden.Arrays]:
    kind = kind_of(spec)
    *others, last = kind.recordings(np.random.default_rng(_SEED))
    packed = golden.pack(last)
    kept = golden.record_of(packed)  # as it will be read: rounded
    prepared = [kind.prepare(record, spec) for record in (*others, kept)]
    return np.concatenate(prepared), packed
