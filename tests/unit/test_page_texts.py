"""Every text a page asks for exists, and none is kept that no page asks for."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

PACKAGE = resources.files("qiangji_app")
#: Keys that are built from a code: the part before the code.
BUILT = re.compile(r"`(ui\.[a-z_.]+)\$|known\(\"(ui\.[a-z_.]+)\"|choice\([^)]*\"(ui\.[a-z_.]+)\"")
PLAIN = re.compile(r"[\"'](ui\.[A-Za-z_.]+)[\"']")


def sources() -> str:
    files = [
        *PACKAGE.joinpath("static").iterdir(),
        *PACKAGE.joinpath("templates").iterdir(),
        *PACKAGE.joinpath("web/pages").iterdir(),
    ]
    wanted = (".js", ".html", ".py")
    return "\n".join(file.read_text("utf-8") for file in files if file.name.endswith(wanted))


def keys() -> set[str]:
    files = (
        PACKAGE.joinpath("locale", f"{name}.toml")
        for name in (
            "pages",
            "reading",
            "administration",
            "decision",
            "recognition",
            "referral",
            "visit_pages",
        )
    )
    found = [key for file in files for key in tomllib.loads(file.read_text("utf-8"))]
    return {key for key in found if key.startswith("ui.")}


def event_types() -> set[str]:
    """Types that the services and the storage append, wherever they are spelt out."""
    folders = [PACKAGE.joinpath(name) for name in ("services", "storage")]
    code = "\n".join(
        file.read_text("utf-8")
        for folder in folders
        for file in folder.iterdir()
        if file.name.endswith(".py")
    )
    known = (
        "account|alarm|audit|call|case|decision|finding|follow_up|map|message|recognition"
        "|recording|referral|report|result|session|site|visit|advice|register|plan|disease_report"
    )
    spelt = re.findall(
        rf'(?:type=|kind = |if is_active else |_SEEN: Final = )"((?:{known})[.][a-z_]+)"', code
    )
    return set(spelt)


def test_every_event_has_words() -> None:
    texts = {
        key
        for name in ("administration", "decision", "recognition", "referral", "visits", "words")
        for key in tomllib.loads(PACKAGE.joinpath(f"locale/{name}.toml").read_text("utf-8"))
    }

    assert {f"event.{kind}" for kind in event_types()} - texts == set()
    assert len(event_types()) > 30


def prefixes(text: str) -> set[str]:
    groups = [next(part for part in found if part) for found in BUILT.findall(text)]
    return {group.rstrip(".") for group in groups} | {"ui.kind", "ui.sex", "ui.requested"}


def test_every_text_that_a_page_asks_for_exists() -> None:
    text = sources()

    missing = set(PLAIN.findall(text)) - keys() - prefixes(text)

    assert missing == set()


def test_no_text_is_kept_that_no_page_asks_for() -> None:
    text = sources()
    used = set(PLAIN.findall(text))
    built = tuple(prefixes(text))

    unused = {key for key in keys() if key not in used and not key.startswith(built)}

    assert unused == set()
