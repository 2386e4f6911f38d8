"""Over real HTTP: killed servers and full disks lose nothing that was acknowledged."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from support.journeys import read_and_sign, submit
from support.recordings import ecg_file
from support.server_process import (
    PASSWORD,
    Json,
    Server,
    announce,
    case_view,
    eventually,
    found,
    founded,
    open_case,
    recording,
    settle,
    upload,
)

from qiangji_app.bootstrap import install
from qiangji_app.config import Settings
from qiangji_app.storage.keys import open_keys
from qiangji_app.storage.verify import verify_log

_TESTS = Path(__file__).parents[1]
_UPLOADS = 50
_CHUNK = 32 * 1024


@dataclass
class Parcel:
    """One upload: the client's ids and bytes, and whether "stored" was heard."""

    data: bytes
    case_id: str
    upload_id: str
    is_acknowledged: bool = False


@dataclass
class Lives:
    """A server that is killed and started again at the same address with the same folder."""

    folder: Path
    port: int
    parent: subprocess.Popen[str]
    pid: int = 0
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    csrf: str = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self, last_step: int | None = None) -> httpx.Client:
        """Start it and give the client of a session that outlives restarts.

        ``last_step`` is the step towards the disk, after ``count``, at which it dies by itself.
        """
        assert self.parent.stdin is not None
        self.parent.stdin.write("\n" if last_step is None else f"{last_step}\n")
        self.parent.stdin.flush()
        self.pid = self._told()
        client = httpx.Client(base_url=self.address, timeout=30, trust_env=False)
        eventually(lambda: _is_up(client), what="healthy server")
        client.cookies, client.headers["X-CSRF-Token"] = self.cookies, self.csrf
        return client

    def count(self) -> None:
        """From now on its steps towards the disk count."""
        os.kill(self.pid, signal.SIGUSR1)

    def kill(self) -> int:
        """As a power cut: the server and its reader processes; the steps it had taken."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._told()

    def end(self) -> None:
        """No more lives."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.parent.communicate(timeout=30)

    def _told(self) -> int:
        assert self.parent.stdout is not None
        return int(self.parent.stdout.readline())


