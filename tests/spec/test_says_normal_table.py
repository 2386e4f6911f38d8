"""What an impression says of the whole study, row by row; the phrases of our own templates too."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from qiangji_app.domain.impressions import says_normal

_NORMAL = [
    "未见明显异常。",
    "心、肺、膈未见明显异常。",
    "心肺膈未见异常",
    "双肺、心影、膈未见明显病变。",
    "1、两肺及心影未见明显异常。2、建议随诊",
    "胸部正位片未见明显异常",
    "胸片正常。",
    "胸部未见急性病变",
    "心电图未见明显异常。",
    "窦性心律\uff0c心电图未见明显异常\u3002",
    "窦性心律,心电图未见明显异常。",
    "窦性心律,未见异常。",
    "窦性心律,正常心电图",
    "窦性心律,大致正常心电图",
    "正常范围心电图",
    "12 导联心电图大致正常",
    "心电图在正常范围内。",
    "正常。",
    "No acute abnormality.",
    "No significant abnormality detected.",
    "Normal chest film",
    "Normal sinus rhythm, normal ECG.",
    "Sinus rhythm, no abnormality.",
    "ECG within normal limits",
    "The chest film shows no acute cardiopulmonary abnormality.",
    "The study is normal.",
    "Within normal limits.",
]
_SAYS_MORE = [
    "",
    "左下肺结节,余肺野未见明显异常",
    "左下肺结节,余未见异常。",
    "左下肺结节\uff0c余未见异常\u3002",
    "右侧胸腔积液,其余心、肺、膈未见明显异常。",
    "左下肺结节。其他未见明显异常。",
    "心、肺、膈未见其他异常。",
    "心影大小正常范围",
    "心影大小、形态未见明显异常,双下肺渗出。",
    "两肺未见明显异常,心影增大",
    "PR 间期正常,QT 延长",
    "ST-T 未见明显异常。",
    "心率 80 次/分,正常范围",
    "右侧气胸,未见明显异常",
    "不正常心电图",
    "非正常心电图",
    "异常心电图",
    "心电图不正常",
    "No acute abnormality otherwise",
    "Nodule on the left, otherwise no acute abnormality.",
    "Otherwise normal ECG",
    "No other abnormality.",
    "Heart size within normal limits. Effusion on the right.",
    "Effusion, no acute abnormality elsewhere",
    "Pneumothorax, no acute abnormality",
    "Abnormal ECG",
    "Not normal",
]
#: Of all that our templates propose, these say that nothing was found.
_PROPOSED_NORMAL = {"心、肺、膈未见明显异常。", "窦性心律,心电图未见明显异常。"}


@pytest.mark.parametrize("impression", _NORMAL)
def test_an_impression_that_speaks_of_the_whole_study_says_normal(impression: str) -> None:
    assert says_normal(impression)


@pytest.mark.parametrize("impression", _SAYS_MORE)
def test_the_rest_or_one_organ_does_not_say_that_nothing_was_found(impression: str) -> None:
    assert not says_normal(impression)


def test_of_the_proposed_phrases_only_those_for_an_unremarkable_study_say_normal() -> None:
    text = (files("qiangji_app") / "templates/reports.toml").read_text("utf-8")
    proposed: list[str] = []
    for template in tomllib.loads(text).values():
        proposed += template["impressions_zh"]
        proposed += [phrase for row in template["fields"] for phrase in row["phrases_zh"]]

    assert {phrase for phrase in proposed if says_normal(phrase)} == _PROPOSED_NORMAL
