"""The recipe for twelve-lead ECGs: PTB-XL, reduced or whole, teaches; LUDB only ever tests."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.public import ludb, ptbxl_part
from qiangji_datasets.public.tables import Table, numbers
from qiangji_datasets.splits import check_disjoint
from qiangji_models.preprocess import ecg as ecgs
from qiangji_models.preprocess.specs import EcgSpec
from qiangji_training.augment_ecg import augment_ecg
from qiangji_training.config import Config, Source
from qiangji_training.fit import Example, Examples
from qiangji_training.heart_rate import sinus_rates
from qiangji_training.publisher_sets import whole_ptbxl
from qiangji_training.task import Part, Task, hashes

#: The publisher's parts, patient-disjoint.
FOLDS: Final = 10
#: An auxiliary statement that fewer training recordings bear is not learnt.
_FEWEST_STATED: Final = 20
#: Statements of PTB-XL that leave the sinus node in charge.
_SINUS: Final = frozenset({"SR", "STACH", "SBRAD", "SARRH"})


def ptbxl_task(config: Config, data: Path) -> Task:
    """Eight folds train, the one before the tested one validates; LUDB is never looked at before.

    The official split tests fold 10; ``config.fold`` names another for results out of fold.
    """
    how, spec = config.ecg_augment, config.ecg
    if how is None or spec is None:
        raise InputRejected("train.config_kind", name=config.name)
    table, rate_hz, digests = _read(config, spec, data / "ecg")
    fold = numbers(table.facts["fold"])
    tested = config.fold or FOLDS
    validated = tested - 1 or FOLDS
    train = table.where((fold != tested) & (fold != validated))
    valid, test = table.where(fold == validated), table.where(fold == tested)
    check_disjoint({"train": train.groups, "valid": valid.groups})
    check_disjoint({"train": train.groups, "test": test.groups})
    parts = [scaled(f"PTB-XL fold {tested}", test, spec, rate_hz=rate_hz)]
    if not config.fold:
        parts.insert(0, _ludb(config, spec, data / "ecg" / "ludb"))
    return Task(
        examples=examples(config, train),
        train_ids=train.ids,
        valid=scaled(f"PTB-XL fold {validated}", valid, spec, rate_hz=rate_hz),
        tests=tuple(parts),
        hashes=digests,
        left_out=table.left_out,
    )


def _read(config: Config, spec: EcgSpec, folder: Path) -> tuple[Table, float, dict[str, str]]:
    """The set with the configuration's labels, samples a second, and digests of its tables."""
    if config.source is Source.PUBLISHER:
        whole = folder / "ptbxl"
        table = whole_ptbxl(whole, spec)
        digests = hashes(whole, "ptbxl_database.csv", "scp_statements.csv")
        return table.with_labels(config.labels), spec.rate_hz, digests
    part = folder / "ptbxl_part"
    table = ptbxl_part.read(part).with_labels(config.labels)
    return table, ptbxl_part.RATE_HZ, hashes(part, "labels.csv", "signals.npz")


def examples(config: Config, train: Table) -> Examples:
    """What to learn from: ``inputs`` z-scores (n, 12, samples), and the fact ``rhythm``.

    Raises
    ------
    InputRejected
        The set has no such auxiliary column.
    """
    how, spec = config.ecg_augment, config.ecg
    if how is None or spec is None:
        raise InputRejected("train.config_kind", name=config.name)
    signals = train.inputs.astype(np.float32)
    rates = sinus_rates(signals, spec.rate_hz, train.targets, config.labels, _is_sinus(train))
    statements = _auxiliary(config, train)
    recorded = np.concatenate([train.targets, statements], axis=1)

    def load(row: int, _: int, rng: np.random.Generator) -> Example:
        signal = signals[row]
        factor = rates.drawn(row, rng) if rng.random() < how.rate else 1.0
        read = None if factor == 1 else rates.positions(row, factor, signal.shape[1], rng)
        changed = augment_ecg(signal, how, spec.rate_hz, rng, positions=read)
        return changed, rates.targets(row, recorded[row], factor)

    return Examples(load, recorded, np.ones(len(train)), auxiliary=statements.shape[1])


def _auxiliary(config: Config, train: Table) -> NDArray[np.float32]:
    """(n, statements) 1 or 0: the statements of the named columns that enough recordings bear."""
    found: list[NDArray[np.bool_]] = []
    for name in config.auxiliary:
        if name not in train.facts:
            raise InputRejected("train.config_auxiliary_column", column=name, dataset=train.name)
        stated = [frozenset(text.split("|")) - {""} for text in train.facts[name]]
        for code in sorted(frozenset().union(*stated)):
            bears = np.array([code in codes for codes in stated])
            if bears.sum() >= _FEWEST_STATED:
                found.append(bears)
    columns = np.array(found, np.float32).reshape(len(found), len(train))
    return np.ascontiguousarray(columns.T)


def _is_sinus(table: Table) -> NDArray[np.bool_]:
    stated = [frozenset(text.split("|")) for text in table.facts["rhythm"]]
    return np.array([bool(words) and words <= _SINUS for words in stated])


def scaled(name: str, table: Table, spec: EcgSpec, *, rate_hz: float) -> Part:
    """Recordings to score: ``inputs`` z-scores (n, 12, samples) at ``rate_hz``."""
    prepared = [
        ecgs.to_model_input(ecgs.ScaledEcg(row, rate_hz), spec)[0]
        for row in table.inputs.astype(np.float32)
    ]
    return Part(name, np.stack(prepared), table.targets, table.ids, table.groups)


def _ludb(config: Config, spec: EcgSpec, folder: Path) -> Part:
    found = ludb.read(folder)
    columns = [found.labels.index(name) for name in config.labels]
    prepared = [ecgs.to_model_input(record, spec)[0] for record in found.records]
    ids = np.arange(1, len(prepared) + 1).astype(np.str_)
    return Part("LUDB", np.stack(prepared), found.targets[:, columns], ids, ids, is_other_site=True)
