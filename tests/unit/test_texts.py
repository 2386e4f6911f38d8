"""Every message key used anywhere has a Chinese and an English text; every error has a row."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from qiangji_app.bootstrap import CATALOGUE_PACKAGES, catalogue
from qiangji_app.domain.case import TriageStatus
from qiangji_app.domain.workflow import State
from qiangji_app.errors import MAPPINGS, mapping_of
from qiangji_app.services.review import RETURN_REASONS
from qiangji_datasets.errors import QiangjiError
from qiangji_datasets.labels import labels
from qiangji_datasets.messages import Catalogue, Language, MissingText

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for floor in ("datasets", "models", "inference", "app")
    for path in (ROOT / floor).rglob("*.py")
    if "migrations" not in path.parts
)
ERRORS = {kind.__name__ for kind in MAPPINGS} | {
    "Notice",
    "SignedOut",
    "PdfUnavailable",
    "UrgencyReason",
    "Statement",
}
TEXTS = catalogue()


def raised_key(node: ast.Call) -> str:
    """The literal first argument of one of our errors and notices, else empty."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    first = node.args[0] if node.args else None
    if name in ERRORS and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return ""


def event_types(node: ast.Call) -> set[str]:
    """The literal type of an event that this call appends."""
    is_append = isinstance(node.func, ast.Attribute) and node.func.attr == "append"
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if not (is_append and isinstance(owner, ast.Attribute) and owner.attr == "events"):
        return set()
    return {
        str(word.value.value)
        for word in node.keywords
        if word.arg == "type" and isinstance(word.value, ast.Constant)
    }


@cache
def found_in(path: Path) -> tuple[tuple[tuple[int, str], ...], frozenset[str]]:
    """Keys raised (line, key) and types of events in one source file, parsed once."""
    tree = ast.parse(path.read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    keys = tuple((node.lineno, key) for node in calls if (key := raised_key(node)))
    return keys, frozenset().union(*(event_types(node) for node in calls))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_key_that_is_raised_has_texts(path: Path) -> None:
    missing = [f"{line}: {key}" for line, key in found_in(path)[0] if key not in TEXTS.entries]

    assert missing == []


def test_every_state_flag_status_and_reason_has_words() -> None:
    keys = [f"state.{state.value}" for state in State]
    keys += [f"flag.{flag}" for flag in ("none", "possible", "likely")]
    keys += [f"ai.status_{status.value}" for status in TriageStatus]
    keys += [f"return.{reason}" for reason in RETURN_REASONS]
    keys += [
        f"urgency.triage_{status.value}"
        for status in TriageStatus
        if status is not TriageStatus.DONE
    ]

    assert [key for key in keys if key not in TEXTS.entries] == []


def test_every_event_type_has_words() -> None:
    types = {kind for path in SOURCES for kind in found_in(path)[1]}
    of_cases = {kind for kind in types if not kind.startswith(("session.", "account.", "site."))}

    assert of_cases
    assert sorted(kind for kind in of_cases if f"event.{kind}" not in TEXTS.entries) == []


def test_no_text_promises_normality_or_low_risk() -> None:
    """An unremarkable AI reading is told as "no critical sign", never as normal or low risk."""
    for key in ("ai.no_alarm", "ai.status_done"):
        words = TEXTS.text(key, Language.ZH)
        assert "正常" not in words
        assert "低风险" not in words


def test_every_package_reads_its_texts_without_a_clash() -> None:
    assert len(Catalogue.of(*CATALOGUE_PACKAGES).entries) > 100


def test_an_unknown_key_is_an_error_and_an_unknown_value_stays_visible() -> None:
    with pytest.raises(MissingText):
        TEXTS.text("no.such.key", Language.ZH)
    assert "{minutes}" in TEXTS.text("session.locked", Language.EN)
    assert TEXTS.advice("session.locked", Language.EN) == ""


def subclasses(kind: type[QiangjiError]) -> Iterator[type[QiangjiError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_class_maps_to_http_dicom_and_exit_code() -> None:
    for kind in subclasses(QiangjiError):
        row = mapping_of(kind("some.code"))
        assert 400 <= row.http < 600
        assert row.exit_code > 1 or row.exit_code == 2
        assert 0 < row.dicom_status <= 0xFFFF


def test_labels_have_names_codes_or_a_reason_for_none() -> None:
    for item in labels().values():
        assert item.zh
        assert item.en
        assert (item.code is None) == bool(item.code_absent_reason)


@pytest.mark.parametrize("key", ["file.not_supported", "file.ecg_not_supported"])
@pytest.mark.parametrize("language", list(Language))
def test_a_refused_file_is_told_in_words_and_sent_to_what_the_page_takes(
    key: str, language: Language
) -> None:
    told = TEXTS.text(key, language, format="zip")

    takes = TEXTS.text("ui.capture.drop_kinds", language)
    assert "(zip)" not in told
    assert all(kind in takes for kind in ("DICOM", "CSV", "PNG", "JPEG") if kind in told)
    assert "WFDB" not in told
