"""``qiangji probe``: told apart are sites that differ, and only those."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from support.tiny_bundle import TinyBundle, write_bundle
from typer.testing import CliRunner, Result

from qiangji_datasets.records import LEADS
from qiangji_inference.cli import probe

N = 20


def _site(root: Path, name: str, spread_s: float, seed: int) -> None:
    """Recordings whose beats are as wide as ``spread_s`` says."""
    folder = root / name
    folder.mkdir()
    rng = np.random.default_rng(seed)
    at = np.arange(1000) / 100
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "patient", "normal"])
        for number in range(N):
            width = spread_s * rng.uniform(0.8, 1.25)
            beat = np.exp(-(((at % 0.9) - 0.4) ** 2) / (2 * width**2))
            signal = np.outer(rng.uniform(0.5, 1.5, 12), beat) + rng.normal(0, 0.01, (12, 1000))
            head = f"# rate_hz: 100\n# unit: mV\n{','.join(LEADS)}"
            table = folder / f"{number}.csv"
            np.savetxt(table, signal.T, "%.3f", delimiter=",", header=head, comments="")
            writer.writerow([f"{number}.csv", f"P{number}", "1"])


def _run(root: Path, names: tuple[str, ...], *, is_pooled: bool = True) -> Result:
    folder = root / "bundle"
    bundle = folder / "ecg-tiny"
    if not bundle.is_dir():
        write_bundle(folder, TinyBundle(is_pooled=is_pooled))
    sites = "".join(
        f'[[site]]\nname = "{name}"\nlabels = "{name}/labels.csv"\nfile_column = "file"\n'
        f'patient_column = "patient"\nwhere = ["normal=1"]\n'
        for name in names
    )
    (root / "sites.toml").write_text(sites, "utf-8")
    app = typer.Typer()
    app.command("probe")(probe)
    app.command("other")(lambda: None)
    options = ["--bundle", bundle, "--sites", root / "sites.toml", "--json", root / "out.json"]
    return CliRunner().invoke(app, ["probe", *map(str, options)], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sites A and B alike, C with wider beats."""
    folder = tmp_path_factory.mktemp("sites")
    for number, (name, spread_s) in enumerate({"A": 0.02, "B": 0.02, "C": 0.12}.items()):
        _site(folder, name, spread_s, number)
    return folder


def test_a_site_with_other_devices_is_told_apart(root: Path) -> None:
    result = _run(root, ("A", "C"))

    assert result.exit_code == 0, result.output
    found = json.loads((root / "out.json").read_text("utf-8"))
    assert found["n"] == {"A": N, "C": N}
    assert [site["site"] for site in found["sites"]] == ["A"]
    assert found["sites"][0]["auc"]["value"] > 0.85
    assert "认出 A" in result.output


def test_sites_alike_are_not_told_apart(root: Path) -> None:
    result = _run(root, ("A", "B"))

    assert result.exit_code == 0, result.output
    (site,) = json.loads((root / "out.json").read_text("utf-8"))["sites"]
    assert site["auc"]["low"] < 0.6


def test_a_bundle_without_features_and_a_single_site_are_refused(
    root: Path, tmp_path: Path
) -> None:
    alone = _run(root, ("A",))
    (tmp_path / "A").symlink_to(root / "A")
    (tmp_path / "C").symlink_to(root / "C")
    older = _run(tmp_path, ("A", "C"), is_pooled=False)

    assert (alone.exit_code, older.exit_code) == (2, 1)
    assert "至少两家医院" in alone.output
    assert "Traceback" not in alone.output + older.output
