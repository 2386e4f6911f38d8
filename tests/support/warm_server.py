"""The API over HTTP in a process that starts in a fraction of a second, to be killed often.

``python -m support.warm_server FOLDER PORT`` imports everything once and then, for each line on
stdin, forks a server (without the Gradio pages) that opens the installation in FOLDER as after a
restart, and prints its process id; it leads a process group of its own. When that server is gone,
it prints how many steps towards the disk it took after SIGUSR1. A number on the line is the step
at which the server kills its group, just before the step is taken.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Final

import sqlalchemy

_WARM: Final = (
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.loops.asyncio",
    "uvicorn.lifespan.on",
    "sqlalchemy.dialects.sqlite",
    "alembic.command",
    "onnxruntime",
    "qiangji_app.server",
    "qiangji_app.web.app",
)


#: What brings something nearer to the disk: files (audit events of Python) …
_FILE_STEPS: Final = frozenset({"open", "os.rename", "os.link", "os.remove", "os.mkdir"})
#: … and the database (events of an SQLAlchemy engine).
_DATABASE_STEPS: Final = ("before_cursor_execute", "commit")


class Fate:
    """Counts a server's steps towards the disk from SIGUSR1 on, and ends it at one of them."""

    def __init__(self) -> None:
        self._steps = mmap.mmap(-1, 8)  # shared with the forked server

    def bind(self, last: int | None) -> None:
        """In the server, before its threads start: count, and kill the group at step ``last``."""
        self._put(0)
        is_counting = threading.Event()
        signal.signal(signal.SIGUSR1, lambda *_: is_counting.set())

        def step(*_: object) -> None:
            if is_counting.is_set():
                self._put(self.steps + 1)
                if self.steps == last:
                    os.killpg(0, signal.SIGKILL)

        sys.addaudithook(lambda event, _: step() if event in _FILE_STEPS else None)
        for name in _DATABASE_STEPS:
            sqlalchemy.event.listen(sqlalchemy.Engine, name, step)

    @property
    def steps(self) -> int:
        """Steps so far."""
        return int(struct.unpack("q", self._steps[:8])[0])

    def _put(self, steps: int) -> None:
        self._steps[:8] = struct.pack("q", steps)


def serve(folder: Path, port: int) -> None:
    """Open the installation and serve until killed."""
    import uvicorn

    from qiangji_app.bootstrap import install
    from qiangji_app.config import Settings
    from qiangji_app.storage.passwords import CHEAP
    from qiangji_app.web.app import create_app

    settings = Settings(data_dir=folder / "data", key_dir=folder / "keys")
    app = create_app(install(settings, password_cost=CHEAP), with_pages=False)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def main() -> None:
    """Fork a server for every line."""
    for name in _WARM:
        import_module(name)
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    fate = Fate()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            fate.bind(int(line) if line.strip() else None)
            serve(folder, port)
            os._exit(0)
        _print(child)
        os.waitpid(child, 0)
        _print(fate.steps)


def _print(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
