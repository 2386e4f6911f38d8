"""Answers to pages that ask the same again and again: 304 where they know the answer already."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from qiangji_app.services.context import Caller
from qiangji_app.web.api.words import Json


def unless_known(request: Request, who: Caller, version: str, body: Callable[[], Json]) -> Response:
    """The body with its ``ETag``, or 304 where ``If-None-Match`` names it.

    Parameters
    ----------
    version
        Another text whenever the body might differ for this caller; hex.
    body
        Called only where it is wanted.
    """
    tag = f'"{version[:32]}-{who.language.value}"'
    headers = {"ETag": tag, "Cache-Control": "no-store"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return JSONResponse(body(), headers=headers)
