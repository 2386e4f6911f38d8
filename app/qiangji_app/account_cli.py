"""``qiangji reset-password``: the way back into an account for who holds the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qiangji_app.config import Settings
from qiangji_app.services.account_changes import reset_locally
from qiangji_datasets.errors import StorageFault


def reset_password(
    login: Annotated[str, typer.Argument(help="登录名 / login")],
    *,
    data: Annotated[Path, typer.Option(envvar="QIANGJI_DATA_DIR")] = Path("data/store"),
    keys: Annotated[Path, typer.Option(envvar="QIANGJI_KEY_DIR")] = Path("data/keys"),
) -> None:
    """重置任一账号的密码,须能读密钥文件夹 / reset any account; needs the key folder."""
    password = _reset(Settings(data_dir=data, key_dir=keys), login)
    typer.echo("临时密码,72 小时内有效,登录后须改;原密码失效,日志中有记录:")
    typer.echo("Temporary password for 72 hours, to be replaced at sign-in; the log has an entry:")
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
