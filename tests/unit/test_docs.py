"""The documents against the code: what exists is described, what is described exists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from qiangji_app import cli
from qiangji_app.config import Settings
from qiangji_app.demo.county import PASSWORD, county
from qiangji_app.domain.case import TriageStatus, Verdict
from qiangji_app.domain.referral_workflow import ReferralState
from qiangji_app.domain.roles import Role
from qiangji_app.domain.workflow import State
from qiangji_app.web.app import _ROUTERS
from qiangji_datasets.formats import DEFAULT
from qiangji_datasets.formats.charset import _MULTI, _SINGLE
from qiangji_datasets.formats.dicom_file import _SYNTAXES
from qiangji_datasets.formats.dicom_kinds import _REFUSED, ECG_CLASSES
from qiangji_datasets.formats.sniffing import KNOWN_ECG, READABLE
from qiangji_datasets.formats.wfdb_ecg import _BYTES
from qiangji_datasets.labels import UrgencyLevel
from qiangji_inference.results import Flag

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_READMES = ("README.md", "README.zh-CN.md")
_PAGES = sorted([*_ROOT.glob("*.md"), *_DOCS.rglob("*.md"), _ROOT / "models" / "README.md"])
_LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
_ADR_PARTS = ["## Status", "## Context", "## Decision", "## Consequences"]


def _text(*parts: str) -> str:
    return _ROOT.joinpath(*parts).read_text("utf-8")


def _rows(text: str) -> list[list[str]]:
    """Cells of all table rows, without the code marks."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_every_setting_is_described_with_its_default() -> None:
    described = {row[0]: row[1] for row in _rows(_text("docs", "deploy.md"))}

    for name, field in Settings.model_fields.items():
        default = {None: "none", "": "empty"}.get(field.default, str(field.default))
        assert described.get(f"QIANGJI_{name.upper()}") == default, name


def test_no_setting_is_described_that_does_not_exist() -> None:
    known = {f"QIANGJI_{name.upper()}" for name in Settings.model_fields}

    for page in _PAGES:
        named = set(re.findall(r"QIANGJI_[A-Z_]+", page.read_text("utf-8")))
        assert named <= known | {"QIANGJI_SHARED_DATA"}, page.name


def _commands(command: object, path: str) -> Iterator[str]:
    children: dict[str, object] = getattr(command, "commands", {})
    if not children:
        yield path
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}")


def test_every_command_is_described() -> None:
    described = {row[0] for row in _rows(_text("docs", "deploy.md"))}
    cli._register("")

    found = set(_commands(get_command(cli.app), "qiangji"))

    assert isinstance(cli.app, typer.Typer)
    assert {"qiangji serve", "qiangji bundle verify", "qiangji audit verify"} <= found
    assert found <= described


def test_routes_of_the_api_and_their_description_agree() -> None:
    described = {
        (row[0], row[1])
        for row in _rows(_text("docs", "rest-api.md"))
        if row[1].startswith("/api/v1")
    }

    found = {
        (method, f"/api/v1{route.path}")
        for module in _ROUTERS
        for route in module.router.routes
        for method in route.methods
    }

    assert found == described


def test_every_kind_of_dicom_object_is_in_the_conformance_table() -> None:
    text = _text("docs", "conformance.md")

    missing = [uid for uid in ECG_CLASSES if f"`{uid}`" not in text]
    missing += [code for _, code in _REFUSED if f"`{code}`" not in text]

    assert missing == []


def test_every_transfer_syntax_character_set_and_format_is_in_the_conformance_table() -> None:
    text = _text("docs", "conformance.md")
    pictures_and_files = {"dicom": "| DICOM |", "wfdb": "| WFDB |", "csv": "| CSV |"}

    missing = [uid for uid in _SYNTAXES if f"`{uid}`" not in text]
    missing += [term for term in (*filter(None, _SINGLE), *_MULTI) if f"`{term}`" not in text]
    missing += [name for name in KNOWN_ECG if f"(`{name}`)" not in text]
    missing += [
        name for name in READABLE if pictures_and_files.get(name, f"| {name.upper()} |") not in text
    ]
    missing += [str(number) for number in _BYTES if not re.search(rf"\b{number}\b", text)]

    assert missing == []


