"""Where a report contradicts itself or the verdicts, row by row; what became of the hints."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.county import content, finding

from qiangji_app.domain.case import Finding, FindingSource, Verdict
from qiangji_app.domain.report import ReportContent
from qiangji_app.services.ai_use import AiUse, is_hint, use_now
from qiangji_app.services.presign import contradictions

NORMAL, ILL = "心、肺、膈未见明显异常。", "右侧胸腔积液。"


def judged(label: str, verdict: Verdict, put: str = "", *, flag: str = "likely") -> Finding:
    return replace(finding(label, flag), id=label, verdict=verdict, verdict_label=put)


def found(written: ReportContent, *findings: Finding, has_call: bool = False) -> list[str]:
    rows = contradictions(written, findings, has_call=has_call)
    return [f"{row.code.removeprefix('presign.')} {','.join(row.labels)}".strip() for row in rows]


@pytest.mark.parametrize(
    ("impression", "verdict", "expected"),
    [
        (NORMAL, Verdict.ACCEPTED, ["normal_with_findings effusion"]),
        ("正常心电图", Verdict.ACCEPTED, ["normal_with_findings effusion"]),
        ("No acute abnormality.", Verdict.ACCEPTED, ["normal_with_findings effusion"]),
        ("Normal chest film", Verdict.ACCEPTED, ["normal_with_findings effusion"]),
        (NORMAL, Verdict.REJECTED, []),
        (ILL, Verdict.ACCEPTED, []),
        ("左下肺结节,余肺野未见明显异常", Verdict.ACCEPTED, []),
        ("心影大小正常范围", Verdict.ACCEPTED, []),
        ("No acute abnormality otherwise", Verdict.ACCEPTED, []),
        ("不正常心电图", Verdict.ACCEPTED, []),
        ("Abnormal ECG", Verdict.ACCEPTED, []),
    ],
)
def test_an_impression_that_says_normal_contradicts_an_accepted_hint(
    impression: str, verdict: Verdict, expected: list[str]
) -> None:
    assert found(content(impression), judged("effusion", verdict)) == expected


def test_a_changed_hint_counts_as_what_was_put_in_its_place() -> None:
    changed = judged("effusion", Verdict.EDITED, "pneumonia")

    assert found(content(NORMAL), changed) == ["normal_with_findings pneumonia"]
    assert found(content(NORMAL), judged("mass", Verdict.OPEN)) == []


def test_a_coded_normal_contradicts_a_coded_finding() -> None:
    written = replace(content(ILL), findings=("no_finding", "effusion"))

    assert found(written) == ["normal_with_findings effusion"]


def test_a_rejected_hint_among_the_coded_findings_is_told() -> None:
    written = replace(content(ILL), findings=("effusion", "nodule"))
    no, yes = judged("effusion", Verdict.REJECTED), judged("effusion", Verdict.ACCEPTED)

    assert found(written, no) == ["rejected_written effusion"]
    assert found(written, no, yes) == []


@pytest.mark.parametrize(
    ("is_critical", "has_call", "expected"),
    [
        (False, False, ["critical_unmarked pneumothorax"]),
        (False, True, ["critical_unmarked pneumothorax", "call_unmarked"]),
        (True, False, []),
        (True, True, []),
    ],
)
def test_mark_call_and_urgent_finding_belong_together(
    *, is_critical: bool, has_call: bool, expected: list[str]
) -> None:
    written = replace(content("右侧气胸。"), is_critical=is_critical)
    hint = judged("pneumothorax", Verdict.ACCEPTED)

    assert found(written, hint, has_call=has_call) == expected


def test_a_critical_report_that_says_normal_is_told() -> None:
    written = replace(content(NORMAL), is_critical=True)

    assert found(written, has_call=True) == ["critical_normal"]


def test_only_raised_abnormal_labels_of_the_ai_are_hints() -> None:
    assert is_hint(finding("effusion", "possible"))
    assert not is_hint(finding("effusion", "none"))
    assert not is_hint(finding("no_finding", "likely"))
    assert not is_hint(replace(finding("effusion", "likely"), source=FindingSource.SPECIALIST))


def test_a_report_is_assisted_where_a_hint_was_taken_over_and_not_where_all_were_rejected() -> None:
    rejected = use_now([judged("effusion", Verdict.REJECTED)])
    changed = use_now([judged("effusion", Verdict.EDITED, "mass")])

    assert (rejected, rejected.is_assisted) == (AiUse(rejected=("effusion",)), False)
    assert (changed.edited, changed.is_assisted) == ((("effusion", "mass"),), True)
    assert not use_now([]).is_assisted


def test_a_report_that_contradicts_its_own_words_is_told_before_signing() -> None:
    written = replace(content("左侧大量气胸。"), fields={"pleura": "未见气胸线。"})

    rows = contradictions(written, (), has_call=False)
    marked = contradictions(replace(written, is_critical=True), (), has_call=False)

    assert [(row.code, row.words) for row in rows] == [
        ("presign.words_exclude", ("未见气胸", "气胸")),
        ("presign.critical_words", ("大量气胸",)),
    ]
    assert [row.code for row in marked] == ["presign.words_exclude"]
