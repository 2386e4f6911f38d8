"""A private PostgreSQL cluster for tests: own folder, Unix socket only, removed afterwards."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOMES = ("/usr/lib/postgresql", "/usr/pgsql", "/usr/local/pgsql")
_USER = "postgres"
_CLUSTER_BYTES = 1 << 30


def why_no_postgres() -> str:
    """Reason for a skip; empty when PostgreSQL can be run."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed (pip install 'qiangji[postgres]')"
    if _programs() is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    return ""


@contextmanager
def running_postgres() -> Iterator[str]:
    """URL prefix of a running server; append a database name with ``database_url``."""
    programs = _programs()
    if programs is None:
        raise RuntimeError(why_no_postgres())
    folder = Path(tempfile.mkdtemp(prefix="qjpg-", dir=_memory()))
    cluster = folder / "cluster"
    if os.geteuid() == 0:
        shutil.chown(folder, _USER, _USER)
    try:
        _run(programs / "initdb", "-D", cluster, "-A", "trust", "-U", "qiangji", "-E", "UTF8", "-N")
        # Its own durability is not what is tested: without fsync a new database takes milliseconds.
        options = f"-c fsync=off -c listen_addresses='' -c unix_socket_directories='{folder}'"
        _run(programs / "pg_ctl", "-D", cluster, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield str(folder)
        finally:
            _run(programs / "pg_ctl", "-D", cluster, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def new_database(socket_folder: str, name: str) -> str:
    """Create a database and return its SQLAlchemy URL."""
    import psycopg

    with psycopg.connect(
        host=socket_folder, user="qiangji", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode("ascii"))
    return f"postgresql+psycopg://qiangji@/{name}?host={socket_folder}"


def _memory() -> str | None:
    """A folder in memory with room for a cluster; None for the usual temporary folder."""
    folder = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder in it
    has_room = folder.is_dir() and shutil.disk_usage(folder).free > _CLUSTER_BYTES
    return str(folder) if has_room else None


def _programs() -> Path | None:
    found = [Path(path).parent for path in (shutil.which("initdb"),) if path]
    for home in _HOMES:
        found += sorted((path.parent for path in Path(home).glob("*/bin/initdb")), reverse=True)
    return next((path for path in found if (path / "pg_ctl").exists()), None)


def _run(program: Path, *arguments: object) -> None:
    command = [str(program), *map(str, arguments)]
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        command = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/")
