"""The installed command ``qiangji triage``: its lines, its exit codes, the public interop set."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.recordings import ecg_file, film_file
from support.server_process import COMMAND

pytestmark = pytest.mark.timeout(600)

#: A line holds these, and beside them at most what helps a person: what bundles declined and why.
_KEYS = {
    "source",
    "status",
    "reason",
    "modality",
    "quality",
    "findings",
    "measurements",
    "urgency",
    "bundle",
    "ms",
}
_MORE = {"declined", "bundles", "contradictions", "cautions"}
_FOR_THE_GATE = ("scope_", "tiny_1x1", "ecg_1lead", "ecg_2s", "ecg_flat")
_READ, _FAILED, _REFUSED = 0, 1, 3

Json = dict[str, Any]  # Any: JSON


@dataclass(frozen=True)
class Ran:
    """How a run of the command ended."""

    code: int
    lines: list[Json]
    err: str

    def of(self, name: str) -> Json:
        """The line of a file."""
        return next(line for line in self.lines if Path(line["source"]).name == name)


def triage(*words: str | Path) -> Ran:
    """Run the command; its lines are JSON, one a line, in the order of the files."""
    done = subprocess.run(
        [*COMMAND, "triage", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return Ran(done.returncode, lines, done.stderr)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ECG, a film in a folder below, a hidden file, and no file that is refused."""
    made = tmp_path_factory.mktemp("triage")
    (made / "below").mkdir()
    (made / "ecg.dcm").write_bytes(ecg_file(11))
    (made / "below" / "film.dcm").write_bytes(film_file(11, side=1024))
    (made / ".hidden").write_bytes(b"not looked at")
    return made


@pytest.fixture(scope="module")
def read(folder: Path) -> Ran:
    return triage(folder, "--age", "50", "--sex", "M", "--no-gate")


def test_all_read_ends_with_0_and_a_line_for_each_file_of_a_folder(read: Ran, folder: Path) -> None:
    assert (read.code, [line["status"] for line in read.lines]) == (_READ, ["read", "read"])
    sources = [line["source"] for line in read.lines]
    assert sources == sorted(str(folder / name) for name in ("ecg.dcm", "below/film.dcm"))


def test_a_line_has_the_promised_keys_with_the_promised_shapes(read: Ran) -> None:
    for line in read.lines:
        assert set(line) - _MORE == _KEYS
        assert line["reason"] is None
        assert line["modality"] in {"cxr", "ecg"}
        assert {"level", "reasons"} == set(line["urgency"])
        for finding in line["findings"]:
            wanted = {"label", "code", "probability", "flag", "operating_point"}
            assert wanted <= set(finding)
            assert finding["code"] is None or set(finding["code"]) == {"system", "code"}
            assert finding["probability"] is None or 0 <= finding["probability"] <= 1
            assert finding["flag"] in {"none", "possible", "likely"}
        bundle = line["bundle"]
        assert bundle is None or set(bundle) == {"name", "version", "sha256"}
        assert all(value >= 0 for value in line["ms"].values())
        assert line["ms"]["total"] > 0
    assert read.of("ecg.dcm")["measurements"]["ventricular_bpm"] > 0


def test_findings_come_with_the_bundle_that_found_them(read: Ran) -> None:
    from qiangji_models.bundle import shipped_bundles

    for line, name in ((read.of("ecg.dcm"), "ecg-12lead"), (read.of("film.dcm"), "cxr-adult")):
        if name not in shipped_bundles():
            pytest.skip(f"bundle {name} does not ship with this checkout")
        assert line["bundle"]["name"] == name
        predicted = [item for item in line["findings"] if item["probability"] is not None]
        assert predicted