def _is_up(client: httpx.Client) -> bool:
    with suppress(httpx.TransportError):
        return client.get("/healthz").status_code == 200
    return False


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    token = found(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "support.warm_server", str(tmp_path), str(port)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    with (tmp_path / "server.log").open("wb") as log:
        parent = subprocess.Popen(
            command, cwd=_TESTS, env=environment, stdin=pipe, stdout=pipe, stderr=log, text=True
        )
    running = Lives(tmp_path, port, parent)
    client = running.begin()
    server = Server(tmp_path, subprocess.Popen(["true"]), tmp_path / "server.log", running.address)
    server.process.wait()
    settle(server, token)
    operator = server.signed_in("operator", PASSWORD)
    running.cookies, running.csrf = operator.cookies, operator.headers["X-CSRF-Token"]
    client.close()
    server.close()
    running.kill()
    yield running
    running.end()


def _deliver(client: httpx.Client, parcel: Parcel) -> None:
    """What the browser does, from the beginning or from where it was cut."""
    body = {"case_id": parcel.case_id, "modality": "cxr"}
    assert client.post("/api/v1/cases", json=body).status_code == 200
    status = upload(client, parcel.case_id, parcel.data, upload_id=parcel.upload_id, chunk=_CHUNK)
    assert status["state"] == "stored"
    parcel.is_acknowledged = True


def _recordings(client: httpx.Client, parcel: Parcel) -> list[Json]:
    answer = client.get(f"/api/v1/cases/{parcel.case_id}")
    return list(answer.json()["recordings"]) if answer.status_code == 200 else []


def test_fifty_uploads_killed_at_random_steps_are_each_there_once_and_none_half(
    lives: Lives,
) -> None:
    rng = random.Random(20261)
    parcels = [_parcel(rng)]
    with closing(lives.begin()) as client:
        lives.count()
        _deliver(client, parcels[0])
    whole = [lives.kill()]  # steps of deliveries that were not cut
    acknowledged_before_kill = 0

    for _ in range(_UPLOADS):
        last = parcels[-1]
        with closing(lives.begin(rng.randint(1, round(1.2 * statistics.median(whole))))) as client:
            # The last one may have been cut: nothing half of it shows, then it is repeated.
            seen = _recordings(client, last)
            assert len(seen) <= 1
            assert seen or not last.is_acknowledged
            _deliver(client, last)
            parcels.append(_parcel(rng))
            lives.count()
            with suppress(httpx.TransportError):
                _deliver(client, parcels[-1])
        steps = lives.kill()
        if parcels[-1].is_acknowledged:
            acknowledged_before_kill += 1
            whole.append(steps)
    with closing(lives.begin()) as client:
        _deliver(client, parcels[-1])
        for parcel in parcels:
            shown = _recordings(client, parcel)
            assert len(shown) == 1, parcel.case_id
            again = upload(client, parcel.case_id, parcel.data, upload_id=parcel.upload_id)
            assert (again["state"], again["recording_id"]) == ("stored", shown[0]["id"])
    lives.kill()

    assert 0 < acknowledged_before_kill < _UPLOADS
    _nothing_else_is_there(lives.folder, parcels)


def _parcel(rng: random.Random) -> Parcel:
    data = rng.randbytes(rng.randint(1, 200_000))
    case_id, upload_id = (uuid.UUID(int=rng.getrandbits(128), version=4) for _ in range(2))
    return Parcel(data, str(case_id), str(upload_id))


def _nothing_else_is_there(folder: Path, parcels: list[Parcel]) -> None:
    """Byte for byte what was sent, once each; the log of events is whole."""
    installation = install(Settings(data_dir=folder / "data", key_dir=folder / "keys"))
    try:
        blobs, store = installation.context.blobs, installation.store
        for parcel in parcels:
            with store.read() as unit:
                kept = unit.cases.recordings(parcel.case_id)
                told = [
                    event
                    for event in unit.events.of_case(parcel.case_id)
                    if event.type == "recording.stored"
                ]
            assert len(kept) == len(told) == 1
            assert kept[0].blob_sha256 == hashlib.sha256(parcel.data).hexdigest()
            assert blobs.get(kept[0].blob_sha256) == parcel.data
        files = [path for path in (folder / "data/blobs").glob("??/??/*") if path.is_file()]
        assert len(files) == len(parcels)
        report = verify_log(store.engines, open_keys(folder / "keys"), store.heads_file)
        assert report.problems == ()
    finally:
        installation.close()


# --- full disk ----------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An installation whose data lie on a real file system of 48 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    data = tmp_path / "data"
    data.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(data)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(data)], check=True)


@pytest.mark.system
def test_a_full_disk_refuses_an_upload_before_acceptance_and_reading_and_signing_go_on(
    small_disk: Path,
) -> None:
    with founded(small_disk, environment={"QIANGJI_RESERVE_MB": "12"}) as server:
        operator, specialist = server.signed_in("operator"), server.signed_in("specialist")
        case_id = open_case(operator, "ecg")
        stored = upload(operator, case_id, ecg_file(3))
        recording(operator, stored["recording_id"])
        submit(operator, case_id)
        waiting = open_case(operator, "ecg")
        begun = announce(operator, waiting, ecg_file(4))
        _leave(small_disk / "data", 4 * 2**20)

        refused = operator.post(
            "/api/v1/uploads",
            json={
                "upload_id": str(uuid.uuid4()),
                "case_id": waiting,
                "file_name": "full.dcm",
                "size": 1_000_000,
                "sha256": "0" * 64,
            },
        )
        chunk = operator.patch(
            f"/api/v1/uploads/{begun['upload_id']}", content=b"x", headers={"Upload-Offset": "0"}
        )

        for answer in (refused, chunk):
            assert answer.status_code == 507
            error = answer.json()["error"]
            assert error["code"] == "storage.full"
            assert "磁盘空间不足" in error["message"]
            assert "管理员" in error["advice"]
        assert case_view(operator, waiting)["recordings"] == []
        images = f"/api/v1/images/{stored['recording_id']}"
        assert len(specialist.get(f"{images}/samples").content) == 12 * 5000 * 4
        assert read_and_sign(specialist, case_id)["state"] == "signed"
        assert (
            server.signed_in("township").get(f"/api/v1/cases/{case_id}/result.html").status_code
            == 200
        )

        (small_disk / "data" / "ballast").unlink()
        assert upload(operator, waiting, ecg_file(4))["state"] == "stored"


def _leave(folder: Path, octets: int) -> None:
    """Fill a file system up to so many bytes."""
    state = os.statvfs(folder)
    with (folder / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - octets)
