"""A limit that also stands elsewhere in the product is the same number there."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import Any

import pytest

from qiangji_app.rules.layers import shipped


def _measured_limit(rule: str, limit: str) -> float:
    text = resources.files("qiangji_inference").joinpath("ecg_rules.toml").read_text("utf-8")
    rows: dict[str, Any] = tomllib.loads(text)  # Any: TOML
    return float(rows[rule][limit])


@pytest.mark.parametrize(
    ("rule", "fact", "measured", "limit"),
    [
        ("ecg-shanxi-svt", "ecg_heart_rate", "tachycardia_180", "limit_bpm"),
        ("ecg-shanxi-af", "ecg_heart_rate", "tachycardia_180", "limit_bpm"),
        (
            "ecg-shanxi-preexcited-af",
            "ecg_preexcited_af_shortest_rr_ms",
            "preexcited_af",
            "limit_ms",
        ),
        ("ecg-zhejiang-a-slow", "ecg_heart_rate", "bradycardia_35", "limit_bpm"),
        ("ecg-consensus-long-qtc", "ecg_qtc_ms", "qtc_550", "limit_ms"),
        ("ecg-consensus-pause", "ecg_longest_rr_s", "pause_5s", "limit_s"),
        ("ecg-consensus-svt", "ecg_heart_rate", "tachycardia_200", "limit_bpm"),
    ],
)
def test_a_list_and_the_measuring_rule_that_cites_it_have_one_limit(
    rule: str, fact: str, measured: str, limit: str
) -> None:
    condition = shipped().find(rule).rule.condition
    found = re.search(rf"{fact} (?:<=|>=|<) (\d+(?:\.\d+)?)", condition)

    assert found is not None
    assert float(found[1]) == _measured_limit(measured, limit)


def test_raised_pressure_beside_lvh_voltage_is_the_limit_of_the_diagnosis() -> None:
    beside = shipped().find("lvh-with-raised-pressure").rule.condition
    diagnosis = shipped().find("htn25-diagnosis-office").rule.condition

    assert re.findall(r">= (\d+)", beside) == re.findall(r">= (\d+)", diagnosis)
