"""Fixtures shared by all kinds of tests."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.county import County

_SHARED = Path(os.environ.get("QIANGJI_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public recordings; the test skips where a checkout has none beside it."""
    if not _SHARED.is_dir():
        pytest.skip("public data folder not present (set QIANGJI_SHARED_DATA)")
    return _SHARED


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A unit test that connects anywhere fails; Unix sockets (worker processes) stay allowed."""
    if "unit" not in request.path.relative_to(Path(__file__).parent).parts[:1]:
        yield
        return
    real_connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX:
            raise AssertionError(f"a unit test tried to connect to {address!r}")
        real_connect(self, address)  # type: ignore[arg-type]  # passes through unchanged

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield


@pytest.fixture(scope="session")
def memory_folder() -> Iterator[Path]:
    """A folder in memory where there is one: fsync costs nothing there."""
    shared_memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made inside
    parent = shared_memory if os.access(shared_memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="qiangji-test-", dir=parent) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def _county_template(memory_folder: Path) -> Path:
    """Sites and accounts are made once and copied."""
    folder = memory_folder / "template"
    County(folder).close()
    return folder


@pytest.fixture
def county(memory_folder: Path, _county_template: Path) -> Iterator[County]:
    """A small installation with people in every role."""
    folder = memory_folder / uuid.uuid4().hex
    shutil.copytree(_county_template, folder)
    made = County(folder)
    yield made
    made.close()
    shutil.rmtree(folder)
