"""The web application: API, pages, static files, health, metrics."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from qiangji_app.bootstrap import Installation
from qiangji_app.errors import mapping_of
from qiangji_app.report_templates import load_templates
from qiangji_app.services import sessions
from qiangji_app.web.api import cases, images, results, setup, uploads
from qiangji_app.web.api import sessions as session_routes
from qiangji_app.web.api.deps import SESSION_COOKIE, SignedOut, language, optional_caller
from qiangji_app.web.guard import Guard
from qiangji_app.web.metrics import Metrics
from qiangji_app.web.quick_gradio import without_stub_files
from qiangji_datasets.errors import QiangjiError, SystemFault
from qiangji_datasets.messages import MissingText

_LOG = logging.getLogger(__name__)
_ROUTERS = (session_routes, cases, uploads, images, results, setup)


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
        title="Qiangji", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.context = installation.context
    app.state.settings = installation.settings
    app.state.installation = installation
    app.state.demo_accounts = demo_accounts or []
    app.state.templates = load_templates()
    app.state.metrics = Metrics()
    _add_faults(app)
    for module in _ROUTERS:
        app.include_router(module.router, prefix="/api/v1")
    _add_plain_routes(app, installation)
    _add_pages(app, installation, with_pages=with_pages)

    def is_signed_in(request: Request) -> bool:
        token = request.cookies.get(SESSION_COOKIE, "")
        return bool(token) and sessions.caller_of(installation.context, token) is not None

    app.add_middleware(Guard, is_signed_in=is_signed_in)
    return app


def _add_faults(app: FastAPI) -> None:
    @app.exception_handler(QiangjiError)
    async def known(request: Request, error: QiangjiError) -> JSONResponse:
        if isinstance(error, SystemFault):
            _LOG.error("request failed: %s", error, exc_info=error)
        status = 401 if isinstance(error, SignedOut) else mapping_of(error).http
        return JSONResponse({"error": _error_body(request, error)}, status)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = ", ".join(".".join(str(part) for part in row["loc"][1:]) for row in error.errors())
        body = _error_body(request, QiangjiError("http.invalid", fields=fields[:200]))
        return JSONResponse({"error": body}, 422)

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("request failed: %s", type(error).__name__, exc_info=error)
        return JSONResponse({"error": _error_body(request, QiangjiError("http.fault"))}, 500)


def _error_body(request: Request, error: QiangjiError) -> dict[str, Any]:
    catalogue = request.app.state.context.catalogue
    caller = optional_caller(request)
    wanted = caller.language if caller else language(request)
    try:
        message = catalogue.text(error.code, wanted, **error.params)
    except MissingText:
        _LOG.error("no text for %s", error.code)
        message = error.code
    return {
        "code": error.code,
        "message": message,
        "advice": catalogue.advice(error.code, wanted, **error.params),
        "params": error.params,
    }


def _add_plain_routes(app: FastAPI, installation: Installation) -> None:
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


def _add_pages(app: FastAPI, installation: Installation, *, with_pages: bool) -> None:
    if not with_pages:
        return
    with without_stub_files():
        from qiangji_app.web.pages import mount_pages

    mount_pages(app, installation.context.catalogue)
