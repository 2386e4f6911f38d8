"""What the running server refuses: Gradio's own routes, other people's cases, strangers."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route
from support.recordings import ecg_file
from support.server_process import Json, Server, founded, open_case, recording, send, upload

from qiangji_app.bootstrap import catalogue
from qiangji_app.web import guard
from qiangji_datasets.messages import Language

_LIMIT = 2**20
#: Words in a route that speak of handing over files or fetching for somebody.
_LEAKING = re.compile(r"file|upload|proxy|stream|component|recording|vibe|run|call|queue|reload")
_PARAMETER = re.compile(r"\{[^}]*\}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with founded(tmp_path_factory.mktemp("closed")) as running:
        yield running


@pytest.fixture(scope="module")
def operator(server: Server) -> httpx.Client:
    return server.signed_in("operator")


@pytest.fixture(scope="module")
def stranger(server: Server) -> httpx.Client:
    """Of another township, where the case is not seen."""
    return server.signed_in("stranger")


@pytest.fixture(scope="module")
def case(operator: httpx.Client) -> SimpleNamespace:
    case_id = open_case(operator, "ecg")
    stored = upload(operator, case_id, ecg_file(1))
    recording(operator, stored["recording_id"])
    return SimpleNamespace(**stored)


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A loopback server that nobody should talk to; what came is kept."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = listening.accept()
                    with connection:
                        heard.append(b"connected")

        thread = threading.Thread(target=listen)
        thread.start()
        yield listening.getsockname()[1], heard
        done.set()
        thread.join()


def _says_why(answer: httpx.Response, status: int, code: str) -> None:
    """The one error shape, in Chinese, with the security headers."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "advice", "params"}
    assert error["code"] == code
    assert error["message"] == catalogue().text(code, Language.ZH, **error["params"])
    _has_security_headers(answer)


def _has_security_headers(answer: httpx.Response) -> None:
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http:" not in policy
    assert "*" not in policy


# --- Gradio's own routes --------------------------------------------------------------------


