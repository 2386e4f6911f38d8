"""The referral letter as one HTML page in the form of the national 双向转诊单."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape

from qiangji_app.referral_codes import referral_codes
from qiangji_app.services.ages import age_text
from qiangji_app.services.referral_letter import ReferralLetter
from qiangji_datasets.messages import Catalogue, Language


def letter_html(letter: ReferralLetter, catalogue: Catalogue, language: Language) -> str:
    """A self-contained page: counterfoil 存根 above, letter below; no script, no outside request.

    Parameters
    ----------
    letter
        Up or down.
    language
        Of headings; what doctors wrote stays as they wrote it.

    References
    ----------
    国家基本公共卫生服务规范(第三版), 国卫基层发〔2017〕13号, 双向转诊单: 存根, 转出单, 回转单.
    """

    def text(key: str, **params: object) -> str:
        return catalogue.text(f"letter.{key}", language, **params)

    codes = referral_codes()
    content = letter.referral.content
    department = codes.departments.get(content.department)
    transport = codes.transports.get(content.transport)
    page: str = _template().render(
        t=text,
        lang="zh-CN" if language is Language.ZH else "en",
        letter=letter,
        content=content,
        plan=letter.plan,
        day=letter.at.astimezone(letter.zone).strftime(text("day_form")),
        age=age_text(letter.patient, letter.age_day, catalogue, language),
        sex=text(f"sex_{letter.patient.sex or 'unknown'}"),
        urgency=catalogue.text(f"referral.urgency.{content.urgency.value}", language),
        department=department.text(language) if department else "",
        transport=transport.text(language) if transport else "",
        reasons=[codes.reasons[one].words.text(language) for one in content.reasons],
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
    file = resources.files("qiangji_app").joinpath("templates", "referral.html")
    return environment.from_string(file.read_text("utf-8"))
