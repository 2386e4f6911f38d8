"""What the commands of this package share: language, texts, errors as messages, bundles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import typer

from qiangji_datasets.errors import NotFound, QiangjiError, UserError
from qiangji_datasets.messages import Catalogue, asked_language
from qiangji_inference.metrics import Estimate
from qiangji_models.bundle import METADATA, shipped_bundles

#: Exit codes: the user can put it right; the installation is at fault.
EXIT_USER: Final = 2
EXIT_FAULT: Final = 1
_PACKAGES: Final = ("qiangji_datasets", "qiangji_models", "qiangji_inference")


@cache
def catalogue() -> Catalogue:
    """Texts of this package and of those below it."""
    return Catalogue.of(*_PACKAGES)


def text(key: str, **params: object) -> str:
    """Text of a key in the user's language."""
    return catalogue().text(key, asked_language(), **params)


def said(code: str, params: Mapping[str, object]) -> str:
    """Text of a code, or the code where it has none."""
    return text(code, **params) if code in catalogue().entries else code


def message(error: QiangjiError) -> str:
    """What an error says to a person."""
    return said(error.code, error.params)


@contextmanager
def edge() -> Iterator[None]:
    """Show our errors as a message with its advice, without a traceback."""
    try:
        yield
    except QiangjiError as error:
        typer.echo(message(error), err=True)
        advice = catalogue().advice(error.code, asked_language(), **error.params)
        if advice:
            typer.echo(advice, err=True)
        raise typer.Exit(EXIT_USER if isinstance(error, UserError) else EXIT_FAULT) from error


def wanted_bundles(name: str | None) -> dict[str, Path]:
    """Folders to work on: all shipped ones, one by its name, or one by its path.

    Raises
    ------
    NotFound
        No bundle is installed, or none has this name.
    """
    shipped = shipped_bundles()
    if name is None:
        if not shipped:
            raise NotFound("cli.no_bundles")
        return shipped
    if name in shipped:
        return {name: shipped[name]}
    if (Path(name) / METADATA).is_file():
        return {Path(name).resolve().name: Path(name)}
    raise NotFound("cli.bundle_unknown", name=name, known=", ".join(shipped) or "-")


@contextmanager
def progress(key: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error; gives what to call after each recording."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(text(key), total=total)
        yield lambda: progress.advance(task)


def shown(estimate: Estimate) -> str:
    """``0.912 (0.880–0.940)``; a dash where the data gave no figure."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"
