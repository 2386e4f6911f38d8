"""What every use case is given: storage, time, ids, texts; built once by ``bootstrap``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from qiangji_app.domain.account import Session
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import Blobs, Clock, Ids, Passwords, Store
from qiangji_app.rules.installed import InstalledRules
from qiangji_app.services.triage import Outcome
from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import Record


class Cache(Protocol):
    """Decoded recordings, kept for a while."""

    def get(self, key: str) -> Record | None: ...
    def put(self, key: str, record: Record) -> None: ...


class RecordingReader(Protocol):
    """Reads a stored file and runs inference on it."""

    def triage(self, path: Path, *, stated: Mapping[str, object]) -> Outcome:
        """Never raises for a bad file or a failing model: the outcome says so."""
        ...

    def decode(self, path: Path, *, stated: Mapping[str, object]) -> Record:
        """The recording itself, for a viewer; raises InputRejected."""
        ...


@dataclass(frozen=True)
class Context:
    """The ports, bound to one installation.

    ``wake`` tells the background worker that a job was queued; it returns at once.
    ``is_demo`` is true for the demonstration, whose cases and accounts are marked as such.
    ``rules`` gives the rulebook of decision support.
    """

    store: Store
    blobs: Blobs
    clock: Clock
    ids: Ids
    passwords: Passwords
    reader: RecordingReader
    cache: Cache
    catalogue: Catalogue
    wake: Callable[[], None]
    is_demo: bool = False
    rules: InstalledRules = field(default_factory=InstalledRules)


@dataclass(frozen=True)
class Caller:
    """Who calls, in which session and language.

    With ``must_change_password`` the actor has no role: the password was handed over by an
    administrator and must be replaced first.
    """

    actor: Actor
    session: Session
    language: Language
    login: str = ""
    must_change_password: bool = False
