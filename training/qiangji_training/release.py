"""Version and changelog of a bundle: neither may stand still when the content moves."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from qiangji_datasets.errors import InputRejected
from qiangji_models.bundle import METADATA
from qiangji_training.onnx_file import graph_bytes

_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)")
#: Facts of the export, not of the bundle: they change with the machine and the day.
_NOT_CONTENT: Final = frozenset({"files", "run", "checks"})
_STAMPS: Final = frozenset({"id", "date"})
_MODEL_TEXTS: Final = ("task", "description", "data_source", "references", "label_classes")


def new_version(changelog: Mapping[str, str], trained: str) -> str:
    """The bundle's version: the newest entry of its changelog.

    Parameters
    ----------
    changelog
        What changed, by version.
    trained
        Version in the run's configuration; a newer entry exports the same run again.

    Raises
    ------
    InputRejected
        A version is not ``1.2.3``, or the trained one has no entry.
    """
    newest = max(changelog, key=_numbers, default="")
    if not changelog.get(trained, "").strip() or not changelog[newest].strip():
        raise InputRejected("train.changelog_missing", version=trained)
    return newest


def whole_changelog(earlier: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str]:
    """Entries of the bundle before and of the new texts, newest first; no earlier one is lost."""
    both = {**earlier, **texts}
    return {version: both[version] for version in sorted(both, key=_numbers, reverse=True)}


def read_metadata(folder: Path) -> dict[str, Any]:  # Any: JSON
    """Metadata of an exported bundle; empty where there is none."""
    path = folder / METADATA
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def check_release(before: Path, after: Path) -> None:
    """Refuse other content under a version that was already given out.

    Parameters
    ----------
    before
        Folder of the bundle to be replaced; it need not exist.
    after
        Folder of the new bundle.

    Raises
    ------
    InputRejected
        The content differs and the version is not greater.
    """
    old, new = read_metadata(before), read_metadata(after)
    if not old or _numbers(new["version"]) > _numbers(old["version"]):
        return
    if new["version"] == old["version"] and content_hash(before) == content_hash(after):
        return
    raise InputRejected(
        "train.version_stands",
        bundle=new["qiangji"]["name"],
        version=new["version"],
        before=old["version"],
    )


def content_hash(folder: Path) -> str:
    """Hash over all that a reading depends on or a reader is told; dates and timings left out."""
    metadata = read_metadata(folder)
    ours = metadata["qiangji"]
    content = {
        "ours": _plain({key: value for key, value in ours.items() if key not in _NOT_CONTENT}),
        "texts": {key: metadata.get(key) for key in _MODEL_TEXTS},
        "networks": {
            name: hashlib.sha256(graph_bytes(folder / file)).hexdigest()
            for name, file in ours["models"].items()
        },
        "files": {
            name: digest
            for name, digest in ours["files"].items()
            if not name.endswith((".onnx", ".md"))
        },
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:  # Any: JSON
    """The same without ids and dates, which carry the day of the export."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in _STAMPS}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _numbers(version: str) -> tuple[int, ...]:
    found = _VERSION.fullmatch(version)
    if found is None:
        raise InputRejected("train.version_form", version=version)
    return tuple(int(part) for part in found.groups())
