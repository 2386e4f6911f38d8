"""Every text that inference can show exists, and the commands are what the root expects."""

from __future__ import annotations

import re
from importlib import resources

import pytest
import typer
from typer.testing import CliRunner

from qiangji_datasets.messages import Catalogue
from qiangji_inference import cli

_KEY = re.compile(r'"((?:cli|engine|evaluate|explain|bundle|probe|report)\.[a-z0-9_]+)"')
_MODULES = (
    *("changes", "cli", "cli_edge", "cli_evaluate", "conformal", "engine", "evaluate", "explain"),
    *(
        "labelled",
        "predict",
        "reading",
        "robustness",
        "scored",
        "sites",
        "slots",
        "subgroups",
        "probe",
        "cli_probe",
    ),
)


def _keys(module: str) -> set[str]:
    source = resources.files("qiangji_inference").joinpath(f"{module}.py").read_text("utf-8")
    return set(_KEY.findall(source))


@pytest.mark.parametrize("module", _MODULES)
def test_every_key_in_the_source_has_a_text(module: str) -> None:
    entries = Catalogue.of("qiangji_models", "qiangji_inference").entries

    assert _keys(module) - entries.keys() == set()


def test_help_names_every_option_of_evaluate() -> None:
    app = typer.Typer()
    app.add_typer(cli.bundle, name="bundle")
    app.command("evaluate")(cli.evaluate)

    shown = CliRunner().invoke(app, ["evaluate", "--help"], env={"COLUMNS": "300"}).output

    for option in ("--bundle", "--labels", "--target", "--where", "--root", "--no-gate", "--json"):
        assert option in shown
