"""The real server in a process of its own, and people who talk to it over HTTP.

``serve`` starts the installed command on a free port and waits for ``/healthz``; ``founded`` makes
a real installation (``qiangji init``, one-time token, accounts through the API).
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

COMMAND: Final = (str(Path(sys.executable).with_name("qiangji")),)
PASSWORD: Final = "a long enough password"
CHUNK: Final = 256 * 1024
_ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)\s*$", re.MULTILINE)
_STARTS_WITHIN_S: Final = 120.0
_STEP_S: Final = 0.05

#: Login to (roles, site) of an installation that ``founded`` made; "system" is the administrator.
STAFF: Final[dict[str, tuple[str, str]]] = {
    "operator": ("operator", "east"),
    "township": ("township_doctor", "east"),
    "stranger": ("township_doctor", "west"),
    "specialist": ("specialist", "county"),
}

Json = dict[str, Any]  # Any: JSON
T = TypeVar("T")


class DidNotStart(AssertionError):
    """The server ended, or did not answer in time; carries what it logged."""


@dataclass
class Server:
    """A running server. ``folder`` holds its data, keys and log; a restart goes on with them."""

    folder: Path
    process: subprocess.Popen[bytes]
    log: Path
    address: str = ""
    is_wrapped: bool = False
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Port it listens on."""
        return int(self.address.rsplit(":", 1)[1])

    @property
    def pid(self) -> int:
        """Process id of the server itself, also when strace started it."""
        if not self.is_wrapped:
            return self.process.pid
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text("ascii").split()[0])

    def anonymous(self) -> httpx.Client:
        """A client that nobody signed in with."""
        client = httpx.Client(base_url=self.address, timeout=60, trust_env=False)
        self.clients.append(client)
        return client

    def signed_in(self, login: str, password: str = PASSWORD) -> httpx.Client:
        """A client with session cookie and CSRF header."""
        client = self.anonymous()
        answer = client.post("/api/v1/session", json={"login": login, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    def kill(self) -> None:
        """End it as a power cut would, its reader processes too."""
        self._signal_group(signal.SIGKILL)
        self.process.wait()
        self.close()

    def stop(self) -> None:
        """End it in order."""
        try:
            if self.process.poll() is None:
                os.kill(self.pid, signal.SIGTERM)
            self.process.wait(60)
        finally:
            self.kill()

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        """Hang up every client."""
        for client in self.clients:
            client.close()
        self.clients.clear()


def start(
    folder: Path,
    *,
    demo: bool = False,
    port: int = 0,
    prefix: Sequence[str] = (),
    command: Sequence[str] = COMMAND,
    environment: Mapping[str, str] | None = None,
) -> Server:
    """Start the server and wait until it is healthy.

    Parameters
    ----------
    folder
        Where data, keys and logs go.
    port
        0 lets the system choose; a restart may ask for the port it had.
    prefix
        A command that runs the server, as strace does.
    environment
        Variables beside those of this process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out, log = folder / "server.out", folder / "server.log"
    words = [*prefix, *command, "serve", *(["--demo"] if demo else []), "--port", str(port)]
    words += ["--data", str(folder / "data"), "--keys", str(folder / "keys")]
    with out.open("wb") as announced, log.open("ab") as logged:
        process = subprocess.Popen(
            words,
            stdout=announced,
            stderr=logged,
            stdin=subprocess.DEVNULL,
            env=_environment(environment or {}),
            cwd=folder,
            start_new_session=True,
        )
    server = Server(folder, process, log, is_wrapped=bool(prefix))
    try:
        server.address = _wait(server, out)
    except BaseException:
        server.kill()
        raise
    return server


@contextmanager
def serve(folder: Path, **options: Any) -> Iterator[Server]:  # Any: the options of start
    """A server for the length of a block."""
    server = start(folder, **options)
    try:
        yield server
    finally:
        server.stop()


def eventually(
    ask: Callable[[], T | None], *, within_s: float = 120.0, what: str = "the expected answer"
) -> T:
    """Ask again until there is an answer that is not None or False."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = ask()
        if found is not None and found is not False:
            return found
        time.sleep(_STEP_S)
    raise AssertionError(f"no {what} within {within_s} s")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QIANGJI_")}
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | dict(more)


def _wait(server: Server, out: Path) -> str:
    """The address that it announced, once it answers there."""

    def healthy() -> str | None:
        if server.process.poll() is not None:
            raise DidNotStart(server.log.read_text("utf-8", "replace")[-4000:])
        found = _ADDRESS.search(out.read_text("utf-8", "replace"))
        if found is None:
            return None
        with suppress(httpx.TransportError):
            answer = httpx.get(f"{found[1]}/healthz", timeout=10, trust_env=False)
            return found[1] if answer.status_code == 200 else None
        return None

    return eventually(healthy, within_s=_STARTS_WITHIN_S, what="healthy server")


# --- a real installation ------------------------------------------------------------------


def found(folder: Path, command: Sequence[str] = COMMAND) -> str:
    """Run ``qiangji init``; returns the one-time token."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*command, "init", "--hospital", "县医院", "--data", "data", "--keys", "keys"],
        cwd=folder,
        env=_environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    token = re.search(r"/setup#(\S+)", done.stdout)
    assert token is not None, done.stdout
    return token[1]


def settle(server: Server, token: str) -> None:
    """Make both administrators, two townships and ``STAFF`` through the API."""
    first = {"token": token, "login": "system", "password": PASSWORD, "display_name": "习同"}
    made = server.anonymous().post("/api/v1/setup", json=first)
    assert made.status_code == 201, made.text
    system = server.signed_in("system")
    for site in ("east", "west"):
        body = {"id": site, "name": site, "kind": "township", "parent_id": "county"}
        assert system.post("/api/v1/sites", json=body).status_code == 201
    _hire(server, system, "security", "county", ["security_administrator"])
    security = server.signed_in("security")
    for login, (role, site_id) in STAFF.items():
        is_specialist = role == "specialist"
        user_id = _hire(server, system, login, site_id, [] if is_specialist else [role])
        if is_specialist:
            rights: Json = {"roles": [role], "sign_modalities": ["cxr", "ecg"]}
            rights["licence_number"] = "110000000000001"
            granted = security.put(f"/api/v1/accounts/{user_id}/roles", json=rights)
            assert granted.status_code == 200, granted.text


def _hire(server: Server, system: httpx.Client, login: str, site_id: str, roles: list[str]) -> str:
    """An account whose owner has chosen his password; returns its id."""
    account: Json = {"login": login, "display_name": login, "site_id": site_id, "roles": roles}
    answer = system.post("/api/v1/accounts", json=account)
    assert answer.status_code == 201, answer.text
    passwords = {"present": answer.json()["temporary_password"], "wanted": PASSWORD}
    newcomer = server.signed_in(login, passwords["present"])
    changed = newcomer.put("/api/v1/session/password", json=passwords)
    assert changed.status_code == 200, changed.text
    user_id: str = answer.json()["id"]
    return user_id


@contextmanager
def founded(folder: Path, **options: Any) -> Iterator[Server]:  # Any: the options of start
    """A running real installation with ``STAFF``."""
    token = found(folder, options.get("command", COMMAND))
    with serve(folder, **options) as server:
        settle(server, token)
        yield server


# --- acts ---------------------------------------------------------------------------------


def open_case(client: httpx.Client, modality: str | None = None) -> str:
    """A new draft; returns its id."""
    case_id = str(uuid.uuid4())
    answer = client.post("/api/v1/cases", json={"case_id": case_id, "modality": modality})
    assert answer.status_code == 200, answer.text
    return case_id


def announce(client: httpx.Client, case_id: str, data: bytes, upload_id: str = "") -> Json:
    """Announce a file; returns the upload as the server sees it."""
    body = {
        "upload_id": upload_id or str(uuid.uuid4()),
        "case_id": case_id,
        "file_name": "test.dcm",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    answer = client.post("/api/v1/uploads", json=body)
    assert answer.status_code == 200, answer.text
    status: Json = answer.json()
    return status


def send(client: httpx.Client, upload_id: str, offset: int, chunk: bytes) -> httpx.Response:
    """Send one chunk."""
    headers = {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream"}
    return client.patch(f"/api/v1/uploads/{upload_id}", content=chunk, headers=headers)


def upload(
    client: httpx.Client, case_id: str, data: bytes, *, upload_id: str = "", chunk: int = CHUNK
) -> Json:
    """Send a file as a browser does, going on where the server is; returns the last answer."""
    status = announce(client, case_id, data, upload_id)
    while status["state"] == "receiving":
        offset = status["received"]
        answer = send(client, status["upload_id"], offset, data[offset : offset + chunk])
        assert answer.status_code == 200, answer.text
        status = answer.json()
    return status


def recording(client: httpx.Client, recording_id: str) -> Json:
    """A recording once the AI has answered or given up."""

    def finished() -> Json | None:
        answer = client.get(f"/api/v1/recordings/{recording_id}")
        assert answer.status_code == 200, answer.text
        view: Json = answer.json()
        return None if view["state"] == "stored" or view["ai_status"] == "pending" else view

    return eventually(finished, what="triage result")


def case_view(client: httpx.Client, case_id: str) -> Json:
    """The case as this person sees it."""
    answer = client.get(f"/api/v1/cases/{case_id}")
    assert answer.status_code == 200, answer.text
    view: Json = answer.json()
    return view
