"""What stands in front of every request: Gradio's own routes closed, headers, sign-in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from qiangji_datasets.errors import QiangjiError, UserError

#: Ours, each with its own rules behind it.
_API: Final = re.compile(r"(?:/api/v1|/cds-services)/.*", re.DOTALL)
#: Ours, answered without a session.
_OPEN: Final = re.compile(r"/static/.*|/login|/setup|/healthz|/metrics|/favicon\.ico|/cds-services")
#: Pages and what they are made of. Nothing else of Gradio is served: its upload, file, stream and
#: proxy routes hand one user's files to another and fetch addresses for whoever asks, and the
#: pages need none of them. A route that a newer Gradio adds is closed too.
_PAGES: Final = re.compile(
    r"/|/(?:capture|reading|results|followup|referrals|recognition|admin|audit)/?|/assets/.*"
    r"|/theme\.css|/openapi\.json"
)
_READING: Final = frozenset({"GET", "HEAD"})
_HTML: Final = "text/html"
# gr.HTML compiles its templates with Function(), so the pages need 'unsafe-eval'.
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'self'; "
    "base-uri 'self'; form-action 'self'; object-src 'none'"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin",
}

Explain = Callable[[Request, QiangjiError], dict[str, Any]]  # Any: JSON


class Guard:
    """ASGI middleware.

    Parameters
    ----------
    app
        What is guarded.
    is_signed_in
        Tells whether a request carries a valid session.
    explain
        Words an error in the language of the request.
    max_body_bytes
        A request that states a longer body is refused unread, one that states nothing as soon as
        it is longer.
    """

    def __init__(
        self,
        app: ASGIApp,
        is_signed_in: Callable[[Request], bool],
        explain: Explain,
        max_body_bytes: int,
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._is_signed_in = is_signed_in
        self._explain = explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, redirect or pass on."""
        if scope["type"] == "websocket":  # no page uses one
            await WebSocketClose()(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = await self._refusal(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await (refusal or self._app)(scope, self._counted(receive), send_with_headers)

    def _counted(self, receive: Receive) -> Receive:
        left = self._max_body_bytes

        async def receive_counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413)  # worded by the application's handler
            return message

        return receive_counted

    async def _refusal(self, scope: Scope) -> Response | None:
        path, is_reading = scope["path"], scope["method"] in _READING
        request = Request(scope)
        stated = request.headers.get("content-length", "0")
        if not stated.isdecimal() or int(stated) > self._max_body_bytes:
            return await self._answer(request, "http.too_large", 413)
        if _API.fullmatch(path) or (is_reading and _OPEN.fullmatch(path)):
            return None
        if not await run_in_threadpool(self._is_signed_in, request):
            if is_reading and _HTML in request.headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            return await self._answer(request, "session.signed_out", 401)
        if is_reading and _PAGES.fullmatch(path):
            return None
        return await self._answer(request, "web.closed", 403)

    async def _answer(self, request: Request, code: str, status: int) -> Response:
        body = await run_in_threadpool(self._explain, request, UserError(code))
        return JSONResponse({"error": body}, status)
