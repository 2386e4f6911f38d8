"""``qiangji reset-password``: the way back into an account for who holds the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qiangji_app.command_texts import both, lines
from qiangji_app.config import Settings
from qiangji_app.services.account_changes import reset_locally
from qiangji_datasets.errors import StorageFault


def reset_password(
    login: Annotated[str, typer.Argument(help=both("login"))],
    *,
    data: Annotated[Path, typer.Option(envvar="QIANGJI_DATA_DIR")] = Path("data/store"),
    keys: Annotated[Path, typer.Option(envvar="QIANGJI_KEY_DIR")] = Path("data/keys"),
) -> None:
    """Give any account a temporary password."""
    password = _reset(Settings(data_dir=data, key_dir=keys), login)
    typer.echo("\n".join(lines("reset_done")))
    typer.echo(f"  {password}")


def _reset(settings: Settings, login: str) -> str:
    from qiangji_app.bootstrap import install
    from qiangji_app.storage.keys import open_keys

    if not settings.database_url and not (settings.data_dir / "qiangji.db").exists():
        raise StorageFault("audit.no_database")
    open_keys(settings.key_dir, create=False)
    installation = install(settings)
    try:
        return reset_locally(installation.context, login)
    finally:
        installation.close()
