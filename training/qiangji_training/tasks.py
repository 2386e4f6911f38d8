"""The recipes that configurations name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qiangji_datasets.errors import InputRejected
from qiangji_training import task_cell, task_ecg
from qiangji_training.config import Config, Source
from qiangji_training.task import Part, Task
from qiangji_training.task_cell import cric_task
from qiangji_training.task_ecg import ptbxl_task
from qiangji_training.task_film import kermany_task, nih_task, shenzhen_task
from qiangji_training.task_folder import folder_task

__all__ = ["Part", "Task", "build", "folds", "input_channels"]


@dataclass(frozen=True)
class Recipe:
    """How a set becomes a task.

    ``folds`` is 0 where the set has one split only; ``is_whole_read`` where the recipe also reads
    the publisher's layout.
    """

    read: Callable[[Config, Path], Task]
    folds: int = 0
    is_whole_read: bool = False


_RECIPES: Final[Mapping[str, Recipe]] = {
    "ptbxl": Recipe(ptbxl_task, folds=task_ecg.FOLDS, is_whole_read=True),
    "nih": Recipe(nih_task, is_whole_read=True),
    "shenzhen": Recipe(shenzhen_task),
    "kermany": Recipe(kermany_task),
    "cric": Recipe(cric_task, folds=task_cell.FOLDS),
    "folder": Recipe(folder_task),
}


def build(config: Config, data: Path) -> Task:
    """Read and prepare the data of a configuration.

    Raises
    ------
    InputRejected
        The task is unknown, has no such fold or copy, or its data are missing.
    """
    most = folds(config)
    if not 0 <= config.fold <= most:
        raise InputRejected("train.fold_range", fold=config.fold, task=config.task, most=most)
    recipe = _RECIPES[config.task]
    if config.source is Source.PUBLISHER and not recipe.is_whole_read:
        raise InputRejected("train.source_task", task=config.task)
    return recipe.read(config, data)


def folds(config: Config) -> int:
    """Parts of the cross-validation that the configuration's task offers; 0: none.

    Raises
    ------
    InputRejected
        The task is unknown.
    """
    if config.task not in _RECIPES:
        raise InputRejected("train.task_unknown", task=config.task)
    return _RECIPES[config.task].folds


def input_channels(config: Config) -> int:
    """Channels of a picture that the network takes: 1 for films, 3 for cells."""
    return 1 if config.film is not None else 3
