"""Database engines: SQLite in WAL with full sync, PostgreSQL by URL; one to write, one to read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url

from qiangji_app.storage.disk import fsync_folder
from qiangji_datasets.errors import StorageFault

# Engines hide parameters: an error of the database must not carry what was stored into a log.
#: How long a transaction waits for another one's lock.
BUSY_TIMEOUT_S: Final = 30
_FILE_POOL: Final = {"pool_size": 8, "max_overflow": 56, "pool_timeout": BUSY_TIMEOUT_S}
#: PostgreSQL allows 100 connections by default; two engines of several processes share them.
_SERVER_POOL: Final = {"pool_size": 5, "max_overflow": 10, "pool_timeout": BUSY_TIMEOUT_S}


@dataclass(frozen=True)
class Engines:
    """``write`` begins transactions with the lock taken; ``read`` cannot change anything."""

    write: Engine
    read: Engine
    is_sqlite: bool

    def dispose(self) -> None:
        """Close pooled connections."""
        self.write.dispose()
        self.read.dispose()


def open_engines(url: str) -> Engines:
    """Engines of a database URL.

    Raises
    ------
    StorageFault
        ``storage.url``: neither a SQLite file nor PostgreSQL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return _sqlite(parsed, Path(parsed.database))
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed)
    raise StorageFault("storage.url")


def _sqlite(url: URL, path: Path) -> Engines:
    _create_private(path)
    arguments = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None}
    write = create_engine(url, connect_args=arguments, hide_parameters=True, **_FILE_POOL)
    read = create_engine(url, connect_args=arguments, hide_parameters=True, **_FILE_POOL)
    event.listen(write, "connect", _sqlite_writer)
    event.listen(write, "begin", _begin_immediate)
    event.listen(read, "connect", _sqlite_reader)
    event.listen(read, "begin", _begin_deferred)
    return Engines(write=write, read=read, is_sqlite=True)


def _create_private(path: Path) -> None:
    """Make the file readable by its owner only; WAL files take over its mode."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    fsync_folder(path.parent)


def _sqlite_common(connection: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA temp_store = MEMORY")


def _sqlite_writer(connection: Any, _record: object) -> None:
    _sqlite_common(connection)
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA secure_delete = ON")  # an erased identity is overwritten


def _sqlite_reader(connection: Any, _record: object) -> None:
    _sqlite_common(connection)
    connection.execute("PRAGMA query_only = ON")


def _begin_immediate(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another one writes.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _postgresql(url: URL) -> Engines:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    options = f"-c lock_timeout={BUSY_TIMEOUT_S}s -c timezone=UTC"
    arguments = {"options": options}
    common: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True, **_SERVER_POOL}
    write = create_engine(url, connect_args=arguments, **common)
    read = create_engine(
        url,
        connect_args=arguments,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        **common,
    )
    return Engines(write=write, read=read, is_sqlite=False)
