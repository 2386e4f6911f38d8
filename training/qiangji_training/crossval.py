"""Every recording judged by networks that never saw it: one run a fold, then one report."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from qiangji_datasets.errors import InputRejected
from qiangji_training import launch, tasks
from qiangji_training.checkpoint import write_bytes
from qiangji_training.config import Config, Precision, read_config
from qiangji_training.outoffold import CrossValidation, FoldScores, out_of_fold
from qiangji_training.run import read_results, scored_parts, train
from qiangji_training.texts import text

_LOG = logging.getLogger(__name__)
_FEWEST: Final = 2
_FOLD_LINE: Final = re.compile(r"^fold\s*=.*\n?", re.MULTILINE)


def cross_validate(
    config_file: Path,
    *,
    data: Path,
    out: Path,
    on: date,
    name: str = "",
    folds: int | None = None,
    precision: Precision | None = None,
    console: Console | None = None,
) -> tuple[Path, CrossValidation]:
    """Train what is not trained yet of each fold, and judge every recording out of its fold.

    Parameters
    ----------
    config_file
        TOML, complete; its own ``fold`` is not looked at.
    data
        Folder of the public sets.
    out
        Folder of runs; the folds' runs go to ``out / name / fold-1`` and so on. One that
        ``train`` finished there, on whatever machine, is taken as it is.
    on
        Date that operating points carry.
    name
        Empty takes the configuration's with ``-folds`` behind.
    folds
        How many of the task's folds; ``None`` is all.

    Returns
    -------
        The folder of the folds' runs, and the results.

    Raises
    ------
    InputRejected
        The task has no folds or not so many, a run has another configuration, or the runs saw
        other data than each other.
    """
    config = read_config(config_file)
    wanted = _wanted(config, folds)
    folder = out / (name or f"{config.name}-folds")
    content = config_file.read_text("utf-8")
    for fold in range(1, wanted + 1):
        _LOG.info("%s", text("train.fold_begins", fold=fold, folds=wanted))
        file = folder / f"fold-{fold}.toml"
        write_bytes(file, with_fold(content, fold).encode())
        where = launch.Launch(precision=precision)
        train(
            file,
            data=data,
            out=folder,
            name=file.stem,
            resume=True,
            where=where,
            console=console,
            starts=out,
        )
    scores = list(_scores(folder, wanted))
    return folder, out_of_fold(config, scores, offered=tasks.folds(config), on=on)


def with_fold(content: str, fold: int) -> str:
    """A configuration's text for one fold."""
    head, bracket, rest = content.partition("\n[")
    return f"fold = {fold}\n{_FOLD_LINE.sub('', head)}{bracket}{rest}"


def _wanted(config: Config, folds: int | None) -> int:
    offered = tasks.folds(config)
    if not offered:
        raise InputRejected("train.no_folds", task=config.task)
    wanted = offered if folds is None else folds
    if not _FEWEST <= wanted <= offered:
        raise InputRejected("train.folds_range", folds=wanted, least=_FEWEST, most=offered)
    return wanted


def _scores(folder: Path, folds: int) -> Iterator[FoldScores]:
    """Validation and tested part of each fold's run."""
    first: dict[str, Any] | None = None  # Any: JSON
    for fold in range(1, folds + 1):
        run = folder / f"fold-{fold}"
        said, stored = read_results(run)
        valid, *tests = scored_parts(stored)
        tested = [part for part in tests if not part.is_other_site]
        first = first or said
        if len(tested) != 1 or said["data_sha256"] != first["data_sha256"]:
            raise InputRejected("train.folds_differ", run=run.name)
        yield FoldScores(fold, valid, tested[0], said)
