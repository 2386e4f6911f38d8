"""Imports Gradio without the type stubs that it would write into its own folder."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_stub_files() -> Iterator[None]:
    """Within, Gradio's components are imported without parsing and rewriting their ``.pyi`` files.

    For every component class ``gradio.component_meta`` parses the class's whole source file twice
    to keep an editor's stub file beside it up to date: more than half of the time of the import,
    and a write into the installed package. It leaves that out for a class whose file cannot be
    found, which is what it is told here. Used once, at start, before other threads run.
    """
    find = inspect.getfile

    def getfile(target: Any) -> str:  # Any: as in the standard library
        if inspect.isclass(target) and target.__module__.startswith("gradio."):
            raise OSError("stub files are not wanted")
        return find(target)

    inspect.getfile = getfile  # type: ignore[assignment]  # narrower names, same use
    try:
        yield
    finally:
        inspect.getfile = find
