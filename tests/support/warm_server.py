"""The API over HTTP in a process that starts in a fraction of a second, to be killed often.

``python -m support.warm_server FOLDER PORT`` imports everything once and then, for each line on
stdin, forks a server (without the Gradio pages) that opens the installation in FOLDER as after a
restart, and prints its process id; it leads a process group of its own.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

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
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            serve(folder, port)
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
