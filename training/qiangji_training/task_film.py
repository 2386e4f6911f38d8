"""The recipes for chest films: adults (NIH), tuberculosis (Shenzhen), children (Kermany)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import kermany, nih, shenzhen
from qiangji_datasets.public.tables import Table, numbers
from qiangji_datasets.splits import check_disjoint, held_out
from qiangji_training import augment
from qiangji_training.config import Config, Source
from qiangji_training.fit import Example, Examples
from qiangji_training.publisher_sets import whole_nih
from qiangji_training.task import Part, Task, hashes

_ADULT_YEARS: Final = 18
_VALIDATION_FRACTION: Final = 0.2


def nih_task(config: Config, data: Path) -> Task:
    """Adults by the set's own patient-disjoint split."""
    folder = data / "cxr" / "nih_chestxray14"
    table, digests = _nih(config, folder)
    table = table.where(numbers(table.facts["age"]) >= _ADULT_YEARS)
    by_split = {
        name: table.where(table.facts["split"] == name) for name in ("train", "val", "test")
    }
    check_disjoint({name: part.groups for name, part in by_split.items()})
    train = by_split["train"]
    return Task(
        examples=examples(config, train),
        train_ids=train.ids,
        valid=pictures("NIH val, adults", by_split["val"], config),
        tests=(pictures("NIH test, adults", by_split["test"], config),),
        hashes=digests,
        left_out=table.left_out,
    )


def _nih(config: Config, folder: Path) -> tuple[Table, dict[str, str]]:
    """The set with the configuration's labels, and digests of its tables."""
    if config.source is Source.PUBLISHER and config.film is not None:
        table = whole_nih(folder, config.film)
        return table.with_labels(config.labels), hashes(folder, *nih.TABLES)
    return nih.read(folder).with_labels(config.labels), hashes(folder, "labels.csv")


def shenzhen_task(config: Config, data: Path) -> Task:
    """Published hold-out tests; a fifth of the other films, by id, validates.

    NIH films are not used as further negatives: every one of them would come from another
    hospital than every TB film, and the network would learn the hospital. They teach the
    features (``start_from``) and they test: without a TB label, as films on which an alarm is
    most likely false.
    """
    folder = data / "cxr" / "shenzhen"
    table = shenzhen.read(folder).with_labels(config.labels)
    age = numbers(table.facts["age"])
    table = table.where(~(age < _ADULT_YEARS))
    is_test = table.facts["split"] == "test"
    is_plain = table.facts["copy"] == "plain"
    is_valid = held_out(table.groups, fraction=_VALIDATION_FRACTION, salt="cxr-tb") & ~is_test
    train = table.where(~is_test & ~is_valid)
    check_disjoint({"train": train.groups, "test": table.where(is_test | is_valid).groups})
    return Task(
        examples=examples(config, train),
        train_ids=train.ids,
        valid=pictures("Shenzhen validation", table.where(is_valid & is_plain), config),
        tests=(
            _films_elsewhere(config, data / "cxr" / "nih_chestxray14"),
            pictures("Shenzhen hold-out", table.where(is_test & is_plain), config),
        ),
        hashes=hashes(folder, "labels.csv"),
    )


def kermany_task(config: Config, data: Path) -> Task:
    """The official test part tests; a fifth of the other children, by person, validates."""
    folder = data / "cxr" / "kermany_paediatric"
    table = kermany.read(folder).with_labels(config.labels)
    is_test = table.facts["split"] == "test"
    is_valid = (
        held_out(table.groups, fraction=_VALIDATION_FRACTION, salt="cxr-paediatric") & ~is_test
    )
    train = table.where(~is_test & ~is_valid)
    check_disjoint({"train": train.groups, "test": table.where(is_test | is_valid).groups})
    return Task(
        examples=examples(config, train),
        train_ids=train.ids,
        valid=pictures("Guangzhou validation", table.where(is_valid), config),
        tests=(pictures("Guangzhou official test", table.where(is_test), config),),
        hashes=hashes(folder, "labels.csv"),
    )


def _films_elsewhere(config: Config, folder: Path) -> Part:
    table = nih.read(folder)
    kept = (numbers(table.facts["age"]) >= _ADULT_YEARS) & (table.facts["split"] == "test")
    table = table.where(kept)
    part = pictures("NIH test, adults, no TB label", table, config)
    truth = np.zeros((len(table), len(config.labels)), np.float32)
    return Part(part.name, part.inputs, truth, part.ids, part.groups, is_other_site=True)


def examples(config: Config, train: Table) -> Examples:
    """What to learn from: ``inputs`` uint8 (n, rows, cols) in the display range."""
    how, spec = config.film_augment, config.film
    if how is None or spec is None:
        raise InputRejected("train.config_kind", name=config.name)
    shown = train.inputs.astype(np.uint8)
    sizes = config.fit.sizes

    def load(row: int, epoch: int, rng: np.random.Generator) -> Example:
        side = sizes[min(epoch * len(sizes) // config.fit.epochs, len(sizes) - 1)]
        at_size = augment.sized(spec, side)
        return augment.augment_film(shown[row], how, at_size, rng), train.targets[row]

    return Examples(load, train.targets, np.ones(len(train)))


def pictures(name: str, table: Table, config: Config) -> Part:
    """Films to score: ``inputs`` uint8 (n, rows, cols) in the display range."""
    if config.film is None:
        raise InputRejected("train.config_kind", name=config.name)
    spec = config.film
    prepared = [augment.plain_film(picture, spec) for picture in table.inputs.astype(np.uint8)]
    return Part(name, np.stack(prepared), table.targets, table.ids, table.groups)
