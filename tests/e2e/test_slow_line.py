"""The browser's upload over a bad line, over a reload and over a server restart."""

from __future__ import annotations

import base64
import hashlib
import random
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from support.browser import ARGS
from support.recordings import ecg_file
from support.server_process import (
    Json,
    Server,
    case_view,
    eventually,
    found,
    settle,
    start,
)
from support.slow_proxy import SlowProxy

from qiangji_app.bootstrap import install
from qiangji_app.config import Settings

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

#: Signs in and puts a file of a new case into the queue, with the project's own client.
_SEND = """async ([caseId, octets]) => {
  const [{ start }, upload] = await Promise.all(
    [import('/static/api.js'), import('/static/upload.js')]);
  await start();
  const raw = Uint8Array.from(atob(octets), (c) => c.charCodeAt(0));
  const file = new File([raw], 'line.dcm');
  await upload.enqueue(caseId, 'ecg', [file]);
}"""
#: What the shell does on every page: take up what an earlier page left.
_RESUME = """async () => {
  const [{ start }, upload] = await Promise.all(
    [import('/static/api.js'), import('/static/upload.js')]);
  await start();
  await upload.resume();
}"""
_STATES = """async () => {
  const upload = await import('/static/upload.js');
  return upload.uploads().map((item) => [item.state, item.received, item.error?.message]);
}"""


class Line:
    """A server behind a bad line; the server may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        token = found(folder)
        self.folder = folder
        self.server: Server = start(folder)
        settle(self.server, token)

    def restart(self) -> None:
        """kill -9, then start at the same port."""
        port = self.server.port
        self.server.kill()
        self.server = start(self.folder, port=port)

    def case(self, case_id: str) -> Json:
        return case_view(self.server.signed_in("operator"), case_id)

    def bytes_of(self, sha256: str) -> bytes:
        """What lies on disk, read when the server is down."""
        settings = Settings(data_dir=self.folder / "data", key_dir=self.folder / "keys")
        installation = install(settings)
        try:
            return installation.context.blobs.get(sha256)
        finally:
            installation.close()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    running = Line(tmp_path_factory.mktemp("line"))
    yield running
    running.server.stop()


@pytest.fixture(scope="module")
def browser(line: Line) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    yield made
    made.close()


def _signed_in_page(context: BrowserContext, line: Line, address: str) -> Page:
    """A plain page of the server, with the session of the operator."""
    client = line.server.signed_in("operator")
    token = client.cookies["qj_session"]
    context.add_cookies([{"name": "qj_session", "value": token, "url": address}])
    page = context.new_page()
    page.goto(f"{address}/login?next=/capture", wait_until="domcontentloaded")
    page.set_content("<title>line</title>")  # same origin, only our client runs
    return page


def _send(page: Page, case_id: str, data: bytes) -> None:
    page.evaluate(_SEND, [case_id, base64.b64encode(data).decode("ascii")])


def _stored(page: Page, *, within_s: float) -> None:
    def is_stored() -> bool:
        states = page.evaluate(_STATES)
        assert not [row for row in states if row[0] == "failed"], states
        return [row[0] for row in states] == ["stored"]

    eventually(is_stored, within_s=within_s, what="stored upload")


def _there_once(line: Line, case_id: str, data: bytes) -> None:
    view = line.case(case_id)
    assert len(view["recordings"]) == 1
    cases = line.server.signed_in("operator").get("/api/v1/cases", params={"view": "mine"}).json()
    assert [row["id"] for row in cases["items"]].count(case_id) == 1
    assert line.bytes_of(hashlib.sha256(data).hexdigest()) == data


def test_ten_cuts_at_256_kbit_make_one_case_with_the_same_bytes(
    line: Line, context: BrowserContext
) -> None:
    data, case_id = ecg_file(6, 25.0), str(uuid.uuid4())
    assert 290_000 < len(data) < 330_000
    rng = random.Random(10)
    with SlowProxy(line.server.port) as proxy:
        page = _signed_in_page(context, line, proxy.address)
        proxy.cut_after_bytes = sorted(
            proxy.up_bytes + rng.randrange(10_000, 300_000) for _ in range(10)
        )
        begun = time.monotonic()

        _send(page, case_id, data)
        _stored(page, within_s=240)

        assert proxy.cuts == 10
        assert time.monotonic() - begun > len(data) * 8 / proxy.bits_per_s
    _there_once(line, case_id, data)


def test_an_upload_goes_on_by_itself_after_a_reload(line: Line, context: BrowserContext) -> None:
    data, case_id = ecg_file(7, 25.0), str(uuid.uuid4())
    with SlowProxy(line.server.port, bits_per_s=1_000_000) as proxy:
        page = _signed_in_page(context, line, proxy.address)
        _send(page, case_id, data)
        eventually(lambda: proxy.up_bytes > 100_000, what="half of the file")

        page.goto(f"{proxy.address}/capture", wait_until="domcontentloaded")  # its shell resumes

        eventually(lambda: _is_there(line, case_id), what="recording")
    _there_once(line, case_id, data)


def test_an_upload_goes_on_by_itself_after_a_server_restart(
    line: Line, context: BrowserContext
) -> None:
    data, case_id = ecg_file(8, 25.0), str(uuid.uuid4())
    with SlowProxy(line.server.port, bits_per_s=512_000) as proxy:
        page = _signed_in_page(context, line, proxy.address)
        _send(page, case_id, data)
        eventually(lambda: proxy.up_bytes > 100_000, what="half of the file")

        line.restart()
        _stored(page, within_s=120)
    _there_once(line, case_id, data)


def _is_there(line: Line, case_id: str) -> bool:
    client = line.server.signed_in("operator")
    answer: httpx.Response = client.get(f"/api/v1/cases/{case_id}")
    return answer.status_code == 200 and len(answer.json()["recordings"]) == 1
