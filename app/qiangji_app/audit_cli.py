"""``qiangji audit``: check that the log is whole and was written by this installation only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from qiangji_app.command_texts import both
from qiangji_app.config import Settings
from qiangji_app.domain.audit import Problem, Verification
from qiangji_app.storage.engines import open_engines
from qiangji_app.storage.heads import HEADS_FOLDER, HeadsFile
from qiangji_app.storage.keys import open_keys
from qiangji_app.storage.verify import verify_log
from qiangji_datasets.errors import QiangjiError, StorageFault
from qiangji_datasets.messages import Catalogue, Language

audit = typer.Typer(help=both("audit"), no_args_is_help=True)

_MOST_SHOWN = 20


@audit.callback(help=both("audit"))
def _group() -> None:
    """Group the commands on the log."""


@audit.command(help=both("audit_verify"))
def verify(
    data_dir: Annotated[Path | None, typer.Option(help=both("data"))] = None,
    key_dir: Annotated[Path | None, typer.Option(help=both("keys"))] = None,
    database_url: Annotated[str, typer.Option(help=both("database_url"))] = "",
) -> None:
    """Check every event, link, head and signed report.

    Exit code 0: whole; 1: damaged, or it could not be checked.
    """
    given: dict[str, Any] = {
        "data_dir": data_dir,
        "key_dir": key_dir,
        "database_url": database_url or None,
    }
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    texts = Catalogue.of("qiangji_datasets", "qiangji_app")
    language = settings.lang
    try:
        result = _verified(settings)
    except QiangjiError as error:
        typer.echo(texts.text(error.code, language, **error.params), err=True)
        raise typer.Exit(1) from error
    for line in _lines(result, texts, language):
        typer.echo(line)
    raise typer.Exit(1 if result.problems else 0)


def _verified(settings: Settings) -> Verification:
    if not settings.database_url and not (settings.data_dir / "qiangji.db").exists():
        raise StorageFault("audit.no_database")
    keys = open_keys(settings.key_dir, create=False)
    engines = open_engines(settings.url)
    try:
        return verify_log(engines, keys, HeadsFile(settings.key_dir / HEADS_FOLDER, keys))
    finally:
        engines.dispose()


def _lines(result: Verification, texts: Catalogue, language: Language) -> list[str]:
    if not result.problems:
        return [texts.text("audit.whole", language, events=result.events, reports=result.reports)]
    head = texts.text(
        "audit.damaged", language, events=result.events, problems=len(result.problems)
    )
    shown = [_line(problem, texts, language) for problem in result.problems[:_MOST_SHOWN]]
    return [head, *shown]


def _line(problem: Problem, texts: Catalogue, language: Language) -> str:
    return texts.text(
        problem.code,
        language,
        node_id=problem.node_id,
        chain=problem.chain,
        node_seq=problem.node_seq,
        case_id=problem.case_id,
        version=problem.version,
    )
