"""Command ``qiangji data``: list public sets, fetch one, check one."""

from __future__ import annotations

import shutil
import time
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import typer

from qiangji_datasets.messages import Catalogue, Language, asked_language
from qiangji_datasets.public.cards import Access, Card, cards
from qiangji_datasets.public.cards import card as card_of

#: Exit codes: not fetched because a person has to; not fetched or not whole.
EXIT_BY_HAND: Final = 3
EXIT_INCOMPLETE: Final = 1
_TABLE_WIDTH: Final = 150
_UNITS: Final = ((1_000_000_000, "GB"), (1_000_000, "MB"))


@cache
def _catalogue() -> Catalogue:
    return Catalogue.of("qiangji_datasets")


def _text(key: str, **params: object) -> str:
    return _catalogue().text(key, asked_language(), **params)


def _say_both(key: str, **params: object) -> None:
    for language in Language:
        typer.echo(_catalogue().text(key, language, **params))


data = typer.Typer(help=_text("data.help"), no_args_is_help=True)


@data.command("list", help=_text("data.help_list"))
def list_sets() -> None:
    """Print one line a set."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for key in ("name", "modality", "recordings", "licence", "size", "access"):
        table.add_column(_text(f"data.column_{key}"), overflow="fold")
    for item in cards().values():
        table.add_row(
            item.name,
            item.modality,
            f"{item.recordings:,}",
            item.licence,
            _size(item),
            _text(f"data.access_{item.access.value}"),
        )
    # A narrow terminal wraps lines; a narrower table would cut licences off.
    Console(width=max(Console().width, _TABLE_WIDTH)).print(table)


@data.command("fetch", help=_text("data.help_fetch"))
def fetch_set(
    name: Annotated[str, typer.Argument(help=_text("data.help_name"))],
    *,
    to: Annotated[Path, typer.Option("--to", help=_text("data.help_to"))],
    yes: Annotated[bool, typer.Option("--yes", help=_text("data.help_yes"))] = False,
) -> None:
    """Show terms and size, ask, download, check, unpack."""
    wanted = card_of(name)
    _print_terms(wanted)
    if wanted.download is None or wanted.access is not Access.OPEN:
        _say_both(f"data.not_fetched_{wanted.access.value}", address=wanted.address)
        _print_steps(wanted)
        raise typer.Exit(EXIT_BY_HAND)
    _warn_of_space(wanted, to)
    if not yes and not typer.confirm(_text("data.ask", folder=str(to))):
        _say_both("data.declined")
        raise typer.Exit(EXIT_INCOMPLETE)
    got = _download(wanted, to)
    _say_both("data.fetched", n=got, folder=str(to))
    _print_steps(wanted)
    _say_both("data.now_check", name=name, folder=str(to))


@data.command("check", help=_text("data.help_check"))
def check_set(
    name: Annotated[str, typer.Argument(help=_text("data.help_name"))],
    folder: Annotated[Path, typer.Argument(help=_text("data.help_folder"))],
    *,
    hashes: Annotated[bool, typer.Option(help=_text("data.help_hashes"))] = True,
) -> None:
    """Print one line a finding; exit 1 when one of them is bad."""
    from qiangji_datasets.public.check import check

    is_good = True
    for found in check(card_of(name), folder, with_hashes=hashes):
        is_good &= found.is_good
        for language in Language:
            mark = "✓" if found.is_good else "✗"
            typer.echo(f"{mark} {_catalogue().text(found.code, language, **found.params)}")
    if not is_good:
        raise typer.Exit(EXIT_INCOMPLETE)


def _print_terms(item: Card) -> None:
    typer.echo(f"{item.title}\n  {item.source}\n  {item.address}")
    for key, value in (
        ("licence", item.licence),
        ("consent", item.consent),
        ("size", f"{_size(item)} {item.bytes_note}".strip()),
        ("recordings", f"{item.recordings:,}"),
        ("cite", item.cite),
    ):
        typer.echo(f"  {_text(f'data.column_{key}')}: {value}")


def _print_steps(item: Card) -> None:
    for text in item.steps.values():
        typer.echo(f"  {text}")


def _warn_of_space(item: Card, folder: Path) -> None:
    existing = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )
    free = shutil.disk_usage(existing).free
    if item.bytes is not None and free < item.bytes:
        _say_both("data.little_space", free=_bytes(free), needed=_bytes(item.bytes))


def _download(item: Card, folder: Path) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from qiangji_datasets.public.download import client
    from qiangji_datasets.public.fetch import Step, fetch

    if item.download is None:
        raise ValueError(f"{item.name} has no download")
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with client() as http, Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(item.name, total=None)

        def show(step: Step) -> None:
            name = f"{step.number}/{step.of} {step.file[-40:]}"
            progress.update(
                task,
                description=name,
                completed=step.progress.done,
                total=step.progress.total,
            )

        return len(fetch(item.download, folder, http=http, pause=time.sleep, report=show))


def _size(item: Card) -> str:
    return "?" if item.bytes is None else _bytes(item.bytes)


def _bytes(number: int) -> str:
    for unit, name in _UNITS:
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number:,} B"
