"""An HTTP server of a few files in memory, with ranges and with faults to order."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Files:
    """What is served and how badly; ``ranges`` lists the Range header of every request."""

    content: dict[str, bytes]
    has_ranges: bool = True
    has_tags: bool = True
    #: Close the connection after so many bytes of a body, once an entry.
    breaks: list[int] = field(default_factory=list)
    #: Answer with these states first, once an entry.
    states: list[int] = field(default_factory=list)
    ranges: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve(content: dict[str, bytes]) -> Iterator[Files]:
    """Serve on a free port of this machine."""
    files = Files(content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(self, files)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: test output stays readable."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    files.url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, files: Files) -> None:
    name = handler.path.lstrip("/")
    wanted = handler.headers.get("Range", "")
    files.ranges.append((name, wanted))
    body = files.content.get(name)
    state = files.states.pop(0) if files.states else 404 if body is None else 200
    if state != 200 or body is None:
        _send(handler, state, b"", {})
        return
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag} if files.has_tags else {}
    start = re.fullmatch(r"bytes=(\d+)-", wanted)
    is_same = handler.headers.get("If-Range", tag) == tag
    if start is None or not files.has_ranges or not is_same:
        _send(handler, 200, body, headers, files.breaks)
        return
    first = int(start[1])
    if first >= len(body):
        _send(handler, 416, b"", {"Content-Range": f"bytes */{len(body)}"})
        return
    headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
    _send(handler, 206, body[first:], headers, files.breaks)


def _send(
    handler: BaseHTTPRequestHandler,
    state: int,
    body: bytes,
    headers: dict[str, str],
    breaks: list[int] | None = None,
) -> None:
    handler.send_response(state)
    for key, value in headers.items():
        handler.send_header(key, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if breaks:
        handler.wfile.write(body[: breaks.pop(0)])
        handler.wfile.flush()
        handler.close_connection = True
    else:
        handler.wfile.write(body)
