"""A TCP proxy like a bad line: so many bits a second, and cut again and again."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

_PIECE = 4096
_LINGER = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # SO_LINGER on, 0 s: close with a reset


@dataclass
class SlowProxy:
    """Forwards loopback connections at a limited rate and resets all of them at given volumes.

    Parameters
    ----------
    target_port
        Where to connect to; may change when the server restarts elsewhere.
    bits_per_s
        Rate of each direction, shared by all connections.
    cut_after_bytes
        Volumes (bytes up, counted from the first) at which every open connection is reset.
    """

    target_port: int
    bits_per_s: int = 256_000
    cut_after_bytes: list[int] = field(default_factory=list)
    cuts: int = 0
    up_bytes: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._due = {"up": 0.0, "down": 0.0}
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        """Where browsers connect to."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> SlowProxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def cut(self) -> None:
        """Reset every open connection now."""
        with self._lock:
            broken, self._open = self._open, set()
        self._reset(*broken)

    def _reset(self, *broken: socket.socket) -> None:
        """Both ends learn at once that the connection is gone."""
        for side in broken:
            with suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target_port), timeout=10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            for one, other, way in ((near, far, "up"), (far, near, "down")):
                thread = threading.Thread(target=self._pump, args=(one, other, way), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, one: socket.socket, other: socket.socket, way: str) -> None:
        try:
            while piece := one.recv(_PIECE):
                self._pace(way, len(piece))
                other.sendall(piece)
                if way == "up":
                    self._count(len(piece))
        except OSError:
            self._reset(one, other)
        else:
            with suppress(OSError):
                other.shutdown(socket.SHUT_WR)

    def _pace(self, way: str, size: int) -> None:
        """Wait until the line has carried what was sent before and this."""
        with self._lock:
            begin = max(self._due[way], time.monotonic())
            self._due[way] = begin + size * 8 / self.bits_per_s
            wait = self._due[way] - time.monotonic()
        time.sleep(max(0.0, wait))

    def _count(self, size: int) -> None:
        with self._lock:
            self.up_bytes += size
            is_due = bool(self.cut_after_bytes) and self.up_bytes >= self.cut_after_bytes[0]
            if is_due:
                self.cut_after_bytes.pop(0)
                self.cuts += 1
        if is_due:
            self.cut()
