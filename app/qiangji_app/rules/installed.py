"""The rulebook of one installation: what ships, and the layers that were added to it."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from qiangji_app.rules.layers import Rulebook, pack_paths, shipped
from qiangji_app.rules.pack_files import read_pack
from qiangji_app.rules.packs import Pack
from qiangji_datasets.errors import Conflict, InputRejected

#: Where added layers lie inside the data folder.
FOLDER = "rulepacks"
_LOG = logging.getLogger(__name__)


class InstalledRules:
    """Reads the rulebook when it is first asked for, and keeps it.

    Parameters
    ----------
    folder
        Packs of the province, the county, the hospital; it need not exist. None: what ships alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def __call__(self) -> Rulebook:
        """The rulebook; one thread reads it, others wait."""
        with self._lock:
            return self._read[0]

    @property
    def left_out(self) -> tuple[str, ...]:
        """File names of added packs that cannot be used any more; the others answer."""
        with self._lock:
            return self._read[1]

    @cached_property
    def _read(self) -> tuple[Rulebook, tuple[str, ...]]:
        book = shipped()
        added: list[tuple[str, Pack]] = []
        left_out: list[str] = []
        for path in pack_paths(self._folder) if self._folder else ():
            try:
                added.append((path.name, read_pack(path, book.catalogue)))
            except (InputRejected, OSError) as fault:
                left_out.append(_leave_out(path.name, fault))
        for name, pack in sorted(added, key=lambda item: item[1].layer):
            try:
                book = book.with_layer(pack)
            except InputRejected as fault:
                left_out.append(_leave_out(name, fault))
        return book, tuple(left_out)

    def place(self, name: str) -> Path:
        """Where an added pack is kept.

        Raises
        ------
        Conflict
            ``rules.no_folder``: this rulebook is what ships alone.
        """
        if self._folder is None:
            raise Conflict("rules.no_folder")
        return self._folder / name

    def warm_in_background(self) -> threading.Thread:
        """Read and compile in a daemon thread, so that the first patient need not wait."""
        thread = threading.Thread(target=self.warm, name="warm-rules", daemon=True)
        thread.start()
        return thread

    def warm(self) -> None:
        """Read and compile every rule that is on; a faulty one is told when it is asked."""
        book = self()
        for pack in book.packs:
            for rule in pack.rules:
                if rule.is_on:
                    with suppress(InputRejected):
                        book.compiled(rule)


def _leave_out(name: str, fault: Exception) -> str:
    _LOG.error("the rules of %s are left out: %s", name, fault)
    return name