def test_a_refused_file_ends_with_3_and_says_why_in_the_language_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "note.dcm").write_bytes(b"no recording at all")
    chinese = triage(tmp_path / "note.dcm", folder / "ecg.dcm", "--no-gate")
    english = triage(tmp_path / "note.dcm", "--lang", "en")

    assert (chinese.code, english.code) == (_REFUSED, _REFUSED)
    assert chinese.of("ecg.dcm")["status"] == "read"
    refused = chinese.of("note.dcm")
    assert refused["status"] == "refused"
    assert set(refused) - _MORE == _KEYS
    assert refused["reason"]["code"] == english.lines[0]["reason"]["code"]
    assert refused["reason"]["message"] != english.lines[0]["reason"]["message"]
    assert not refused["findings"]


def test_a_file_that_can_not_be_read_from_disk_ends_with_1_and_the_others_are_read(
    folder: Path, tmp_path: Path
) -> None:
    ran = triage(tmp_path / "gone.dcm", folder / "ecg.dcm", "--no-gate")

    assert ran.code == _FAILED
    assert ran.of("gone.dcm")["status"] == "failed"
    assert ran.of("gone.dcm")["reason"]["message"]
    assert ran.of("ecg.dcm")["status"] == "read"


def test_lines_go_to_a_file_on_request(folder: Path, tmp_path: Path) -> None:
    ran = triage(folder / "ecg.dcm", "--jsonl", tmp_path / "out.jsonl", "--no-gate")

    assert (ran.code, ran.lines) == (_READ, [])
    written = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["status"] for line in written] == ["read"]


def test_wrong_options_are_refused_before_anything_is_read(folder: Path) -> None:
    for words in (
        ["--modality", "ct"],
        ["--sex", "X"],
        ["--lang", "fr"],
        ["--age", "old"],
        ["--pixel-um", "50"],
    ):
        ran = triage(folder / "ecg.dcm", *words)
        assert ran.code == 2, (words, ran.err)
        assert ran.lines == []


# --- the public set -------------------------------------------------------------------------


def _expected(shared_data: Path) -> dict[str, str]:
    with (shared_data / "interop" / "MANIFEST.csv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["expect"] for row in csv.DictReader(file) if row["expect"]}


@pytest.mark.shared
def test_every_expectation_of_the_interop_set_is_met_without_the_gate(shared_data: Path) -> None:
    expected = _expected(shared_data)
    wanted = {
        path: expect
        for path, expect in expected.items()
        if not any(mark in path for mark in _FOR_THE_GATE)
    }
    ran = triage(*(shared_data / "interop" / path for path in wanted), "--no-gate")

    found = {}
    for line in ran.lines:
        path = str(Path(line["source"]).relative_to(shared_data / "interop"))
        is_doubtful = any(row.get("severity") == "warn" for row in line["quality"])
        accepted = "accept+warn" if is_doubtful else "accept"
        found[path] = {"read": accepted, "refused": "reject"}.get(line["status"], line["status"])
        assert line["status"] == "read" or line["reason"]["message"], path
    assert {path: row for path, row in found.items() if row != wanted[path]} == {}
    assert found == wanted
    assert ran.code == _REFUSED


@pytest.mark.shared
def test_what_is_out_of_scope_is_refused_by_the_gate(shared_data: Path, tmp_path: Path) -> None:
    for path in _expected(shared_data):
        if any(mark in path for mark in _FOR_THE_GATE):
            shutil.copy(shared_data / "interop" / path, tmp_path)
    assert len(list(tmp_path.iterdir())) >= 10

    ran = triage(tmp_path)

    assert [line["source"] for line in ran.lines if line["status"] != "refused"] == []
    assert all(line["reason"]["message"] and line["reason"]["code"] for line in ran.lines)
    assert ran.code == _REFUSED


@pytest.mark.shared
def test_a_picture_renamed_dcm_is_refused_without_stated_facts(shared_data: Path) -> None:
    ran = triage(shared_data / "interop" / "dicom-synthetic" / "not_dicom_png.dcm")
    assert (ran.code, ran.lines[0]["status"]) == (_REFUSED, "refused")
