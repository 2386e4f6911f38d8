"""The web application: API, pages, static files, health, metrics."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from qiangji_app.bootstrap import Installation
from qiangji_app.cds.clients import Door
from qiangji_app.errors import mapping_of
from qiangji_app.report_templates import load_templates
from qiangji_app.services import sessions, uploading
from qiangji_app.services.context import Context
from qiangji_app.services.imaging import RecentReads
from qiangji_app.web.api import (
    administration,
    alarms,
    audit,
    cases,
    cds,
    images,
    issuer_keys,
    recognition,
    referrals,
    registers,
    results,
    setup,
    uploads,
    visits,
)
from qiangji_app.web.api import sessions as session_routes
from qiangji_app.web.api.deps import SESSION_COOKIE, SignedOut, language
from qiangji_app.web.api.words import Words
from qiangji_app.web.guard import SECURITY_HEADERS, Guard
from qiangji_app.web.metrics import Metrics
from qiangji_app.web.quick_gradio import without_stub_files
from qiangji_datasets.errors import QiangjiError, SystemFault
from qiangji_datasets.messages import Language, MissingText

_LOG = logging.getLogger(__name__)
_ROUTERS = (
    session_routes,
    cases,
    alarms,
    uploads,
    images,
    results,
    issuer_keys,
    referrals,
    recognition,
    setup,
    administration,
    audit,
    visits,
    registers,
)
#: Largest body of any request; a chunk of an upload may have half of it and says so itself.
_MAX_BODY_BYTES: Final = 2 * uploading.MAX_CHUNK_BYTES
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
#: What the framework itself refuses, by status.
_HTTP_CODES: Final = {404: "http.not_found", 405: "http.method", 413: "http.too_large"}


def create_app(
    installation: Installation,
    *,
    demo_accounts: list[dict[str, str]] | None = None,
    with_pages: bool = True,
    on_start: Callable[[], None] | None = None,
) -> FastAPI:
    """Build the application over an installation.

    Parameters
    ----------
    demo_accounts
        Logins shown on the sign-in page of a demonstration.
    with_pages
        False leaves out the Gradio pages (API only).
    on_start
        Called once the server runs.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        installation.start()
        if on_start is not None:
            on_start()
        yield
        installation.close()

    app = FastAPI(
        title="Qiangji",
        version=metadata.version("qiangji"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = installation.context
    app.state.settings = installation.settings
    app.state.installation = installation
    app.state.issuer = installation.issuer
    app.state.recognition = installation.recognition
    app.state.cds_door = Door(installation.cds_clients)
    app.state.demo_accounts = demo_accounts or []
    app.state.templates = load_templates()
    app.state.metrics = Metrics()
    app.state.recent_reads = RecentReads()
    app.state.warned_of_cookie = False
    _add_faults(app, installation.context)
    for module in _ROUTERS:
        app.include_router(module.router, prefix="/api/v1")
    app.include_router(cds.router)
    _add_plain_routes(app, installation)
    if with_pages:
        _add_pages(app, installation.context)

    def is_signed_in(request: Request) -> bool:
        token = request.cookies.get(SESSION_COOKIE, "")
        return bool(token) and sessions.caller_of(installation.context, token) is not None

    app.add_middleware(
        Guard,
        is_signed_in=is_signed_in,
        explain=partial(_error_body, installation.context),
        max_body_bytes=_MAX_BODY_BYTES,
    )
    return app


def _add_faults(app: FastAPI, ctx: Context) -> None:
    @app.exception_handler(QiangjiError)
    def known(request: Request, error: QiangjiError) -> JSONResponse:
        if isinstance(error, SystemFault):
            _LOG.error("request failed: %s", error, exc_info=error)
        status = 401 if isinstance(error, SignedOut) else mapping_of(error).http
        return JSONResponse({"error": _error_body(ctx, request, error)}, status)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = ", ".join(".".join(str(part) for part in row["loc"][1:]) for row in error.errors())
        body = _error_body(ctx, request, QiangjiError("http.invalid", fields=fields[:200]))
        return JSONResponse({"error": body}, 422)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> JSONResponse:
        code = _HTTP_CODES.get(error.status_code, "http.invalid")
        body = _error_body(ctx, request, QiangjiError(code, fields=str(error.detail)[:200]))
        return JSONResponse({"error": body}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    def unknown(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("request failed: %s", type(error).__name__, exc_info=error)
        body = _error_body(ctx, request, QiangjiError("http.fault"))
        # This answer is made outside the guard, which sets the headers of all others.
        return JSONResponse({"error": body}, 500, SECURITY_HEADERS)


def _error_body(ctx: Context, request: Request, error: QiangjiError) -> dict[str, Any]:
    catalogue = ctx.catalogue
    wanted = _language(ctx, request)
    try:
        message = Words(catalogue, wanted).text(error.code, error.params)
    except MissingText:
        _LOG.error("no text for %s", error.code)
        message = error.code
    return {
        "code": error.code,
        "message": message,
        "advice": catalogue.advice(error.code, wanted, **error.params),
        "params": error.params,
    }


def _language(ctx: Context, request: Request) -> Language:
    """The language of the account; of the request while the store does not answer."""
    token = request.cookies.get(SESSION_COOKIE, "")
    try:
        caller = sessions.caller_of(ctx, token) if token else None
    except SystemFault as fault:
        _LOG.error("language of an account not read: %s", fault)
        caller = None
    return caller.language if caller else language(request)


def _add_plain_routes(app: FastAPI, installation: Installation) -> None:
    @app.api_route("/api/{path:path}", methods=list(_METHODS), include_in_schema=False)
    def nowhere(path: str) -> None:  # before Gradio, which would answer in its own words
        raise HTTPException(404, path)

    package = resources.files("qiangji_app")
    static = Path(str(package.joinpath("static")))
    # Gradio asks for one script of its own below /static.
    files = StaticFiles(directory=static, packages=[("gradio", "templates/frontend/static")])
    app.mount("/static", files, name="static")

    @app.get("/healthz", include_in_schema=False)
    def health() -> dict[str, Any]:
        with installation.context.store.read() as unit:
            unit.accounts.sites()
        bundles = {row.name: row.state.value for row in installation.engine.status()}
        return {"status": "ok", "bundles": bundles}

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        body, kind = app.state.metrics.render(installation)
        return Response(body, media_type=kind)

    for name in ("login", "setup"):
        page = package.joinpath("templates", f"{name}.html").read_text("utf-8")
        app.add_api_route(
            f"/{name}", _page(page), response_class=HTMLResponse, include_in_schema=False
        )


def _page(text: str) -> Callable[[], HTMLResponse]:
    def serve() -> HTMLResponse:
        return HTMLResponse(text, headers={"Cache-Control": "no-store"})

    return serve


def _add_pages(app: FastAPI, ctx: Context) -> None:
    """Mount the Gradio pages; in this thread, before any other runs.

    Building them beside a running server would answer sooner, but neither CPython's parser nor
    pydantic's schemas, which Gradio uses while it is imported, take two threads at once.
    """
    with without_stub_files():
        from qiangji_app.web.pages import mount_pages

    mount_pages(app, ctx)
