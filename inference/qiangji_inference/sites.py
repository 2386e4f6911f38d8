"""Several labelled sets in one TOML file, each with its own columns: sites to compare.

::

    [[site]]
    name = "A"
    labels = "a/labels.csv"          # from the TOML file's folder
    file_column = "file"             # or file_template = "data/{record_id}"
    targets = ["tb=TB"]              # as --target
    where = ["split=test"]           # as --where; may be left out
    age_column = "age"               # likewise sex_column, view_column, patient_column
    root = "a"                       # where paths start; the table's folder when left out
    is_home = true                   # recordings of this site trained the bundle
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qiangji_datasets.errors import InputRejected
from qiangji_inference.labelled import Columns, LabelledSet, Target, Where

_TEXTS: Final = (
    "name",
    "labels",
    "file_column",
    "file_template",
    "age_column",
    "sex_column",
    "view_column",
    "patient_column",
    "root",
)
_LISTS: Final = ("targets", "where")
_KNOWN: Final = {*_TEXTS, *_LISTS, "is_home"}


@dataclass(frozen=True)
class Site:
    """One site's labelled set; ``is_home`` where it trained the bundle."""

    labelled: LabelledSet
    is_home: bool

    @property
    def name(self) -> str:
        """As reports call it."""
        return self.labelled.site


def read_sites(path: Path) -> tuple[Site, ...]:
    """Sites of a TOML file, in its order.

    Raises
    ------
    InputRejected
        Not TOML, no site, a key unknown, missing or of another type, or a name used twice.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputRejected("evaluate.sites_unreadable", file=path.name) from error
    rows = table.get("site")
    if not isinstance(rows, list) or not rows or set(table) != {"site"}:
        raise InputRejected("evaluate.sites_unreadable", file=path.name)
    sites = tuple(_site(row, path.parent) for row in rows)
    names = [site.name for site in sites]
    for name in names:
        if names.count(name) > 1:
            raise InputRejected("evaluate.site_twice", name=name)
    return sites


def _site(row: Mapping[str, Any], folder: Path) -> Site:  # Any: TOML values
    for key in row:
        if key not in _KNOWN:
            raise InputRejected("evaluate.sites_key", key=key)
    if not isinstance(row.get("is_home", False), bool):
        raise InputRejected("evaluate.sites_key", key="is_home")
    texts = {key: _text(row, key) for key in _TEXTS}
    lists = {key: _list(row, key) for key in _LISTS}
    if not texts["name"] or not texts["labels"]:
        raise InputRejected("evaluate.sites_key", key="name, labels")
    if bool(texts["file_column"]) == bool(texts["file_template"]):
        raise InputRejected("evaluate.file_form")
    table = folder / texts["labels"]
    labelled = LabelledSet(
        table=table,
        root=folder / texts["root"] if texts["root"] else table.parent,
        columns=Columns(
            file=texts["file_column"],
            template=texts["file_template"],
            age=texts["age_column"],
            sex=texts["sex_column"],
            view=texts["view_column"],
            group=texts["patient_column"],
        ),
        targets=[Target.parse(text) for text in lists["targets"]],
        where=[Where.parse(text) for text in lists["where"]],
        site=texts["name"],
    )
    return Site(labelled, bool(row.get("is_home", False)))


def _text(row: Mapping[str, Any], key: str) -> str:  # Any: TOML values
    value = row.get(key, "")
    if not isinstance(value, str):
        raise InputRejected("evaluate.sites_key", key=key)
    return value


def _list(row: Mapping[str, Any], key: str) -> list[str]:  # Any: TOML values
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputRejected("evaluate.sites_key", key=key)
    return value
