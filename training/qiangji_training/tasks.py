"""The recipes that configurations name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_training.config import Config
from qiangji_training.task import Part, Task
from qiangji_training.task_cell import cric_task
from qiangji_training.task_ecg import ptbxl_task
from qiangji_training.task_film import kermany_task, nih_task, shenzhen_task

__all__ = ["Part", "Task", "build", "input_channels"]

_RECIPES: Final[dict[str, Callable[[Config, Path], Task]]] = {
    "ptbxl": ptbxl_task,
    "nih": nih_task,
    "shenzhen": shenzhen_task,
    "kermany": kermany_task,
    "cric": cric_task,
}


def build(config: Config, data: Path) -> Task:
    """Read and prepare the data of a configuration.

    Raises
    ------
    InputRejected
        The task is unknown or its data are missing.
    """
    recipe = _RECIPES.get(config.task)
    if recipe is None:
        raise InputRejected("train.task_unknown", task=config.task)
    return recipe(config, data)


def input_channels(config: Config) -> int:
    """Channels of a picture that the network takes: 1 for films, 3 for cells."""
    return 1 if config.film is not None else 3
