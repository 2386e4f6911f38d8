"""Brings a database to the current schema; Alembic is imported only when it is behind."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from qiangji_app import migrations
from qiangji_app.storage.engines import Engines
from qiangji_app.storage.rows import translated
from qiangji_app.storage.tables import REVISION
from qiangji_datasets.errors import StorageFault

_ADVISORY_LOCK = 0x5169616E67  # any number of ours: one process migrates, the others wait


def ensure_schema(engines: Engines) -> None:
    """Migrate when the stored revision is not ours; several processes may call at once.

    Raises
    ------
    StorageFault
        ``storage.newer_schema``: the database belongs to a later program.
    """
    with translated():
        if stored_revision(engines.read) == REVISION:
            return
        with engines.write.begin() as connection:
            if not engines.is_sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            _upgrade(connection)


def stored_revision(engine: Engine) -> str:
    """Alembic revision of the database; empty for a new one."""
    with engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    present = _revision(connection)
    if present and present not in known:
        raise StorageFault("storage.newer_schema", revision=present)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
