"""The signed result as one HTML page, for the screen, the printer and the PDF."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, select_autoescape

from qiangji_app.printing.ecg_paper import ecg_svg
from qiangji_app.printing.recognition_lines import recognition_lines
from qiangji_app.report_templates import load_templates
from qiangji_app.services.ages import age_day, age_text, sent_day
from qiangji_app.services.imaging import cell_png, film_png
from qiangji_app.services.recognition_evidence import Evidence
from qiangji_app.services.results import NotShown, ResultDocument, ResultPicture
from qiangji_datasets.labels import labels
from qiangji_datasets.messages import Catalogue, Language, MissingText
from qiangji_datasets.records import CellImage, EcgRecord, Radiograph

_FILM_PX = 1400
#: Stands where the QR code of a sealed page will be; no base64 text looks like it.
QR_PLACE: Final = "@@qr@@"


def result_html(
    document: ResultDocument,
    catalogue: Catalogue,
    language: Language,
    *,
    key_id: str = "",
    evidence: Evidence | None = None,
) -> str:
    """A self-contained page: no script, no outside request.

    Parameters
    ----------
    document
        One signed version.
    language
        Language of headings; the report itself stays as its author wrote it.
    key_id
        Key of the seal whose QR code takes the place of ``QR_PLACE``; empty leaves it out.
    evidence
        What another site recognises the result by; None leaves it out.
    """

    def text(key: str, **params: object) -> str:
        return catalogue.text(f"result.{key}", language, **params)

    zone = ZoneInfo(document.site.time_zone)
    page: str = _template().render(
        t=text,
        lang="zh-CN" if language is Language.ZH else "en",
        doc=document,
        report=document.report,
        age=_age(document, catalogue, language),
        fields=_fields(document, language),
        findings=[_label(key, language) for key in document.report.content.findings],
        not_shown=[_not_shown(item, catalogue, language) for item in document.not_shown],
        pictures=[_picture(item) for item in document.pictures],
        when=lambda moment: _when(moment, zone),
        key_id=key_id,
        mark=evidence.mark if evidence else "",
        recognition=recognition_lines(evidence, catalogue, language) if evidence else [],
        qr_place=QR_PLACE,
    )
    return page


@cache
def _template() -> Any:  # Any: jinja2.Template
    environment = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    file = resources.files("qiangji_app").joinpath("templates", "result.html")
    return environment.from_string(file.read_text("utf-8"))


def _age(document: ResultDocument, catalogue: Catalogue, language: Language) -> str:
    sent = sent_day(document.case, document.site)
    day = age_day(document.patient, document.examined_on, sent)
    return age_text(document.patient, day, catalogue, language, sent_on=sent)


def _fields(document: ResultDocument, language: Language) -> list[tuple[str, str]]:
    content = document.report.content
    names = {
        field.id: field.zh if language is Language.ZH else field.en
        for template in load_templates()
        if template.id == content.template_id
        for field in template.fields
    }
    return [(names.get(key, key), text) for key, text in content.fields.items() if text.strip()]


def _label(label_id: str, language: Language) -> str:
    found = labels()[label_id]
    return found.zh if language is Language.ZH else found.en


def _not_shown(item: NotShown, catalogue: Catalogue, language: Language) -> str:
    try:
        reason = catalogue.text(item.code, language, **item.params)
    except MissingText:  # a signed result is shown whatever happened to its pictures
        reason = item.code
    return catalogue.text("result.not_shown", language, number=item.number, reason=reason)


def _picture(item: ResultPicture) -> dict[str, Any]:
    record = item.record
    common: dict[str, Any] = {"acquired_at": item.recording.acquired_at}
    if isinstance(record, Radiograph):
        encoded = base64.b64encode(film_png(record, _FILM_PX)).decode("ascii")
        return common | {"kind": "film", "view": record.view.value, "png": encoded}
    if isinstance(record, CellImage):
        encoded = base64.b64encode(cell_png(record, _FILM_PX)).decode("ascii")
        return common | {"kind": "cell", "png": encoded}
    return common | _ecg(record)


def _ecg(record: EcgRecord) -> dict[str, Any]:
    return {
        "kind": "ecg",
        "svg": ecg_svg(record),
        "rate_hz": f"{record.rate_hz:g}",
        "filters": ", ".join(f"{key} {value:g}" for key, value in sorted(record.filters.items())),
        "derived": ", ".join(record.derived_leads),
    }


def _when(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
