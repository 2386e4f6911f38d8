"""Which commands are offered, and what is said where an extra is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from qiangji_app import cli
from qiangji_datasets.errors import NotFound
from qiangji_datasets.messages import Catalogue


def _missing(name: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize("name", ["torch", "torch.nn", "monai", "onnx"])
def test_a_command_without_its_training_extra_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    group = typer.Typer()
    group.command("other")(lambda: None)
    monkeypatch.setattr(cli, "app", group)

    def load() -> object:
        raise _missing(name)

    cli._add("train", load)
    with pytest.raises(NotFound) as refused:
        group(["train", "recipe.toml", "--out", "runs"], standalone_mode=False)

    words = Catalogue.of("qiangji_app").entries[refused.value.code]
    assert "pip install" in words["zh"]
    assert "[train]" in words["en"]


@pytest.mark.parametrize("name", ["cli", "account_cli", "audit_cli", "triage_cli", "server"])
def test_no_command_carries_words_of_its_own(name: str) -> None:
    source = Path(cli.__file__).with_name(f"{name}.py").read_text("utf-8")

    assert re.findall("[\u3400-\u9fff]+", source) in ([], ["强基"])


@pytest.mark.parametrize("name", ["numpy", "qiangji_training.task", "torchvision", ""])
def test_any_other_missing_module_is_a_fault(name: str) -> None:
    def load() -> object:
        raise _missing(name)

    with pytest.raises(ModuleNotFoundError):
        cli._add("train", load)
