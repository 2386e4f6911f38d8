"""The command ``qiangji``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from qiangji_app.command_texts import both, lines
from qiangji_datasets.errors import NotFound, QiangjiError, UserError
from qiangji_datasets.messages import Language

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=both("qiangji"),
)
#: The demonstration never shares a folder with a real installation.
_REAL_FOLDER = Path("data")
_DEMO_FOLDER = Path("data/demo")
#: Modules of the extra ``train``; only their absence leaves a command out.
_TRAIN_MODULES: Final = frozenset(
    {"torch", "monai", "lightning_fabric", "onnx", "onnxscript", "sklearn"}
)
_ANY_WORDS: Final = {"ignore_unknown_options": True, "allow_extra_args": True}


@app.command(help=both("serve"))
def serve(
    *,
    demo: Annotated[bool, typer.Option("--demo", help=both("demo"))] = False,
    host: Annotated[str, typer.Option(envvar="QIANGJI_HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="QIANGJI_PORT")] = 7860,
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="QIANGJI_DATA_DIR",
            help=both("data"),
            show_default="data/store; --demo: data/demo/store",
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            envvar="QIANGJI_KEY_DIR",
            help=both("keys"),
            show_default="data/keys; --demo: data/demo/keys",
        ),
    ] = None,
) -> None:
    """Serve until stopped."""
    from qiangji_app.config import Settings
    from qiangji_app.server import run

    data_dir, key_dir = folders(demo, data, keys)
    run(Settings(demo=demo, host=host, port=port, data_dir=data_dir, key_dir=key_dir))


def folders(is_demo: bool, data: Path | None, keys: Path | None) -> tuple[Path, Path]:
    """Where data and keys lie: as stated, else apart for a demonstration."""
    folder = _DEMO_FOLDER if is_demo else _REAL_FOLDER
    return data or folder / "store", keys or folder / "keys"


@app.command("init", help=both("init"))
def initialise(
    *,
    hospital: Annotated[str, typer.Option(help=both("hospital"))],
    data: Annotated[Path, typer.Option(envvar="QIANGJI_DATA_DIR")] = Path("data/store"),
    keys: Annotated[Path, typer.Option(envvar="QIANGJI_KEY_DIR")] = Path("data/keys"),
    port: Annotated[int, typer.Option(envvar="QIANGJI_PORT")] = 7860,
) -> None:
    """Make a real installation and print the one-time token."""
    from qiangji_app.config import Settings
    from qiangji_app.server import initialise as make

    token = make(Settings(data_dir=data, key_dir=keys), hospital)
    typer.echo("\n".join(lines("init_done")))
    typer.echo(f"  http://127.0.0.1:{port}/setup#{token}")
    typer.echo(" ".join(lines("init_token")))


def main() -> None:
    """Entry point of the installed command."""
    # Before numpy loads: on a busy box BLAS threads wait spinning for each other, and an ECG gate
    # of 50 ms takes 800 ms.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _register(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app(standalone_mode=True)
    except QiangjiError as error:
        sys.exit(_say(error))


def _register(wanted: str) -> None:
    """Only what is asked for is imported, so that the server starts fast."""
    if wanted in ("", "--help", "triage"):
        from qiangji_app.triage_cli import triage

        app.command("triage", help=both("triage"))(triage)
    if wanted in ("", "--help", "audit"):
        from qiangji_app.audit_cli import audit

        app.add_typer(audit, name="audit")
    if wanted in ("", "--help", "rules"):
        from qiangji_app.rules_cli import rules

        app.add_typer(rules, name="rules")
    if wanted in ("", "--help", "reset-password"):
        from qiangji_app.account_cli import reset_password

        app.command("reset-password", help=both("reset_password"))(reset_password)
    if wanted in ("", "--help", "verify"):
        from qiangji_app.verify_cli import verify

        app.command("verify", help=both("verify"))(verify)
    if wanted in ("", "--help", "keys"):
        from qiangji_app.keys_cli import keys_group

        app.add_typer(keys_group, name="keys")
    for point in entry_points(group="qiangji.commands"):
        if wanted in ("", "--help", point.name):
            _add(point.name, point.load)


def _add(name: str, load: Callable[[], object]) -> None:
    found = _loaded(load)
    if found is None:
        app.command(name, context_settings=_ANY_WORDS, help=both("train_extra"))(_without_extra)
    elif isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    else:
        app.command(name)(found)


def _loaded(load: Callable[[], Any]) -> Any:  # Any: what an entry point names, command or group
    """The command; None where the extra ``train`` that it needs is not installed."""
    try:
        return load()
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _TRAIN_MODULES:
            raise
        return None


def _without_extra() -> None:
    """Stand in for a command whose extra is not installed."""
    raise NotFound("cli.train_extra_missing")


def _say(error: QiangjiError) -> int:
    from qiangji_app.bootstrap import catalogue
    from qiangji_app.errors import mapping_of

    texts = catalogue()
    if not isinstance(error, UserError):
        typer.echo(str(error), err=True)
    for language in Language:
        typer.echo(texts.text(error.code, language, **error.params), err=True)
    return mapping_of(error).exit_code