def test_limits_of_input_are_stated_as_they_are() -> None:
    text = _text("docs", "conformance.md")

    for stated in (
        f"| file | {DEFAULT.file_bytes >> 20} MiB",
        f"| picture | {DEFAULT.pixels // 10**6} million pixels, {DEFAULT.side:,} a side |",
        f"| nesting of sequences | {DEFAULT.depth} |",
        f"| elements, items and fragments | {DEFAULT.elements:,} |",
        f"| ECG channels | {DEFAULT.waveform_channels} |",
        f"| ECG samples a channel | {DEFAULT.waveform_samples:,} |",
    ):
        assert stated in text


@pytest.mark.parametrize("words", [State, ReferralState, TriageStatus, Role, Verdict, Flag])
def test_every_word_of_the_workflow_is_in_the_glossary(words: type[State]) -> None:
    text = _text("GLOSSARY.md")

    assert [word.value for word in words if not re.search(rf"\b{word.value}\b", text)] == []


def test_every_level_of_urgency_is_in_the_glossary_in_order() -> None:
    text = _text("GLOSSARY.md")
    line = next(line for line in text.splitlines() if line.startswith("Urgency, lowest first"))

    assert re.findall(r"`(\w+)`", line) == [level.name.lower() for level in sorted(UrgencyLevel)]


@pytest.mark.parametrize("readme", _READMES)
def test_accounts_named_for_the_tour_exist(readme: str) -> None:
    text = _text(readme)

    assert PASSWORD in text
    for row in county()["accounts"]:
        assert f"`{row['login']}`" in text, row["login"]


def test_both_readmes_give_the_same_commands_pictures_and_links() -> None:
    def content(name: str) -> tuple[list[str], list[str]]:
        text = _text(name)
        blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
        commands = [re.sub(r"\s*(#|…).*", "", line) for part in blocks for line in part.split("\n")]
        links = [link for _, link in _LINK.findall(text) if link not in _READMES]
        return commands, sorted(set(links))

    assert content(_READMES[0]) == content(_READMES[1])


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.relative_to(_ROOT).as_posix())
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    """Pictures are left out: the tests of the pages make them."""
    broken = [
        target
        for mark, target in _LINK.findall(page.read_text("utf-8"))
        if not mark and "://" not in target and not (page.parent / target).exists()
    ]

    assert broken == []


def test_each_release_begins_with_clinical_behaviour_and_the_newest_is_ours() -> None:
    text = _text("CHANGELOG.md")
    version = tomllib.loads(_text("pyproject.toml"))["project"]["version"]

    releases = re.findall(r"^## \[([^\]]+)\].*\n\n### (.+)$", text, re.MULTILINE)

    assert len(releases) == text.count("\n## [")
    assert {heading for _, heading in releases} == {"Clinical behaviour"}
    assert version in [name for name, _ in releases][:2]


def test_decision_records_are_short_numbered_and_listed() -> None:
    overview = _text("docs", "architecture.md")
    records = sorted((_DOCS / "adr").glob("*.md"))

    for number, record in enumerate(records, start=1):
        text = record.read_text("utf-8")
        assert text.startswith(f"# {number}. "), record.name
        assert record.name.startswith(f"{number:04d}-")
        assert [line for line in text.splitlines() if line.startswith("## ")] == _ADR_PARTS
        assert len(text.splitlines()) <= 20
        assert f"adr/{record.name}" in overview


@pytest.mark.parametrize("page", [*_READMES, "docs/intended-use.md"])
def test_pages_for_users_say_that_it_is_no_medical_device(page: str) -> None:
    text = _text(page)

    assert "not a registered medical device" in text or "不是注册医疗器械" in text
