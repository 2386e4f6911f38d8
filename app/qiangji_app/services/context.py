"""What every use case is given: storage, time, ids, texts; built once by ``bootstrap``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qiangji_app.domain.account import Session
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import Blobs, Clock, Ids, Passwords, RecordingReader, Store
from qiangji_datasets.messages import Catalogue, Language


@dataclass(frozen=True)
class Context:
    """The ports, bound to one installation.

    ``wake`` tells the background worker that a job was queued; it returns at once.
    ``site_zone`` names the zone used for display where a site has none of its own.
    """

    store: Store
    blobs: Blobs
    clock: Clock
    ids: Ids
    passwords: Passwords
    reader: RecordingReader
    catalogue: Catalogue
    wake: Callable[[], None]
    is_demo: bool = False


@dataclass(frozen=True)
class Caller:
    """Who calls, in which session and language."""

    actor: Actor
    session: Session
    language: Language
