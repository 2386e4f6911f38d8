"""HTML to PDF; where Pango is missing the caller offers the print page instead."""

from __future__ import annotations

import io
from collections.abc import Mapping

from qiangji_datasets.errors import SystemFault


class PdfUnavailable(SystemFault):
    """The system lacks Pango; the print page still works."""


def html_to_pdf(html: str, *, attachments: Mapping[str, bytes] | None = None) -> bytes:
    """The page as PDF; nothing is fetched from anywhere.

    Parameters
    ----------
    attachments
        Files to put into the PDF, by name.

    Raises
    ------
    PdfUnavailable
        WeasyPrint's system libraries are missing.
    """
    try:
        from weasyprint import HTML, Attachment
        from weasyprint.urls import URLFetcher
    except OSError as missing:
        raise PdfUnavailable("pdf.unavailable") from missing
    inside = URLFetcher(allowed_protocols={"data"}, fail_on_errors=True)
    files = [
        Attachment(file_obj=io.BytesIO(data), name=name, relationship="Data")
        for name, data in (attachments or {}).items()
    ]
    document: bytes = HTML(string=html, url_fetcher=inside).write_pdf(attachments=files)
    return document
