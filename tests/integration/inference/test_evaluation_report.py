"""``qiangji evaluate`` beyond the plain table: sites, subgroups, sets, changes and the page."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from support.browser import chromium
from support.tiny_bundle import TinyBundle, write_bundle
from typer.testing import CliRunner, Result

from qiangji_datasets.records import Modality
from qiangji_inference.changes import FILM_CHANGES
from qiangji_inference.cli import evaluate

#: Rows of the drawn set; every value below follows from them.
N = 96


def _picture(path: Path, bright_part: float, seed: int) -> None:
    pixels = np.full((80, 80), 40, np.uint8)
    pixels[: round(80 * bright_part)] = 200
    pixels += np.random.default_rng(seed).integers(0, 5, pixels.shape, np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sites, 48 films each; a sixth of them contradict their label."""
    root = tmp_path_factory.mktemp("films")
    header = "file,effusion,age,sex,view,patient,site,ward,name"
    rows = [header.split(",")]
    for number in range(N):
        is_present = number % 2 == 0
        looks_present = is_present ^ (number % 6 == 1)
        _picture(root / f"{number}.png", 0.2 if looks_present else 0.5, number)
        site = "甲" if number < N // 2 else "B"
        person = [str(20 + number % 60), "MF"[number // 2 % 2], "PA", f"P{number // 2}"]
        rows.append([f"{number}.png", str(int(is_present)), *person, site, "1", "张三丰"])
    with (root / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    write_bundle(root, TinyBundle(Modality.CXR, "cxr-tiny", thresholds=(0.4, 0.5)))
    return root


def _evaluate(folder: Path, *more: str | Path) -> Result:
    app = typer.Typer()
    app.command("evaluate")(evaluate)
    app.command("other")(lambda: None)
    arguments = [
        *("evaluate", "--bundle", folder / "cxr-tiny", "--labels", folder / "labels.csv"),
        *("--file-column", "file", "--target", "effusion=effusion", "--no-gate"),
        *("--age-column", "age", "--sex-column", "sex", "--view-column", "view"),
        *more,
    ]
    return CliRunner().invoke(app, [str(item) for item in arguments], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def whole(folder: Path) -> tuple[str, dict[str, Any], Path]:
    """Everything asked for at once: output, JSON and the page."""
    result = _evaluate(
        folder,
        *("--patient-column", "patient", "--site-column", "site", "--home", "甲"),
        *("--conformal", "0.2", "--calibrate-fraction", "0.6"),
        *("--robustness", "--robustness-sample", "12"),
        *("--json", folder / "out.json", "--html", folder / "out.html"),
    )
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "out.json").read_text("utf-8"))
    return result.output, found, folder / "out.html"


def test_other_sites_stand_before_the_home_site(whole: tuple[str, dict[str, Any], Path]) -> None:
    output, found, _ = whole

    assert [(site["name"], site["is_home"]) for site in found["sites"]] == [("B", 0), ("甲", 1)]
    assert sum(site["n"] for site in found["sites"]) == found["n"]
    assert output.index("其他医院 B") < output.index("训练来源 甲")


def test_every_label_carries_its_curves_and_says_when_cases_are_too_few(
    whole: tuple[str, dict[str, Any], Path],
) -> None:
    output, found, _ = whole

    effusion = found["targets"]["effusion"]
    assert effusion["too_few"] is True
    assert "例数太少" in output
    assert sum(item["n"] for item in effusion["calibration_bins"]) == found["n"]
    assert len(effusion["net_benefit"]) == 50
    assert effusion["brier_of_prevalence"] == pytest.approx(0.25, abs=0.02)
    assert found["macro_auc_enough_cases"]["value"] is None


def test_subgroups_are_shown_by_sex_age_and_site(
    whole: tuple[str, dict[str, Any], Path],
) -> None:
    _, found, _ = whole

    by: dict[str, int] = {}
    for item in found["subgroups"]["effusion"]:
        by[item["by"]] = by.get(item["by"], 0) + item["n_pos"] + item["n_neg"]
    assert by == dict.fromkeys(("sex", "age_band", "site"), found["n"])


def test_prediction_sets_state_and_reach_a_coverage_on_patients_set_aside(
    whole: tuple[str, dict[str, Any], Path],
) -> None:
    _, found, _ = whole

    sets = found["conformal"]["effusion"]
    assert sets["stated_coverage"] == pytest.approx(0.8)
    assert sets["n_pos"] + sets["n_neg"] == found["n"]
    aside = sets["calibration_n_pos"] + sets["calibration_n_neg"]
    assert aside + found["n"] == N
    assert sets["coverage"]["high"] >= 0.8


def test_every_change_is_measured_on_the_same_recordings(
    whole: tuple[str, dict[str, Any], Path],
) -> None:
    _, found, _ = whole

    assert [item["id"] for item in found["robustness"]] == [change.id for change in FILM_CHANGES]
    assert {item["n"] for item in found["robustness"]} == {12}
    for item in found["robustness"]:
        lost = item["macro_auc_before"] - item["macro_auc_after"]
        assert item["macro_auc_lost"]["value"] == pytest.approx(lost)


def test_the_page_names_no_person_no_file_and_no_other_address(
    whole: tuple[str, dict[str, Any], Path],
) -> None:
    page = whole[2].read_text("utf-8")

    assert page.startswith("<!doctype html>") or "<!doctype html>" in page[:4000]
    assert "张三丰" not in page
    assert "P12" not in page
    assert ".png" not in page
    assert re.findall(r"(?:https?:)?//[a-z]", page.replace("http-equiv", "")) == []
    assert page.count("data:image/jpeg") >= 4
    assert "漏掉的阳性" not in page or "row" in page


def test_a_report_without_pictures_shows_none(folder: Path) -> None:
    out = folder / "bare.html"

    result = _evaluate(folder, "--html", out, "--no-pictures")

    assert result.exit_code == 0, result.output
    page = out.read_text("utf-8")
    assert "data:image/jpeg" not in page
    assert "按记录抽样" in page


@pytest.mark.system
def test_the_page_opens_without_a_fault_or_a_request(
    whole: tuple[str, dict[str, Any], Path],
) -> None:
    faults: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text))
        address = whole[2].as_uri()
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(("data:", address)) else faults.append(asked.url)
            ),
        )

        page.goto(address)
        plots = page.locator("svg.plot").count()
        shown = page.locator("img").evaluate_all("all => all.every(one => one.naturalWidth > 0)")
        wide = page.evaluate("document.documentElement.scrollWidth")

    assert faults == []
    assert plots == 4
    assert shown
    assert wide <= 1200


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--conformal", "0.1"), "预测集需要校准数据"),
        (("--conformal", "1.5", "--calibrate-fraction", "0.5"), "须大于 0 且小于 1"),
        (("--conformal", "0.1", "--calibrate-fraction", "2"), "须大于 0 且小于 1"),
        (("--conformal", "0.1", "--calibrate-where", "site=B"), "相同的患者或相同的文件"),
        (("--group", "file"), "分组最多"),
        (("--sites", "nowhere.toml"), "--labels 与 --sites"),
    ],
)
def test_what_a_person_can_put_right_is_said(
    folder: Path, more: tuple[str, ...], words: str
) -> None:
    result = _evaluate(folder, *more)

    assert result.exit_code == 2
    assert words in result.output
