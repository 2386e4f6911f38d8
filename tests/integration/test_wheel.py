"""The wheel: five packages with all they need, and a server that starts from it alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.recordings import ecg_file
from support.server_process import (
    Server,
    founded,
    open_case,
    recording,
    upload,
)

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "qiangji_datasets": "datasets",
    "qiangji_models": "models",
    "qiangji_inference": "inference",
    "qiangji_training": "training",
    "qiangji_app": "app",
}
_NOT_SHIPPED = {".pyc", ".pyo"}
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Installed:
    """An environment outside the checkout that holds the wheel."""

    python: Path
    folder: Path

    @property
    def command(self) -> tuple[str, ...]:
        """The installed command."""
        return (str(self.python.with_name("qiangji")),)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run something there, with nothing of the checkout in reach."""
        return subprocess.run(
            [*words],
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the tracked files, as a clean clone would."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in (*PACKAGES.values(), "pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    if not (source / "README.md").exists():
        (source / "README.md").write_text("Qiangji", "utf-8")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A fresh environment with the wheel; third-party packages are lent by this one.

    They come by a path file without this environment's own path files, so that its editable
    installation of the checkout stays out.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "env", with_pip=False)
    site = next((folder / "env").glob("lib/python*/site-packages"))
    python = folder / "env" / "bin" / "python"
    words = ["install", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), *words, str(wheel)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return Installed(python, folder)


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_it_holds_the_five_packages_and_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in _names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_every_file_of_the_packages_is_in_it(wheel: Path) -> None:
    names = _names(wheel)
    for package, folder in PACKAGES.items():
        base = ROOT / folder
        wanted = {
            str(path.relative_to(base))
            for path in (base / package).rglob("*")
            if path.is_file() and path.suffix not in _NOT_SHIPPED
        }
        assert wanted - names == set()
        assert wanted


@pytest.mark.parametrize(
    "pattern",
    [
        r"qiangji_app/locale/\w+\.toml",
        r"qiangji_app/templates/\w+\.html",
        r"qiangji_app/static/\w+\.js",
        r"qiangji_app/static/\w+\.css",
        r"qiangji_app/migrations/versions/0001\w*\.py",
        r"qiangji_app/demo/county\.toml",
        r"qiangji_\w+/.*\.npz",
        r"qiangji_app/py\.typed",
        r"qiangji_models/bundle_schema\.json",
    ],
)
def test_what_is_needed_at_run_time_is_in_it(wheel: Path, pattern: str) -> None:
    assert [name for name in _names(wheel) if re.fullmatch(pattern, name)]


def test_every_bundle_that_ships_is_in_it_and_verifies_there(installed: Installed) -> None:
    bundles = sorted(
        path.name for path in (ROOT / "models/qiangji_models/bundles").glob("*") if path.is_dir()
    )
    verified = installed.run(*installed.command, "bundle", "verify")
    listed = installed.run(*installed.command, "bundle", "list")

    assert verified.returncode == 0, verified.stdout + verified.stderr
    for name in bundles:
        assert name in verified.stdout
        assert name in listed.stdout


def test_nothing_of_the_checkout_is_imported(installed: Installed) -> None:
    program = (
        f"import sys\nfor name in {sorted(PACKAGES)!r}: print(__import__(name).__file__)\n"
        "print(*sys.path, sep='\\n')"
    )
    done = installed.run(str(installed.python), "-I", "-c", program)

    assert done.returncode == 0, done.stderr
    files = done.stdout.splitlines()[: len(PACKAGES)]
    assert all(Path(file).is_relative_to(installed.folder) for file in files), files
    sources = {str(ROOT / folder) for folder in (*PACKAGES.values(), "")}
    assert sources.isdisjoint(done.stdout.splitlines())


@pytest.fixture(scope="module")
def server(installed: Installed) -> Iterator[Server]:
    with founded(installed.folder / "box", command=installed.command) as running:
        yield running


def test_the_server_starts_there_and_reads_an_ecg(server: Server, installed: Installed) -> None:
    health = server.anonymous().get("/healthz").json()
    assert health["status"] == "ok"
    mapped = Path(f"/proc/{server.pid}/cmdline").read_bytes().decode()
    assert str(installed.folder) in mapped
    operator = server.signed_in("operator")
    case_id = open_case(operator, "ecg")
    stored = upload(operator, case_id, ecg_file(9))
    assert recording(operator, stored["recording_id"])["state"] == "read"
    for page in ("/", "/capture", "/login", "/static/upload.js", "/static/shell.css"):
        assert operator.get(page).status_code == 200, page
