"""What a recipe gives a run: examples to learn from, parts to score, and their origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiangji_models.bundle import file_sha256
from qiangji_training.fit import Examples


@dataclass(frozen=True, eq=False)
class Part:
    """Prepared inputs to score, with the truth.

    ``inputs`` float32 (n, …) as the network takes them; ``targets`` (n, labels) 1, 0 or NaN;
    ``is_other_site`` is True where no recording of this hospital was seen in training.
    """

    name: str
    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    ids: NDArray[np.str_]
    groups: NDArray[np.str_]
    is_other_site: bool = False


@dataclass(frozen=True, eq=False)
class Task:
    """All a run needs: what to learn from, what to calibrate on, what to report on.

    ``hashes`` are sha256 of the files that define the data; ``left_out`` counts recordings that
    could not be used, by the code of the reason.
    """

    examples: Examples
    train_ids: NDArray[np.str_]
    valid: Part
    tests: tuple[Part, ...]
    hashes: dict[str, str]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, NDArray[np.str_]]:
        """Ids of the recordings in each part."""
        scored = {part.name: part.ids for part in (self.valid, *self.tests)}
        return {"train": self.train_ids, **scored}


def hashes(folder: Path, *names: str) -> dict[str, str]:
    """sha256 of files that define a set, by ``folder/name``."""
    return {f"{folder.name}/{name}": file_sha256(folder / name) for name in names}
