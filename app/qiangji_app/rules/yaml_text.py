"""Reading of YAML written by people: no surprise booleans, no aliases, no double keys, no tags."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from qiangji_datasets.errors import InputRejected

#: A rule file larger than this is no rule file.
MAX_BYTES: Final = 2_000_000

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # Any: C class, not in the stubs


class _Loader(_Base):  # type: ignore[misc]  # base chosen at run time
    """YAML 1.2 booleans only: ``on``, ``off``, ``yes`` and ``no`` are words here."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if tag != "tag:yaml.org,2002:bool"]
    for first, rows in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[object, object]:  # Any: as above
    found: dict[object, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.MarkedYAMLError(problem="key is not text", problem_mark=key_node.start_mark)
        if key in found:
            raise yaml.MarkedYAMLError(problem="key twice", problem_mark=key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(path: Path) -> Any:  # Any: YAML
    """The content of a file.

    Raises
    ------
    InputRejected
        Not readable as YAML, too large, an alias, a tag, or a key that stands twice.
    """
    raw = path.read_bytes()
    if len(raw) > MAX_BYTES:
        raise InputRejected("rules.file_too_large", file=path.name, limit_mb=MAX_BYTES // 1_000_000)
    try:
        return parse(raw.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InputRejected(
            "rules.file_unreadable",
            file=path.name,
            line=mark.line + 1 if mark else 0,
            reason=str(getattr(error, "problem", None) or error)[:200],
        ) from error


def parse(text: str) -> Any:  # Any: YAML
    """The content of YAML text; aliases are refused, since a few lines of them fill the memory."""
    loader = _Loader(text)
    try:
        for event in _events(text):
            if isinstance(event, yaml.AliasEvent):
                raise yaml.YAMLError("alias")
        return loader.get_single_data()
    finally:
        loader.dispose()


def _events(text: str) -> Any:  # Any: generator of the library
    # Anchors are written with "&"; without one there can be no alias, and no second pass is needed.
    return yaml.parse(text, Loader=_Loader) if "*" in text and "&" in text else ()
