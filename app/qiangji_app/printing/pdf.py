"""HTML to PDF; where Pango is missing the caller offers the print page instead."""

from __future__ import annotations

from qiangji_datasets.errors import SystemFault


class PdfUnavailable(SystemFault):
    """The system lacks Pango; the print page still works."""


def html_to_pdf(html: str) -> bytes:
    """The page as PDF; nothing is fetched from anywhere.

    Raises
    ------
    PdfUnavailable
        WeasyPrint's system libraries are missing.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except OSError as missing:
        raise PdfUnavailable("pdf.unavailable") from missing
    inside = URLFetcher(allowed_protocols={"data"}, fail_on_errors=True)
    document: bytes = HTML(string=html, url_fetcher=inside).write_pdf()
    return document
