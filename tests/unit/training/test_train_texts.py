"""Whatever the training packages refuse or tell has a Chinese and an English text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qiangji_datasets.messages import Language, asked_language
from qiangji_training.texts import catalogue, text

ROOT = Path(__file__).parents[3]
_KEY = re.compile(r'"(train\.[a-z_0-9]+)"')
SOURCES = sorted(path for path in (ROOT / "training").rglob("*") if path.suffix in (".py", ".html"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_key_of_training_has_texts(path: Path) -> None:
    keys = set(_KEY.findall(path.read_text("utf-8")))

    assert keys - catalogue().entries.keys() == set()


def test_every_text_of_training_is_used() -> None:
    used = {key for path in SOURCES for key in _KEY.findall(path.read_text("utf-8"))}

    assert {key for key in catalogue().entries if key.startswith("train.")} <= used


def test_the_language_is_chinese_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QIANGJI_LANG", raising=False)
    assert asked_language() is Language.ZH
    assert "逐位" in text("train.other_place")

    monkeypatch.setenv("QIANGJI_LANG", "en_GB")
    assert "bit-equal" in text("train.other_place")
