"""The recipe for a labelled folder of one's own: films or ECGs and a table with their truth."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.errors import InputRejected
from qiangji_datasets.formats import read_path
from qiangji_datasets.public.tables import Table
from qiangji_datasets.records import Modality, Record
from qiangji_datasets.splits import check_disjoint, hashed_parts
from qiangji_inference.labelled import (
    Columns,
    Labelled,
    LabelledSet,
    Target,
    Where,
    read_labelled,
)
from qiangji_models.bundle import file_sha256
from qiangji_training import task_ecg, task_film
from qiangji_training.config import Config, FolderConfig
from qiangji_training.task import Part, Task, hashes
from qiangji_training.texts import text
from qiangji_training.unread import Unread, reduce_all

_LOG = logging.getLogger(__name__)
_PARTS: Final = ("train", "val", "test")
#: Reason for leaving out a row: its age is none that the bundle accepts.
_AGE: Final = "age_range_years"


def folder_task(config: Config, data: Path) -> Task:
    """Split by patient: by the table's own column, else 70, 10 and 20 % by a hash.

    Raises
    ------
    InputRejected
        The configuration has no ``[folder]`` or reads cells, a column is missing, a part is
        empty, or a patient stands in two parts.
    """
    how = config.folder
    if how is None or config.cell is not None:
        raise InputRejected("train.folder_config", name=config.name)
    table = data / how.table
    modality = Modality.ECG if config.ecg is not None else Modality.CXR
    listed = read_labelled(_asked(how, table), modality)
    rows = _of_age(config, listed)
    whole = reduce_all(
        config.name, config.labels, [_unread(config, row) for row in rows], config.spec
    )
    parts = _parts(how, whole)
    examples = task_ecg.examples if config.ecg is not None else task_film.examples
    return Task(
        examples=examples(config, parts["train"]),
        train_ids=parts["train"].ids,
        valid=_part(config, "val", parts["val"]),
        tests=(_part(config, "test", parts["test"]),),
        hashes={
            **hashes(table.parent, table.name),
            f"{table.parent.name}/": _files_sha256(table.parent, [row.path for row in rows]),
        },
        left_out=_left_out(whole, too_old_or_young=len(listed) - len(rows)),
    )


def _asked(how: FolderConfig, table: Path) -> LabelledSet:
    split = (how.split_column,) if how.split_column else ()
    return LabelledSet(
        table=table,
        root=table.parent,
        columns=Columns(
            file=how.file_column,
            age=how.age_column,
            sex=how.sex_column,
            view=how.view_column,
            group=how.patient_column,
            kept=split,
        ),
        targets=[Target.parse(item) for item in how.targets],
        where=[Where.parse(item) for item in how.where],
    )


def _of_age(config: Config, rows: Sequence[Labelled]) -> list[Labelled]:
    """Rows whose stated age the bundle will accept; an age that is not stated stays in."""
    low, high = config.age_range_years
    kept = [
        row for row in rows if row.stated.age_years is None or low <= row.stated.age_years <= high
    ]
    if len(kept) < len(rows):
        n = len(rows) - len(kept)
        _LOG.warning("%s", text("train.left_out", n=n, total=len(rows), code=_AGE))
    return kept


def _left_out(whole: Table, *, too_old_or_young: int) -> dict[str, int]:
    return {**whole.left_out, **({_AGE: too_old_or_young} if too_old_or_young else {})}


def _files_sha256(root: Path, files: Sequence[Path]) -> str:
    """One digest of all recordings: what ``sha256sum`` says of each file, sorted by name.

    What lies beside a file under the same name belongs to it, as the signals do to the header of
    a WFDB record.
    """
    beside: dict[Path, list[Path]] = {}
    for folder in sorted({file.parent for file in files}):
        for found in folder.iterdir() if folder.is_dir() else ():
            if found.is_file():
                beside.setdefault(folder / found.stem, []).append(found)
    wanted = {found for file in files for found in beside.get(file.with_suffix(""), [])}
    named = sorted((os.path.relpath(found, root), found) for found in wanted)
    lines = (f"{file_sha256(found)}  {name}\n" for name, found in named)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _unread(config: Config, row: Labelled) -> Unread:
    if not row.patient:
        raise InputRejected("train.folder_patient", line=row.line)
    truth = np.array([row.truth.get(name, np.nan) for name in config.labels], np.float32)
    facts = {"rhythm": "", **row.kept}
    return Unread(f"row {row.line}", row.patient, truth, facts, partial(_read, row))


def _read(row: Labelled) -> Record:
    if not row.path.is_file():
        raise InputRejected("dataset.missing", file=row.path.name)
    record: Record = read_path(row.path, stated=row.stated)
    return record


def _parts(how: FolderConfig, whole: Table) -> dict[str, Table]:
    side = _sides(how, whole)
    parts = {name: whole.where(side == name) for name in _PARTS}
    for name, part in parts.items():
        if not len(part):
            raise InputRejected("train.folder_part", part=name)
    _check_patients(parts)
    return parts


def _sides(how: FolderConfig, whole: Table) -> NDArray[np.str_]:
    if how.split_column:
        stated = whole.facts[how.split_column]
        other = sorted(set(stated.tolist()) - set(_PARTS))
        if other:
            raise InputRejected("train.folder_split", value=other[0], known=", ".join(_PARTS))
        return stated
    side_of = hashed_parts(whole.groups.tolist(), salt=how.split_name or how.table)
    return np.array([side_of[group] for group in whole.groups.tolist()], np.str_)


def _check_patients(parts: dict[str, Table]) -> None:
    try:
        check_disjoint({name: part.groups for name, part in parts.items()})
    except ValueError as error:
        raise InputRejected("train.folder_shared") from error


def _part(config: Config, name: str, table: Table) -> Part:
    shown = f"{config.name} {name}"
    if config.ecg is not None:
        return task_ecg.scaled(shown, table, config.ecg, rate_hz=config.ecg.rate_hz)
    return task_film.pictures(shown, table, config)
