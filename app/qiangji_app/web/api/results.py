"""The signed result as a print page and as a PDF."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from qiangji_app.printing.sealed_result import sealed_result
from qiangji_app.services.results import result_document
from qiangji_app.web.api.deps import Ctx, Signing, Who

router = APIRouter(tags=["results"])
_NO_STORE = {"Cache-Control": "no-store"}
Version = Annotated[int, Query(ge=0)]


@router.get("/cases/{case_id}/result.html")
def page(case_id: str, ctx: Ctx, who: Who, issuer: Signing, version: Version = 0) -> HTMLResponse:
    """A page to print; 404 while nothing is signed."""
    document = result_document(ctx, who.actor, case_id, version)
    sealed = sealed_result(document, ctx.catalogue, who.language, issuer=issuer)
    return HTMLResponse(sealed.html, headers=_NO_STORE)


@router.get("/cases/{case_id}/result.pdf")
def pdf(case_id: str, ctx: Ctx, who: Who, issuer: Signing, version: Version = 0) -> Response:
    """The same page as PDF, with what its seal is about."""
    document = result_document(ctx, who.actor, case_id, version)
    body = sealed_result(document, ctx.catalogue, who.language, issuer=issuer).pdf()
    name = f"qiangji-{case_id[-8:]}-v{document.report.version}.pdf"
    headers = _NO_STORE | {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(body, media_type="application/pdf", headers=headers)