def _gradio_routes(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of every route, mounted and included ones too."""
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(
            getattr(route, "router", None), "routes", None
        )
        if isinstance(route, Route):
            for method in route.methods or ():
                yield method, prefix + route.path
        elif isinstance(route, Mount):
            yield from _gradio_routes(list(route.routes), prefix + route.path)
        elif inner:
            yield from _gradio_routes(list(inner), prefix)


def _all_gradio_routes() -> set[tuple[str, str]]:
    """As the installed Gradio serves our pages, and as its source names them under its prefix."""
    source = Path(str(import_module("gradio.routes").__file__)).read_text("utf-8")
    named = re.findall(r"@(router|app)\.(\w+)\(\s*f?\"(/[^\"]*)\"", source)
    found = {
        (method.upper(), ("/gradio_api" if owner == "router" else "") + path)
        for owner, method, path in named
        if method in {"get", "head", "post", "put", "delete"}
    }
    assert len(found) > 60, "Gradio's routes are written differently now: look again"
    return found


def test_every_gradio_route_but_the_parts_of_a_page_is_closed(operator: httpx.Client) -> None:
    served_by_us = {"/", "/login", "/static/{path:path}", "/favicon.ico"}
    parts_of_a_page = {"/assets/{path:path}", "/theme.css", "/{page}", "/{page}/"}
    routes = _all_gradio_routes()
    leaking = {path for _, path in routes if _LEAKING.search(path)}
    assert len(leaking) > 20

    for method, path in sorted(routes):
        if path in parts_of_a_page or (path in served_by_us and method in {"GET", "HEAD"}):
            continue
        answer = operator.request(method, _PARAMETER.sub("x", path), follow_redirects=False)
        assert answer.status_code == 403, (method, path, answer.status_code)
    assert not leaking & parts_of_a_page


@pytest.mark.parametrize("login", ["operator", "stranger"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file={file}"),
        ("HEAD", "/gradio_api/file={file}"),
        ("GET", "/gradio_api/file/{file}"),
        ("GET", "/gradio_api/file%3D{file}"),
        ("GET", "/gradio_api/file=%0A{file}"),
        ("GET", "//gradio_api/file={file}"),
        ("GET", "/gradio_api//file={file}"),
        ("GET", "/assets/../gradio_api/file={file}"),
        ("GET", "/capture/../gradio_api/file={file}"),
        ("GET", "/gradio_api/file=http://127.0.0.1:{port}/secret"),
        ("GET", "/gradio_api/proxy=http://127.0.0.1:{port}/secret"),
        ("GET", "/gradio_api/proxy=https://127.0.0.1:{port}/secret"),
        ("GET", "/proxy=http://127.0.0.1:{port}/secret"),
        ("GET", "/file=http://127.0.0.1:{port}/secret"),
        ("GET", "/file={file}"),
        ("GET", "/file/{file}"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/upload/"),
        ("POST", "/upload"),
        ("GET", "/gradio_api/upload_progress?upload_id=x"),
        ("POST", "/gradio_api/stream/x"),
        ("GET", "/gradio_api/stream/x/1/1/playlist.m3u8"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/login"),
        ("GET", "/svelte/index.js"),
        ("GET", "/config"),
        ("GET", "/monitoring"),
    ],
)
def test_closed_routes_answer_403_to_everyone_and_connect_nowhere(  # noqa: PLR0917
    server: Server,
    listener: tuple[int, list[bytes]],
    operator: httpx.Client,
    stranger: httpx.Client,
    login: str,
    method: str,
    path: str,
) -> None:
    port, heard = listener
    client = operator if login == "operator" else stranger
    words = path.format(port=port, file=server.folder / "data" / "qiangji.db")

    answer = _raw(server, client, method, words)

    assert answer.startswith(b"HTTP/1.1 403 "), answer[:200]
    assert b"SQLite" not in answer
    assert heard == []


def _raw(server: Server, client: httpx.Client, method: str, target: str) -> bytes:
    """Ask for exactly this target: a client would tidy it up."""
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n"
        f"X-CSRF-Token: {client.headers['X-CSRF-Token']}\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode("ascii"))
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_closed_routes_say_so_in_both_languages(operator: httpx.Client) -> None:
    _says_why(operator.get("/gradio_api/file=/etc/passwd"), 403, "web.closed")
    english = operator.get("/gradio_api/upload?lang=en").json()["error"]
    assert english["message"] in {catalogue().text("web.closed", language) for language in Language}


def test_pages_and_their_parts_are_served(operator: httpx.Client) -> None:
    from qiangji_app.web.pages.blocks import PAGES

    for page in ("", *PAGES):
        answer = operator.get(f"/{page}")
        assert answer.status_code == 200, page
        _has_security_headers(answer)
    parts = set(re.findall(r'(?:src|href)="\.?(/[^"]+)"', operator.get("/capture").text))
    assert any(part.startswith("/assets/") for part in parts)
    for part in parts - {"/manifest.json"}:  # for installing as an app, which is switched off
        assert operator.get(part).status_code == 200, part


def test_web_sockets_are_refused(server: Server, operator: httpx.Client) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in operator.cookies.items())
    head = (
        "GET /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookie}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode("ascii"))
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403 ")


# --- other people's things ------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "cases/{case_id}",
        "cases/{case_id}/result.html",
        "cases/{case_id}/result.pdf",
        "recordings/{recording_id}",
        "uploads/{upload_id}",
        "images/{recording_id}/film",
        "images/{recording_id}/pixels",
        "images/{recording_id}/ecg",
        "images/{recording_id}/samples",
        "images/{recording_id}/thumb.png",
        "images/{recording_id}/map?label=mi",
    ],
)
def test_another_sites_things_are_not_there(
    stranger: httpx.Client, case: SimpleNamespace, path: str
) -> None:
    answer = stranger.get("/api/v1/" + path.format(**vars(case)))

    _says_why(answer, 404, answer.json()["error"]["code"])
    assert answer.json()["error"]["code"].endswith("not_found")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "cases/{case_id}/request", {"patient": {"name": "王"}}),
        ("POST", "cases/{case_id}/submit", {}),
        ("POST", "cases/{case_id}/withdraw", {"reason": "x"}),
        ("POST", "cases/{case_id}/claim", None),
        ("POST", "cases/{case_id}/messages", {"text": "x"}),
        ("PUT", "cases/{case_id}/draft", {}),
        ("POST", "cases/{case_id}/sign", {"draft_sha256": "0" * 64}),
        ("DELETE", "cases/{case_id}/recordings/{recording_id}", None),
    ],
)
def test_another_sites_case_can_not_be_acted_on(
    stranger: httpx.Client, case: SimpleNamespace, method: str, path: str, body: object
) -> None:
    answer = stranger.request(method, "/api/v1/" + path.format(**vars(case)), json=body)

    _says_why(answer, 404, answer.json()["error"]["code"])


def test_another_persons_upload_can_not_be_gone_on_with_or_taken_over(
    operator: httpx.Client, stranger: httpx.Client
) -> None:
    data = ecg_file(2)
    case_id = open_case(operator, "ecg")
    body: Json = {"upload_id": str(uuid.uuid4()), "case_id": case_id, "file_name": "a.dcm"}
    body |= {"size": len(data), "sha256": "0" * 64}
    assert operator.post("/api/v1/uploads", json=body).status_code == 200

    _says_why(send(stranger, body["upload_id"], 0, data[:10]), 404, "upload.not_found")
    _says_why(stranger.post("/api/v1/uploads", json=body), 404, "case.not_found")
    assert operator.get(f"/api/v1/uploads/{body['upload_id']}").json()["received"] == 0


# --- strangers, forged and oversized requests ---------------------------------------------


@pytest.mark.parametrize(
    "path", ["cases", "session", "sites", "alerts", "accounts", "cases/x", "uploads/x"]
)
def test_the_api_answers_401_without_a_session(server: Server, path: str) -> None:
    _says_why(server.anonymous().get(f"/api/v1/{path}"), 401, "session.signed_out")
    forged = server.anonymous().get(f"/api/v1/{path}", headers={"Cookie": "qj_session=forged"})
    _says_why(forged, 401, "session.signed_out")


@pytest.mark.parametrize("path", ["/", "/capture", "/reading", "/results", "/gradio_api/info"])
def test_pages_lead_to_the_sign_in_page_without_a_session(server: Server, path: str) -> None:
    answer = server.anonymous().get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    _has_security_headers(answer)
    _says_why(server.anonymous().get(path), 401, "session.signed_out")


def test_a_request_without_the_sessions_csrf_token_changes_nothing(operator: httpx.Client) -> None:
    body = {"case_id": str(uuid.uuid4()), "modality": "ecg"}
    for token in ("", "guess"):
        answer = operator.post("/api/v1/cases", json=body, headers={"X-CSRF-Token": token})
        _says_why(answer, 403, "session.csrf")
    assert operator.get(f"/api/v1/cases/{body['case_id']}").status_code == 404


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(server: Server) -> None:
    body = {"login": "township", "password": "a long enough password"}
    cookie = server.anonymous().post("/api/v1/session", json=body).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_an_unknown_address_and_a_wrong_method_have_the_error_shape(
    operator: httpx.Client, server: Server
) -> None:
    _says_why(operator.get("/api/v1/nothing"), 404, "http.not_found")
    _says_why(operator.delete("/api/v1/nothing/at/all"), 404, "http.not_found")
    _says_why(server.anonymous().get("/api/v1/nothing"), 404, "http.not_found")
    _says_why(operator.get("/static/nothing.js"), 404, "http.not_found")
    _says_why(operator.get("/static/../templates/login.html"), 403, "web.closed")


def test_a_request_that_is_not_valid_names_its_fields(operator: httpx.Client) -> None:
    answer = operator.post("/api/v1/cases", json={"modality": "ecg"})
    _says_why(answer, 422, "http.invalid")
    assert "case_id" in answer.json()["error"]["params"]["fields"]
    broken = operator.post(
        "/api/v1/cases", content=b"{", headers={"Content-Type": "application/json"}
    )
    _says_why(broken, 422, "http.invalid")


def test_a_chunk_of_more_than_a_mebibyte_is_refused_and_nothing_of_it_kept(
    operator: httpx.Client,
) -> None:
    case_id = open_case(operator, "cxr")
    body: Json = {"upload_id": str(uuid.uuid4()), "case_id": case_id, "file_name": "a.dcm"}
    body |= {"size": 3 * _LIMIT, "sha256": "0" * 64}
    assert operator.post("/api/v1/uploads", json=body).status_code == 200

    _says_why(send(operator, body["upload_id"], 0, bytes(_LIMIT + 1)), 422, "upload.chunk_size")
    _says_why(send(operator, body["upload_id"], 0, bytes(3 * _LIMIT)), 413, "http.too_large")

    assert operator.get(f"/api/v1/uploads/{body['upload_id']}").json()["received"] == 0
    assert send(operator, body["upload_id"], 0, bytes(_LIMIT)).json()["received"] == _LIMIT


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("path", ["/api/v1/cases", "/api/v1/session", "/api/v1/setup"])
def test_a_huge_body_is_refused_before_it_fills_the_memory(
    server: Server, operator: httpx.Client, path: str, is_chunked: bool
) -> None:
    before = _peak_mb(server)
    pieces = (b'{"login":"' + b"x" * _LIMIT for _ in range(40))
    content = pieces if is_chunked else b"".join(pieces)

    try:
        answer = operator.post(path, content=content, headers={"Content-Type": "application/json"})
    except (httpx.WriteError, httpx.ReadError):
        pass  # the connection was closed while the body was still coming
    else:
        _says_why(answer, 413, "http.too_large")

    assert _peak_mb(server) - before < 20
    assert operator.get("/api/v1/session").status_code == 200


def _peak_mb(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]  # always there


def test_the_guard_names_no_route_of_gradio(server: Server) -> None:
    """Closed is what is not named, so that a newer Gradio opens nothing."""
    source = Path(guard.__file__).read_text("utf-8")
    assert "gradio_api" not in source
