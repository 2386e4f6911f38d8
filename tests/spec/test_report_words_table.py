"""Words of a report that exclude each other or name a critical value, row by row."""

from __future__ import annotations

import pytest

from qiangji_app.domain.report_words import critical_words, opposites
from qiangji_app.report_templates import load_templates


@pytest.mark.parametrize(
    ("texts", "pairs"),
    [
        (["双侧肋膈角锐利。右侧肋膈角变钝。"], [("肋膈角锐利", "肋膈角变钝")]),
        (["未见气胸线。", "左侧大量气胸"], [("未见气胸", "气胸")]),
        (["未见气胸线。", "未见气胸、胸腔积液"], []),
        (["双侧肋膈角锐利。", "排除胸腔积液"], []),
        (["心影大小、形态未见明显异常,纵隔居中。纵隔移位。"], [("纵隔居中", "纵隔移位")]),
        (["ST-T 未见明显异常。", "ST 段抬高:V2"], [("ST-T未见明显异常", "ST段抬高")]),
        (["窦性心律。", "心房颤动。"], [("窦性心律", "心房颤动")]),
        (["左侧气胸。", "左侧气胸,请立即处理"], []),
        (["", ""], []),
    ],
)
def test_what_is_denied_in_one_section_is_not_stated_in_another(
    texts: list[str], pairs: list[tuple[str, str]]
) -> None:
    assert list(opposites(texts)) == pairs


@pytest.mark.parametrize(
    ("impression", "words"),
    [
        ("左侧大量气胸。", ("大量气胸",)),
        ("急性 ST 段抬高型心肌梗死可能,请立即启动胸痛流程。", ("ST段抬高型心肌梗死",)),
        ("未见张力性气胸", ()),
        ("陈旧性改变,排除主动脉夹层", ()),
        ("三度房室传导阻滞,三度房室传导阻滞", ("三度房室传导阻滞",)),
        ("右侧少量气胸", ()),
        ("", ()),
    ],
)
def test_words_of_a_critical_value_are_found_unless_denied(
    impression: str, words: tuple[str, ...]
) -> None:
    assert critical_words(impression) == words


def test_a_normal_phrase_of_a_template_excludes_the_abnormal_ones_of_its_section() -> None:
    film = next(one for one in load_templates() if one.modality == "cxr")
    pleura = next(field for field in film.fields if field.id == "pleura").excludes()

    assert pleura["双侧肋膈角锐利。"] == [
        "右侧肋膈角变钝。",
        "左侧肋膈角变钝。",
        "右侧胸腔积液,上缘达前第  肋水平。",
        "左侧胸腔积液,上缘达前第  肋水平。",
    ]
    assert pleura["右侧肋膈角变钝。"] == ["双侧肋膈角锐利。"]
    assert "未见气胸线。" in pleura["左侧气胸,肺压缩约  %。"]
