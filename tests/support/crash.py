"""Real processes that are killed at random moments."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

#: Imported once in the server, from the installed package: its path lacks the tests' folder.
_WARM = ("qiangji_app.storage.store", "qiangji_app.storage.blobs", "sqlalchemy.dialects.sqlite")


class Victim(Protocol):
    """A process that runs and has said that it is ready."""

    @property
    def pid(self) -> int: ...

    def wait(self, timeout_s: float | None) -> None:
        """Return when it ended, or after the time."""
        ...


def kill_at_random(
    start: Callable[[], Victim], *, kills: int, window_s: float, rng: random.Random
) -> None:
    """Start the process so many times, and kill -9 it each time within the window."""
    for _ in range(kills):
        victim = start()
        victim.wait(rng.uniform(0, window_s))
        with suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
        victim.wait(None)


@dataclass(frozen=True)
class CommandVictim:
    """A command that prints a line when it is ready."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, command: Sequence[str]) -> CommandVictim:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError(f"ended before it was ready: {command}")
        return cls(process)

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait(self, timeout_s: float | None) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout_s)
        if timeout_s is None and self.process.stdout is not None:
            self.process.stdout.close()


@dataclass(frozen=True)
class ForkedVictim:
    """A function in a process of its own, forked from a warm server: starts in milliseconds."""

    process: multiprocessing.process.BaseProcess

    @classmethod
    def start(cls, target: Callable[..., None], *arguments: object) -> ForkedVictim:
        """``target`` gets an event to set when it is ready, behind its arguments."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(_WARM))
        ready = context.Event()
        process = context.Process(target=target, args=(*arguments, ready))
        process.start()
        ready.wait()
        return cls(process)

    @property
    def pid(self) -> int:
        if self.process.pid is None:
            raise RuntimeError("not started")
        return self.process.pid

    def wait(self, timeout_s: float | None) -> None:
        self.process.join(timeout_s)
