"""The pages as a sub-application that is built behind the running server.

Importing and building Gradio takes some two seconds of processor time. API, sign-in page and
health check answer meanwhile; a request for a page waits for the pages, not the other way round.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from qiangji_app.services.context import Context
from qiangji_app.web.quick_gradio import without_stub_files

_LOG = logging.getLogger(__name__)
#: Longest that a page request waits for the pages, seconds.
_PATIENCE_S = 60.0
_FAILED = "页面没有启动,请联系管理员查看日志。 The pages did not start; see the log."


class LatePages:
    """ASGI application that becomes the Gradio pages.

    Parameters
    ----------
    ctx
        The installation, for texts and for who is signed in.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._pages: FastAPI | None = None
        self._done = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Build the pages in a thread while the block runs; end them with it."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._live(stop))
        try:
            yield
        finally:
            stop.set()
            with suppress(asyncio.CancelledError):
                await task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the pages, as soon as they are there."""
        if scope["type"] != "http":
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._done.wait(), _PATIENCE_S)
        if self._pages is None:
            await PlainTextResponse(_FAILED, 503)(scope, receive, send)
            return
        # The scope belongs to the outer application; Gradio looks itself up in it.
        await self._pages(dict(scope, root_path="", app=self._pages), receive, send)

    async def _live(self, stop: asyncio.Event) -> None:
        try:
            pages = await asyncio.to_thread(self._build)
        except Exception:  # noqa: BLE001 - the edge: API and viewers live on without the pages
            _LOG.exception("the pages could not be built")
            self._done.set()
            return
        async with pages.router.lifespan_context(pages):
            self._pages = pages
            self._done.set()
            await stop.wait()

    def _build(self) -> FastAPI:
        with without_stub_files():
            from qiangji_app.web.pages import mount_pages

        pages = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        mount_pages(pages, self._ctx)
        return pages
