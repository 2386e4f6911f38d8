"""The rulebook of one installation: what ships, and the layers that were added to it."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path

from qiangji_app.rules.layers import Rulebook, read_packs, shipped
from qiangji_datasets.errors import Conflict

#: Where added layers lie inside the data folder.
FOLDER = "rulepacks"


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
        """The rulebook; one thread reads it, others wait.

        Raises
        ------
        InputRejected
            An added pack was damaged since it was added.
        """
        with self._lock:
            return self._book

    @cached_property
    def _book(self) -> Rulebook:
        book = shipped()
        added = read_packs(self._folder, book.catalogue) if self._folder else ()
        for pack in sorted(added, key=lambda item: item.layer):
            book = book.with_layer(pack)
        return book

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
        """Read and compile every rule that is on."""
        book = self()
        for pack in book.packs:
            for rule in pack.rules:
                if rule.is_on:
                    book.compiled(rule)
