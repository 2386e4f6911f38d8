"""The signed result as a print page and as a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse

from qiangji_app.printing.sealed_result import SealedResult, sealed_result
from qiangji_app.services.recognition_evidence import evidence_of
from qiangji_app.services.results import ResultDocument, result_document
from qiangji_app.web.api.deps import Ctx, Recognising, Signing, Who

router = APIRouter(tags=["results"])
_NO_STORE = {"Cache-Control": "no-store"}
Version = Annotated[int, Query(ge=0)]


@dataclass(frozen=True)
class Print:
    """What sealing a print needs, for one request."""

    ctx: Ctx
    who: Who
    issuer: Signing
    rules: Recognising

    def sealed(self, document: ResultDocument) -> SealedResult:
        """The document, laid out in the caller's language and sealed."""
        evidence = evidence_of(
            document.case,
            document.report,
            document.recordings,
            rules=self.rules,
            zone=ZoneInfo(document.site.time_zone),
            now=document.printed_at,
        )
        catalogue, language = self.ctx.catalogue, self.who.language
        return sealed_result(document, catalogue, language, issuer=self.issuer, evidence=evidence)

    def page(self, document: ResultDocument) -> HTMLResponse:
        """A page to print."""
        return HTMLResponse(self.sealed(document).html, headers=_NO_STORE)

    def pdf(self, document: ResultDocument) -> Response:
        """The same page as PDF, with what its seal is about."""
        name = f"qiangji-{document.case.id[-8:]}-v{document.report.version}.pdf"
        headers = _NO_STORE | {"Content-Disposition": f'inline; filename="{name}"'}
        body = self.sealed(document).pdf()
        return Response(body, media_type="application/pdf", headers=headers)


Printing = Annotated[Print, Depends()]


@router.get("/cases/{case_id}/result.html")
def page(case_id: str, printing: Printing, version: Version = 0) -> HTMLResponse:
    """A page to print; 404 while nothing is signed."""
    actor = printing.who.actor
    return printing.page(result_document(printing.ctx, actor, case_id, version))


@router.get("/cases/{case_id}/result.pdf")
def pdf(case_id: str, printing: Printing, version: Version = 0) -> Response:
    """The same page as PDF, with what its seal is about."""
    actor = printing.who.actor
    return printing.pdf(result_document(printing.ctx, actor, case_id, version))
