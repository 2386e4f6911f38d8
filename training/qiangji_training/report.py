"""How far a training has come and how long it will take: a bar, or lines where nobody looks."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from qiangji_training.curves import write_curves
from qiangji_training.texts import text

_LOG = logging.getLogger(__name__)
_LINE_EVERY_S: Final = 60.0
#: Column of the curves to value.
Row = dict[str, float]


class Silence:
    """Hears how a member comes along and says nothing."""

    def begin(self, rows: Sequence[Row], step: int, total: int) -> None:
        """The member starts, or goes on, at ``step`` of ``total``."""

    def step(self, epoch: int, step: int, loss: float) -> None:
        """A step is done."""

    def epoch(self, rows: Sequence[Row]) -> None:
        """An epoch is done and validated; the last of ``rows`` is its line."""

    def saved(self, epoch: int, batch: int) -> None:
        """A checkpoint was written within an epoch."""


class Report(Silence):
    """Tells one member's progress and keeps its curves.

    Parameters
    ----------
    curves
        File of the run's curves.
    member, members
        Which network of the ensemble, counted from 0, and how many there are.
    bar
        A bar on the terminal; ``None`` writes lines to the log.
    """

    def __init__(self, curves: Path, member: int, members: int, bar: Progress | None) -> None:
        self._curves = curves
        self._member = member
        self._members = members
        self._bar = bar
        self._task = None if bar is None else _only_task(bar)
        self._began = self._told = time.monotonic()
        self._first = self._total = 0

    def begin(self, rows: Sequence[Row], step: int, total: int) -> None:
        self._first, self._total = step, total
        write_curves(self._curves, self._member, rows)
        if step:
            _LOG.info("%s", text("train.goes_on", member=self._member + 1, step=step, total=total))

    def step(self, epoch: int, step: int, loss: float) -> None:
        said = self._said(epoch, step, loss)
        if self._bar is not None and self._task is not None:
            done, whole = self._member * self._total + step, self._members * self._total
            self._bar.update(self._task, description=said, completed=done, total=whole)
        elif time.monotonic() - self._told > _LINE_EVERY_S:
            _LOG.info("%s", said)
            self._told = time.monotonic()

    def epoch(self, rows: Sequence[Row]) -> None:
        write_curves(self._curves, self._member, rows)
        last = rows[-1]
        _LOG.info(
            "%s",
            text(
                "train.epoch_done",
                member=self._member + 1,
                epoch=int(last["epoch"]),
                loss=f"{last['loss']:.4f}",
                auc=f"{last['macro_auc']:.4f}",
                seconds=round(last["seconds"]),
                left=self._left(int(last["step"])),
            ),
        )
        self._told = time.monotonic()

    def saved(self, epoch: int, batch: int) -> None:
        _LOG.info("%s", text("train.saved", member=self._member + 1, epoch=epoch, batch=batch))

    def _said(self, epoch: int, step: int, loss: float) -> str:
        return text(
            "train.progress",
            member=self._member + 1,
            members=self._members,
            epoch=epoch,
            loss=f"{loss:.4f}",
            left=self._left(step),
        )

    def _left(self, step: int) -> str:
        """Time left for this member and those after it, at the pace since the start."""
        done = step - self._first
        if done <= 0:
            return "?"
        rest = self._total - step + (self._members - 1 - self._member) * self._total
        seconds = (time.monotonic() - self._began) / done * rest
        return str(timedelta(seconds=round(seconds)))


def _only_task(bar: Progress) -> TaskID:
    """One bar for the whole run, whichever member comes first."""
    return bar.tasks[0].id if bar.tasks else bar.add_task("", total=None)


@contextmanager
def progress_bar(console: Console | None) -> Iterator[Progress | None]:
    """A bar where the console is a terminal, else nothing."""
    if console is None or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        yield bar
