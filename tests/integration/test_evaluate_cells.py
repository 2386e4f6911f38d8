"""Cells through the commands: a bundle measured on a labelled folder, pictures read one by one."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from support.server_process import COMMAND
from support.tiny_bundle import TinyBundle, write_bundle
from typer.testing import CliRunner, Result

from qiangji_app.reader import LocalReader
from qiangji_datasets.formats.pool import ReaderPool
from qiangji_datasets.records import CellImage, Modality
from qiangji_inference.cli import evaluate
from qiangji_inference.engine import Engine
from qiangji_inference.labelled import Columns, LabelledSet, Target, read_labelled
from qiangji_inference.rehearsal import made_up
from qiangji_inference.scored import record_of

Json = dict[str, Any]  # Any: JSON


def _evaluate(folder: Path, *more: str | Path) -> Result:
    app = typer.Typer()
    app.command("evaluate")(evaluate)
    made = folder / "pap-tiny"
    bundle = made if made.is_dir() else write_bundle(folder, TinyBundle(Modality.PAP, "pap-tiny"))
    asked = ("--bundle", bundle, "--labels", folder / "labels.csv", "--file-column", "file", *more)
    return CliRunner().invoke(app, [str(item) for item in asked], env={"COLUMNS": "200"})


def _save(path: Path, *, is_large: bool = False, is_grey: bool = False) -> None:
    """A cell; a large nucleus gives the tiny network a lower number than a small one."""
    cell = made_up(Modality.PAP)
    assert isinstance(cell, CellImage)
    pixels = cell.pixels[25:75, 25:75] if is_large else cell.pixels
    if is_grey:
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    size = (100, 100)
    Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight cells in two sizes and three kinds of file, and a grey one."""
    rows = [("file", "abnormal", "age")]
    for number in range(8):
        name = f"{number}.{('png', 'bmp', 'png', 'bmp')[number % 4]}"
        _save(tmp_path / name, is_large=number >= 4)
        rows.append((name, str(int(number < 4)), "40"))
    _save(tmp_path / "grey.png", is_grey=True)
    rows.append(("grey.png", "1", "40"))
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return tmp_path


def test_a_bundle_for_cells_is_measured_on_a_labelled_folder(folder: Path) -> None:
    out = folder / "out.json"

    done = _evaluate(
        folder, "--target", "cell_abnormal=abnormal", "--age-column", "age", "--json", out
    )

    assert done.exit_code == 0, done.output
    found: Json = json.loads(out.read_text("utf-8"))
    assert found["n"] == 8
    assert found["skipped"] == [{"code": "cell.grey", "n": 1}]
    target = found["targets"]["cell_abnormal"]
    assert (target["n_pos"], target["n_neg"]) == (4, 4)
    assert target["auc"]["value"] in (0.0, 1.0)


def test_without_ages_nothing_is_read_until_that_is_allowed(folder: Path) -> None:
    target = ("--target", "cell_abnormal=abnormal")

    assert _evaluate(folder, *target).exit_code == 2
    assert _evaluate(folder, *target, "--allow-missing-age").exit_code == 0


def test_a_label_of_films_is_not_asked_of_cells(folder: Path) -> None:
    done = _evaluate(folder, "--target", "effusion=abnormal", "--allow-missing-age")

    assert done.exit_code == 2
    assert "effusion" in done.output


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Lines of the installed command for a good cell, a grey one, a hostile one and an ECG."""
    folder = tmp_path_factory.mktemp("cells")
    _save(folder / "a_cell.bmp")
    _save(folder / "b_grey.png", is_grey=True)
    (folder / "c_cut.png").write_bytes((folder / "b_grey.png").read_bytes()[:200])
    done = subprocess.run(
        [*COMMAND, "triage", str(folder), "--modality", "pap", "--age", "40", "--sex", "F"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "QIANGJI_LANG": "zh"},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_triage_takes_a_picture_as_a_cell_when_told(read: list[Json]) -> None:
    assert [line["modality"] for line in read] == ["pap", "pap", None]
    assert [line["quality"][0]["code"] for line in read[:2]] == ["cell.stated"] * 2


def test_triage_refuses_what_is_no_stained_cell_with_reason_and_advice(read: list[Json]) -> None:
    grey, cut = read[1:]

    assert (grey["status"], grey["reason"]["code"]) == ("refused", "cell.grey")
    assert "没有颜色" in grey["reason"]["message"] and "彩色" in grey["reason"]["advice"]
    assert (cut["status"], cut["reason"]["code"]) == ("refused", "picture.damaged")
    assert grey["findings"] == cut["findings"] == []


def test_the_size_of_a_pixel_can_be_stated_for_a_table_of_cells(folder: Path) -> None:
    wanted = LabelledSet(
        table=folder / "labels.csv",
        root=folder,
        columns=Columns(file="file"),
        targets=[Target.parse("cell_abnormal=abnormal")],
        pixel_um=0.23,
    )
    record = record_of(read_labelled(wanted, Modality.PAP)[0])
    target = ("--target", "cell_abnormal=abnormal", "--allow-missing-age")

    assert isinstance(record, CellImage)
    assert record.pixel_um == 0.23
    assert _evaluate(folder, *target, "--pixel-um", "0.23").exit_code == 0
    assert _evaluate(folder, *target, "--pixel-um", "50").exit_code == 2


def test_the_size_of_a_pixel_can_be_stated_to_triage(folder: Path) -> None:
    stated = {"modality": "pap", "age_years": 40.0, "sex": "F", "pixel_um": 0.23}

    with ReaderPool(workers=1, memory_mb=1024, timeout_s=30.0) as pool:
        record = LocalReader(pool, Engine([])).decode(folder / "0.png", stated=stated)

    assert isinstance(record, CellImage)
    assert record.pixel_um == 0.23


def test_an_unknown_modality_names_those_there_are() -> None:
    done = subprocess.run(
        [*COMMAND, "triage", "x.png", "--modality", "mri"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "cxr | ecg | pap" in done.stderr
