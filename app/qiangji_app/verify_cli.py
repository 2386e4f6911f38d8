"""``qiangji verify``: is a printed result as it was issued, and by whom?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from qiangji_app.command_texts import both
from qiangji_app.keys_cli import own_keys
from qiangji_app.seals.checks import Outcome, Verdict
from qiangji_app.seals.checks import verify as check
from qiangji_app.seals.keys import KEY_FILE, PublicKey, read_public_keys, trusted
from qiangji_datasets.errors import UserError
from qiangji_datasets.messages import Catalogue, Language

_MARKS: Final = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.NOT_DONE: "?"}


def verify(
    file: Annotated[Path, typer.Argument(help=both("verify_file"))],
    *,
    key: Annotated[list[Path] | None, typer.Option(help=both("verify_key"))] = None,
    image: Annotated[list[Path] | None, typer.Option(help=both("verify_image"))] = None,
    keys: Annotated[Path, typer.Option(envvar="QIANGJI_KEY_DIR", help=both("keys"))] = Path(
        "data/keys"
    ),
) -> None:
    """Say what was checked.

    Exit code 0: as issued, by a known key; 1: refused, or not enough could be checked.
    """
    texts = Catalogue.of("qiangji_datasets", "qiangji_app")
    try:
        verdict = check(file, _known(keys, key or []), _recordings(image or []))
    except UserError as refused:
        for language in Language:
            typer.echo(f"✗ {texts.text(refused.code, language, **refused.params)}", err=True)
        raise typer.Exit(1) from refused
    for language in Language:
        typer.echo("\n".join(_told(verdict, texts, language)))
    raise typer.Exit(0 if verdict.is_genuine else 1)


def _known(folder: Path, files: list[Path]) -> tuple[PublicKey, ...]:
    """Keys named on the command line, else those kept by this installation and its own."""
    if files:
        return tuple(key for file in files for key in read_public_keys(file))
    own = own_keys(folder) if (folder / KEY_FILE).exists() else ()
    return (*own, *trusted(folder))


def _recordings(paths: list[Path]) -> list[Path]:
    """Files, and the files of folders."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [item for item in inside if not item.is_dir()]
    return found


def _told(verdict: Verdict, texts: Catalogue, language: Language) -> list[str]:
    seal = verdict.seal
    told = "seal.genuine" if verdict.is_genuine else _bad(verdict)
    head = texts.text(
        "seal.about",
        language,
        id=seal.report_id[-8:],
        version=seal.version,
        at=seal.signed_at.isoformat(timespec="minutes"),
        key_id=seal.key_id,
    )
    checks = [
        f"{_MARKS[item.outcome]} {texts.text(item.key, language, **item.params)}"
        for item in verdict.checks
    ]
    newer = texts.text("seal.newer", language)
    return [texts.text(told, language), head, *checks, f"! {newer}", ""]


def _bad(verdict: Verdict) -> str:
    """Something differs, or too little could be checked."""
    if any(item.outcome is Outcome.FAILED for item in verdict.checks):
        return "seal.refused"
    return "seal.partly" if verdict.is_signed else "seal.unknown"
