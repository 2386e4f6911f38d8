"""The recipes: which recordings of which set train, validate and test each bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import ludb, nih, ptbxl_part, shenzhen
from qiangji_datasets.public.tables import Table, numbers
from qiangji_datasets.splits import check_disjoint, held_out
from qiangji_models.bundle import file_sha256
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess.specs import EcgSpec
from qiangji_training import augment
from qiangji_training.config import Config
from qiangji_training.fit import Example, Examples

_ADULT_YEARS: Final = 18
_VALIDATION_FRACTION: Final = 0.2


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
    """All a run needs: what to learn from, what to calibrate on, what to report on."""

    examples: Examples
    train_ids: NDArray[np.str_]
    valid: Part
    tests: tuple[Part, ...]
    hashes: dict[str, str]

    @property
    def parts(self) -> dict[str, NDArray[np.str_]]:
        """Ids of the recordings in each part."""
        scored = {part.name: part.ids for part in (self.valid, *self.tests)}
        return {"train": self.train_ids, **scored}


def input_channels(config: Config) -> int:
    """Channels of a picture that the network takes: 1 for films."""
    return 1 if config.film is not None else 3


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


def _ptbxl(config: Config, data: Path) -> Task:
    """Folds 1–8 train, 9 validates, 10 tests; LUDB tests and is never looked at before."""
    how, spec = config.ecg_augment, config.ecg
    if how is None or spec is None:
        raise InputRejected("train.config_kind", name=config.name)
    folder = data / "ecg" / "ptbxl_part"
    table = ptbxl_part.read(folder).with_labels(config.labels)
    fold = numbers(table.facts["fold"])
    train = table.where(fold <= 8)
    check_disjoint({"train": train.groups, "9": table.where(fold == 9).groups})
    check_disjoint({"train": train.groups, "10": table.where(fold == 10).groups})
    signals = train.inputs.astype(np.float32)

    def load(row: int, _: int, rng: np.random.Generator) -> Example:
        return augment.augment_ecg(signals[row], how, spec.rate_hz, rng), train.targets[row]

    return Task(
        examples=Examples(load, train.targets, np.ones(len(train))),
        train_ids=train.ids,
        valid=_scaled("PTB-XL fold 9", table.where(fold == 9), spec),
        tests=(
            _ludb(config, spec, data / "ecg" / "ludb"),
            _scaled("PTB-XL fold 10", table.where(fold == 10), spec),
        ),
        hashes=_hashes(folder, "labels.csv", "signals.npz"),
    )


def _scaled(name: str, table: Table, spec: EcgSpec) -> Part:
    prepared = [
        ecgs.to_model_input(ecgs.ScaledEcg(row, ptbxl_part.RATE_HZ), spec)[0]
        for row in table.inputs.astype(np.float32)
    ]
    return Part(name, np.stack(prepared), table.targets, table.ids, table.groups)


def _ludb(config: Config, spec: EcgSpec, folder: Path) -> Part:
    found = ludb.read(folder)
    columns = [found.labels.index(name) for name in config.labels]
    prepared = [ecgs.to_model_input(record, spec)[0] for record in found.records]
    ids = np.arange(1, len(prepared) + 1).astype(np.str_)
    return Part("LUDB", np.stack(prepared), found.targets[:, columns], ids, ids, is_other_site=True)


def _nih(config: Config, data: Path) -> Task:
    """Adults by the set's own patient-disjoint split."""
    folder = data / "cxr" / "nih_chestxray14"
    table = nih.read(folder).with_labels(config.labels)
    table = table.where(numbers(table.facts["age"]) >= _ADULT_YEARS)
    by_split = {
        name: table.where(table.facts["split"] == name) for name in ("train", "val", "test")
    }
    check_disjoint({name: part.groups for name, part in by_split.items()})
    train = by_split["train"]
    return Task(
        examples=_film_examples(config, train, np.ones(len(train))),
        train_ids=train.ids,
        valid=_films("NIH val, adults", by_split["val"], config),
        tests=(_films("NIH test, adults", by_split["test"], config),),
        hashes=_hashes(folder, "labels.csv"),
    )


def _shenzhen(config: Config, data: Path) -> Task:
    """Published hold-out tests; a fifth of the other films, by id, validates.

    NIH films are not used as further negatives: every one of them would come from another
    hospital than every TB film, and the network would learn the hospital. They test instead:
    without a TB label, as films on which an alarm is most likely false.
    """
    folder = data / "cxr" / "shenzhen"
    table = shenzhen.read(folder).with_labels(config.labels)
    age = numbers(table.facts["age"])
    table = table.where(~(age < _ADULT_YEARS))
    is_test = table.facts["split"] == "test"
    is_plain = table.facts["copy"] == "plain"
    is_valid = held_out(table.groups, fraction=_VALIDATION_FRACTION, salt=config.name) & ~is_test
    train = table.where(~is_test & ~is_valid)
    check_disjoint({"train": train.groups, "test": table.where(is_test | is_valid).groups})
    return Task(
        examples=_film_examples(config, train, np.ones(len(train))),
        train_ids=train.ids,
        valid=_films("Shenzhen validation", table.where(is_valid & is_plain), config),
        tests=(
            _other_films(config, data / "cxr" / "nih_chestxray14"),
            _films("Shenzhen hold-out", table.where(is_test & is_plain), config),
        ),
        hashes=_hashes(folder, "labels.csv"),
    )


def _other_films(config: Config, folder: Path) -> Part:
    table = nih.read(folder)
    kept = (numbers(table.facts["age"]) >= _ADULT_YEARS) & (table.facts["split"] == "test")
    table = table.where(kept)
    part = _films("NIH test, adults, no TB label", table, config)
    truth = np.zeros((len(table), len(config.labels)), np.float32)
    return Part(part.name, part.inputs, truth, part.ids, part.groups, is_other_site=True)


def _film_examples(config: Config, train: Table, weights: NDArray[np.float64]) -> Examples:
    how, spec = config.film_augment, config.film
    if how is None or spec is None:
        raise InputRejected("train.config_kind", name=config.name)
    pictures = train.inputs.astype(np.uint8)
    sizes = config.fit.sizes

    def load(row: int, epoch: int, rng: np.random.Generator) -> Example:
        side = sizes[min(epoch * len(sizes) // config.fit.epochs, len(sizes) - 1)]
        at_size = augment.sized(spec, side)
        return augment.augment_film(pictures[row], how, at_size, rng), train.targets[row]

    return Examples(load, train.targets, weights)


def _films(name: str, table: Table, config: Config) -> Part:
    if config.film is None:
        raise InputRejected("train.config_kind", name=config.name)
    spec = config.film
    prepared = [augment.plain_film(picture, spec) for picture in table.inputs.astype(np.uint8)]
    return Part(name, np.stack(prepared), table.targets, table.ids, table.groups)


def _hashes(folder: Path, *names: str) -> dict[str, str]:
    return {f"{folder.name}/{name}": file_sha256(folder / name) for name in names}


_RECIPES: Final[dict[str, Callable[[Config, Path], Task]]] = {
    "ptbxl": _ptbxl,
    "nih": _nih,
    "shenzhen": _shenzhen,
}
