"""``qiangji bundle`` and ``qiangji evaluate`` on real files, through the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from support.tiny_bundle import Int8, TinyBundle, write_bundle
from typer.testing import CliRunner, Result

from qiangji_datasets.records import Modality
from qiangji_inference.cli import bundle, evaluate
from qiangji_models.bundle import shipped_bundles

TINY_FILM = TinyBundle(Modality.CXR, "cxr-tiny")


def _run(*arguments: str | Path, language: str = "zh") -> Result:
    app = typer.Typer()
    app.add_typer(bundle, name="bundle")
    app.command("evaluate")(evaluate)
    return CliRunner().invoke(
        app, [str(item) for item in arguments], env={"QIANGJI_LANG": language, "COLUMNS": "200"}
    )


def _picture(path: Path, bright_part: float) -> None:
    """A fifth of it bright gives the tiny network 0.55, half of it 0.27."""
    pixels = np.full((80, 80), 40, np.uint8)
    pixels[: round(80 * bright_part)] = 200
    pixels += np.random.default_rng(0).integers(0, 5, pixels.shape, np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def film_folder(tmp_path: Path) -> Path:
    """Six pictures with, six without effusion; one row has no file, one no truth."""
    rows = [("file", "effusion", "age", "patient", "split")]
    for number in range(12):
        name = f"{number}.png"
        _picture(tmp_path / name, 0.2 if number < 6 else 0.5)
        rows.append((name, "1" if number < 6 else "0", "50", f"P{number // 2}", "test"))
    _picture(tmp_path / "12.png", 0.2)
    rows += [("12.png", "", "50", "P9", "test"), ("none.png", "1", "50", "P9", "test")]
    rows.append(("0.png", "0", "50", "P9", "train"))
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return tmp_path


def _evaluate(folder: Path, *more: str | Path, language: str = "zh") -> Result:
    made = folder / "cxr-tiny"
    bundle_folder = made if made.is_dir() else write_bundle(folder, TINY_FILM)
    return _run(
        *("evaluate", "--bundle", bundle_folder, "--labels", folder / "labels.csv"),
        *("--file-column", "file", "--where", "split=test", "--no-gate", *more),
        language=language,
    )


def test_a_bundle_is_measured_on_a_labelled_folder(film_folder: Path) -> None:
    out = film_folder / "out.json"

    result = _evaluate(film_folder, "--target", "effusion=effusion", "--json", out)

    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    assert found["bundle"]["name"] == "cxr-tiny"
    assert len(found["bundle"]["sha256"]) == 64
    assert found["n"] == 13
    assert found["skipped"] == [{"code": "evaluate.file_missing", "n": 1}]
    effusion = found["targets"]["effusion"]
    assert (effusion["n_pos"], effusion["n_neg"], effusion["n_withheld"]) == (6, 6, 0)
    assert effusion["auc"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["macro_auc"]["value"] == 1.0
    sensitive = effusion["operating_points"]["sensitive"]
    specific = effusion["operating_points"]["specific"]
    assert (sensitive["threshold"], specific["threshold"]) == (0.3, 0.7)
    assert (sensitive["sensitivity"]["value"], sensitive["specificity"]["value"]) == (1.0, 1.0)
    assert (specific["sensitivity"]["value"], specific["specificity"]["value"]) == (0.0, 1.0)
    assert effusion["specificity_at_90_sensitivity"]["value"] == 1.0
    assert 0.2 < effusion["ece"] < 0.6
    assert "未判读 1 份:文件不存在" in result.output


def test_the_interval_can_draw_whole_patients(film_folder: Path) -> None:
    out = film_folder / "out.json"

    result = _evaluate(
        film_folder,
        *("--target", "no_finding=effusion", "--group-column", "patient", "--json", out),
    )

    assert result.exit_code == 0, result.output
    auc = json.loads(out.read_text("utf-8"))["targets"]["no_finding"]["auc"]
    assert auc == {"value": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--target", "tb=effusion"], "没有标签 tb"),
        (["--target", "effusion=nothing"], "没有列 nothing"),
        (["--target", "effusion"], "写法不对"),
        (["--target", "effusion=patient"], "不是 1、0 或空"),
        (["--target", "effusion=effusion", "--where", "age>=60"], "没有符合条件的行"),
        (["--target", "effusion=effusion", "--root", "/nowhere"], "没有一份记录能够判读"),
        (["--target", "effusion=effusion", "--file-template", "{file}"], "给出一个"),
    ],
)
def test_what_a_person_can_put_right_is_said_without_a_traceback(
    film_folder: Path, more: list[str], words: str
) -> None:
    result = _evaluate(film_folder, *more)

    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output


def test_messages_are_english_on_request(film_folder: Path) -> None:
    result = _evaluate(film_folder, "--target", "tb=effusion", language="en")

    assert "The bundle has no label tb." in result.output
    assert "Its labels: effusion, no_finding" in result.output


def test_a_sound_bundle_is_verified(tmp_path: Path) -> None:
    result = _run("bundle", "verify", write_bundle(tmp_path, TinyBundle(int8=Int8.COPY)))

    assert result.exit_code == 0, result.output
    assert "✓ ecg-tiny  int8:3 个样例" in result.output
    assert "✓ ecg-tiny  fp32:3 个样例" in result.output


@pytest.mark.parametrize("spoil", ["golden", "file", "name"])
def test_a_spoilt_bundle_fails_verification_and_evaluation(film_folder: Path, spoil: str) -> None:
    want = TinyBundle(
        Modality.CXR,
        "cxr-tiny",
        golden_shift=1.0 if spoil == "golden" else 0.0,
        carried_name="other" if spoil == "name" else "",
    )
    folder = write_bundle(film_folder, want)
    if spoil == "file":
        (folder / "docs" / "README.md").write_text("changed", "utf-8")

    verified = _run("bundle", "verify", folder)
    evaluated = _evaluate(film_folder, "--target", "effusion=effusion")

    assert (verified.exit_code, evaluated.exit_code) == (1, 1)
    assert "✗ cxr-tiny" in verified.output
    assert "Traceback" not in verified.output + evaluated.output


def test_an_unknown_bundle_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    result = _run("bundle", "verify", tmp_path / "no-such")

    assert result.exit_code == 2
    assert "没有名为" in result.output


def test_every_shipped_bundle_is_listed_with_its_labels_and_verifies() -> None:
    if not shipped_bundles():
        pytest.skip("no bundle ships with this checkout")

    listed, verified = _run("bundle", "list"), _run("bundle", "verify")

    assert (listed.exit_code, verified.exit_code) == (0, 0), verified.output
    for name in shipped_bundles():
        assert name in listed.output
        assert f"✓ {name}" in verified.output


@pytest.mark.shared
def test_evaluate_reads_ludb_as_it_was_published(tmp_path: Path, shared_data: Path) -> None:
    out = tmp_path / "out.json"

    result = _run(
        *("evaluate", "--bundle", write_bundle(tmp_path, TinyBundle())),
        *("--labels", shared_data / "ecg" / "ludb" / "labels.csv"),
        *("--file-template", "data/{record_id}", "--target", "mi=super_class~MI"),
        *("--where", "record_id<=40", "--no-gate", "--json", out),
    )

    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text("utf-8"))
    adults = found["n"] + sum(item["n"] for item in found["skipped"])
    assert adults == 40
    assert {item["code"] for item in found["skipped"]} <= {"engine.age_out_of_range"}
    assert found["targets"]["mi"]["n_pos"] >= 1


@pytest.mark.shared
def test_evaluate_reads_pictures_with_the_stated_modality(
    tmp_path: Path, shared_data: Path
) -> None:
    out = tmp_path / "out.json"
    folder = shared_data / "cxr" / "nih_chestxray14"

    result = _run(
        *("evaluate", "--bundle", write_bundle(tmp_path, TINY_FILM), "--labels"),
        *(folder / "labels.csv", "--file-column", "file", "--target", "effusion=Effusion"),
        *("--where", "split=test", "--where", "age>=18", "--where", "patient_id<=1500"),
        *("--age-column", "age", "--sex-column", "sex", "--view-column", "view"),
        *("--group-column", "patient_id", "--no-gate", "--json", out),
    )

    assert result.exit_code == 0, result.output
    found = json.loads(out.read_text("utf-8"))
    assert found["n"] >= 20
    assert found["skipped"] == []
