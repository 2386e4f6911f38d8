"""The recipe for Pap-smear cells: blocks of neighbouring cells are kept apart."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import cric
from qiangji_datasets.public.tables import Table, numbers
from qiangji_datasets.records import CellImage, PersonIdentity, StudyIds
from qiangji_datasets.splits import check_disjoint, guard_band
from qiangji_models.preprocess import cell as cells
from qiangji_models.preprocess.specs import CellSpec
from qiangji_training.augment_cell import augment_cell
from qiangji_training.config import Config
from qiangji_training.fit import Example, Examples
from qiangji_training.task import Part, Task, hashes

#: Blocks of 250 cell ids are dealt out in turn to so many parts; one tests, the next validates.
FOLDS: Final = 5
#: Cells whose ids are so near to a held-out one may come from its image.
_GUARD_IDS: Final = 25
#: Intervals are drawn over runs of so many neighbouring ids: the set tells no patients, and its
#: blocks of 250 are too few to draw from.
_RUN_IDS: Final = 50


def cric_task(config: Config, data: Path) -> Task:
    """One block in five tests, one validates; a guard band beside both is left out.

    ``config.fold`` (1 to 5) names the tested blocks; 0 is the same as 1.
    """
    if config.cell is None or config.cell_augment is None:
        raise InputRejected("train.config_kind", name=config.name)
    folder = data / "pathology" / "cric_cells"
    table = cric.read(folder).with_labels(config.labels)
    order = numbers(table.ids).astype(np.intp)
    place = (numbers(table.facts["block"]).astype(np.intp) + 1 - max(config.fold, 1)) % FOLDS
    is_test, is_valid = place == 0, place == 1
    is_held = is_test | is_valid
    train = table.where(~is_held & ~guard_band(order, is_held, width=_GUARD_IDS))
    valid = table.where(is_valid & ~guard_band(order, is_test, width=_GUARD_IDS))
    test = table.where(is_test)
    check_disjoint({"train": train.ids, "valid": valid.ids, "test": test.ids})
    return Task(
        examples=_examples(config, train),
        train_ids=train.ids,
        valid=_cells("CRIC validation blocks", valid, config.cell),
        tests=(_cells("CRIC test blocks", test, config.cell),),
        hashes=hashes(folder, "labels.csv"),
    )


def _examples(config: Config, train: Table) -> Examples:
    how, spec = config.cell_augment, config.cell
    if how is None or spec is None:
        raise InputRejected("train.config_kind", name=config.name)
    pictures = train.inputs.astype(np.uint8)

    def load(row: int, _: int, rng: np.random.Generator) -> Example:
        return augment_cell(pictures[row], how, spec, rng), train.targets[row]

    return Examples(load, train.targets, np.ones(len(train)))


def _cells(name: str, table: Table, spec: CellSpec) -> Part:
    prepared = [
        cells.to_model_input(CellImage(picture, PersonIdentity(), StudyIds()), spec)[0]
        for picture in table.inputs.astype(np.uint8)
    ]
    runs = (numbers(table.ids).astype(np.intp) // _RUN_IDS).astype(np.str_)
    return Part(name, np.stack(prepared), table.targets, table.ids, runs)
