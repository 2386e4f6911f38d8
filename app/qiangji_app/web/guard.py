"""What stands in front of every request: Gradio's leaking routes closed, headers, sign-in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Gradio's own upload, file and proxy routes hand one user's files to another and fetch
#: addresses for whoever asks; patient data never uses them.
_CLOSED: Final = re.compile(
    r"^(?:/gradio_api)?/(?:upload|upload_progress|file|file=.*|proxy|proxy=.*|stream)(?:[/=].*)?$"
)
#: Paths that answer without a session.
_OPEN: Final = ("/api/", "/static/", "/login", "/setup", "/healthz", "/metrics", "/favicon.ico")
_PAGE: Final = "text/html"
# gr.HTML compiles its templates with Function(), so the pages need 'unsafe-eval'.
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'self'; "
    "base-uri 'self'; form-action 'self'; object-src 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware.

    Parameters
    ----------
    app
        What is guarded.
    is_signed_in
        Tells whether a request carries a valid session.
    """

    def __init__(self, app: ASGIApp, is_signed_in: Callable[[Request], bool]) -> None:
        self._app = app
        self._is_signed_in = is_signed_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, redirect or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (refusal or self._app)(scope, receive, send_with_headers)

    async def _refusal(self, scope: Scope) -> Response | None:
        path = scope["path"]
        if _CLOSED.match(path):
            return JSONResponse({"error": {"code": "web.closed", "message": path}}, 403)
        if path.startswith(_OPEN):
            return None
        from starlette.concurrency import run_in_threadpool

        if await run_in_threadpool(self._is_signed_in, Request(scope)):
            return None
        wants_page = _PAGE in Headers(scope=scope).get("accept", "")
        if scope["method"] == "GET" and wants_page:
            return RedirectResponse("/login", 303)
        return JSONResponse({"error": {"code": "session.signed_out", "message": ""}}, 401)
