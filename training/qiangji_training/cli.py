"""Commands ``train``, ``crossval``, ``export``, ``baseline``; there with the extra train."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.logging import RichHandler

from qiangji_datasets.errors import QiangjiError, UserError
from qiangji_datasets.messages import Language
from qiangji_inference.cli_edge import shown
from qiangji_inference.metrics import Estimate
from qiangji_training.config import Precision
from qiangji_training.texts import catalogue, text

if importlib.util.find_spec("torch") is None:
    # The command line leaves out a group whose extra is absent; looking costs no import of torch.
    raise ModuleNotFoundError("the extra 'train' is not installed", name="torch")

#: Exit codes: the user can put it right; the installation is at fault.
EXIT_USER: Final = 2
EXIT_FAULT: Final = 1
#: Texts of the bundles, from the root of a checkout.
ABOUT: Final = Path("training/configs/about")


def train(
    *,
    config: Annotated[Path, typer.Argument(help=text("train.help_config"))],
    data: Annotated[Path, typer.Option(help=text("train.help_data"))] = Path("data/public"),
    out: Annotated[Path, typer.Option(help=text("train.help_out"))] = Path("runs"),
    name: Annotated[str, typer.Option(help=text("train.help_name"))] = "",
    resume: Annotated[bool, typer.Option("--resume", help=text("train.help_resume"))] = False,
    devices: Annotated[int, typer.Option(help=text("train.help_devices"))] = 1,
    nodes: Annotated[int, typer.Option(help=text("train.help_nodes"))] = 1,
    precision: Annotated[Precision | None, typer.Option(help=text("train.help_precision"))] = None,
) -> None:
    """Train one configuration; with several devices this command starts itself again for each."""
    from qiangji_training.launch import Launch, is_first
    from qiangji_training.run import train as run

    console = _logging_console()
    with _edge(is_first):
        where = Launch(devices=devices, nodes=nodes, precision=precision)
        folder = run(
            config, data=data, out=out, name=name, resume=resume, where=where, console=console
        )
        if is_first():
            typer.echo(str(folder))


train.__doc__ = text("train.help")  # what --help shows, in the user's language


def crossval(
    *,
    config: Annotated[Path, typer.Argument(help=text("train.help_config"))],
    folds: Annotated[int | None, typer.Option(help=text("train.help_folds"))] = None,
    data: Annotated[Path, typer.Option(help=text("train.help_data"))] = Path("data/public"),
    out: Annotated[Path, typer.Option(help=text("train.help_out"))] = Path("runs"),
    name: Annotated[str, typer.Option(help=text("train.help_crossval_name"))] = "",
    precision: Annotated[Precision | None, typer.Option(help=text("train.help_precision"))] = None,
) -> None:
    """Train one configuration once for each fold and report over all recordings."""
    from qiangji_training.crossval import cross_validate
    from qiangji_training.crossval_report import GROUPS, PAGE, write_report

    console, now = _logging_console(), datetime.now(UTC)
    with _edge():
        folder, found = cross_validate(
            config,
            data=data,
            out=out,
            on=now.date(),
            name=name,
            folds=folds,
            precision=precision,
            console=console,
        )
        write_report(found, folder, made_at=now)
        for group, auc in found.macro_auc.items():
            mean = Estimate(found.mean_of_folds(group))
            said = text(
                "train.crossval_line", group=text(GROUPS[group]), auc=shown(auc), mean=shown(mean)
            )
            typer.echo(said)
        typer.echo(str(folder / PAGE))


crossval.__doc__ = text("train.help_crossval")  # what --help shows, in the user's language


def export(
    run: Annotated[Path, typer.Argument(help=text("train.help_run"))],
    about: Annotated[Path, typer.Option(help=text("train.help_about"))] = ABOUT,
    out: Annotated[Path, typer.Option(help=text("train.help_bundles"))] = Path("runs/bundles"),
    data: Annotated[Path, typer.Option(help=text("train.help_data"))] = Path("data/public"),
) -> None:
    """Export a finished run as a sealed bundle."""
    from qiangji_training.export import export_bundle

    today = datetime.now(UTC).date()
    with _edge():
        typer.echo(str(export_bundle(run, about=about, data=data, out=out, on=today)))


export.__doc__ = text("train.help_export")


def baseline(
    config: Annotated[Path, typer.Argument(help=text("train.help_config"))],
    data: Annotated[Path, typer.Option(help=text("train.help_data"))] = Path("data/public"),
    out: Annotated[Path, typer.Option(help=text("train.help_out"))] = Path("runs"),
) -> None:
    """Fit simple models on the recordings of a configuration."""
    from qiangji_training.baselines import write_baselines

    _logging_console()
    with _edge():
        typer.echo(str(write_baselines(config, data=data, out=out)))


baseline.__doc__ = text("train.help_baseline")


def _logging_console() -> Console:
    """Log lines above the bar on a terminal, plain lines with the time elsewhere."""
    console = Console(stderr=True)
    handler = RichHandler(console=console, show_path=False, show_level=False)
    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s" if console.is_terminal else "%(asctime)s %(message)s",
        handlers=[handler] if console.is_terminal else None,
    )
    return console


def _speaks() -> bool:
    return True


@contextmanager
def _edge(speaks: Callable[[], bool] = _speaks) -> Iterator[None]:
    """Show our errors with their advice, Chinese first, without a traceback."""
    try:
        yield
    except QiangjiError as error:
        if speaks():
            for line in _lines(error):
                typer.echo(line, err=True)
        raise typer.Exit(EXIT_USER if isinstance(error, UserError) else EXIT_FAULT) from error


def _lines(error: QiangjiError) -> Iterator[str]:
    texts = catalogue()
    if error.code not in texts.entries:
        yield str(error)
        return
    for language in Language:
        advice = texts.advice(error.code, language, **error.params)
        yield f"{texts.text(error.code, language, **error.params)} {advice}".rstrip()
