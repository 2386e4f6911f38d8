"""A signed result as it leaves the house: page and PDF with a sealed QR code.

The PDF carries the canonical JSON that the seal is about, so that ``qiangji verify`` can compare
what is printed with what was issued.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Final

from PIL import Image

from qiangji_app.domain.canonical import canonical_json, digest
from qiangji_app.domain.report import signed_body
from qiangji_app.domain.seal import Seal
from qiangji_app.printing.pdf import html_to_pdf
from qiangji_app.printing.recognition_lines import evidence_json
from qiangji_app.printing.result_page import QR_PLACE, result_html
from qiangji_app.seals.keys import Issuer
from qiangji_app.seals.page_text import html_text, picture_digest, plain
from qiangji_app.seals.qr import qr_png
from qiangji_app.services.recognition_evidence import Evidence
from qiangji_app.services.results import ResultDocument
from qiangji_datasets.messages import Catalogue, Language

ATTACHMENT_NAME: Final = "qiangji-result.json"
_PNG_START: Final = 'src="data:image/png;base64,'
FORMAT: Final = 1


@dataclass(frozen=True)
class SealedResult:
    """One print: the page, and the JSON that its seal is about."""

    html: str
    attachment: bytes
    seal: Seal

    def pdf(self) -> bytes:
        """The page as PDF with the JSON in it.

        Raises
        ------
        PdfUnavailable
            WeasyPrint's system libraries are missing.
        """
        return html_to_pdf(self.html, attachments={ATTACHMENT_NAME: self.attachment})


def sealed_result(
    document: ResultDocument,
    catalogue: Catalogue,
    language: Language,
    *,
    issuer: Issuer,
    evidence: Evidence,
) -> SealedResult:
    """Lay out one signed version and seal it.

    Parameters
    ----------
    issuer
        Signs the seal; its key id is printed.
    evidence
        What another site recognises the result by.
    """
    html = result_html(document, catalogue, language, key_id=issuer.key_id, evidence=evidence)
    content = _content(document, issuer, evidence)
    page: dict[str, object] = {
        "language": language.value,
        "text": html_text(html),
        "footer": plain(catalogue.text("result.footer", language)),
        "pictures": _pictures(html),
    }
    report = document.report
    seal = issuer.sign(
        Seal(
            algorithm=issuer.algorithm,
            key_id=issuer.key_id,
            report_id=report.case_id,
            version=report.version,
            signed_at=report.signed_at.replace(microsecond=0),
            content_sha256=digest(content),
            page_sha256=digest(page),
            images=report.recording_sha256,
        )
    )
    body = {"qiangji_result": FORMAT, "seal": seal.text(), "content": content, "page": page}
    qr = base64.b64encode(qr_png(seal.text())).decode("ascii")
    return SealedResult(html.replace(QR_PLACE, qr), canonical_json(body), seal)


def _content(document: ResultDocument, issuer: Issuer, evidence: Evidence) -> dict[str, object]:
    """The result as values; the same for every print of a version, in any language."""
    report, patient, case = document.report, document.patient, document.case
    submitted = case.submitted_at
    return {
        # The seal is readable by anybody who sees the paper: without a salt a name could be guessed
        # and tried against the digest.
        "salt": issuer.salt(report.case_id, str(report.version)),
        "report": signed_body(report),
        "report_sha256": report.content_sha256,
        "signer": {
            "name": report.signer_name,
            "licence": report.signer_licence,
            "site": document.reading_site,
        },
        "is_ai_assisted": report.ai_assisted,
        "recognition": evidence_json(evidence),
        "patient": {"name": patient.name, "sex": patient.sex},
        "request": {
            "site": document.site.name,
            "modality": case.modality,
            "visit_number": case.request.visit_number,
            "symptom": case.request.symptom,
            "history": case.request.history,
            "submitted_at": submitted.isoformat(timespec="seconds") if submitted else "",
            "examined_on": document.examined_on.isoformat() if document.examined_on else "",
        },
    }


def _pictures(html: str) -> list[str]:
    """Digests of the pictures on the page, in order, each once; the QR code is not among them."""
    found: list[str] = []
    for part in html.split(_PNG_START)[1:]:
        encoded = part.partition('"')[0]
        if encoded == QR_PLACE:
            continue
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
            found.append(picture_digest(picture))
    return list(dict.fromkeys(found))
