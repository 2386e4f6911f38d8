"""What silences a rule: only what is known to hold."""

from __future__ import annotations

from typing import Any

import pytest

from qiangji_app.rules.compiled import CompiledRule
from qiangji_app.rules.expressions import Outcome
from qiangji_app.rules.pack_files import rule_from

_FACT = {"kind": "yes_no", "unit": "", "keep_hours": 24.0, "zh": "-", "en": "-"}


def _rule(**more: Any) -> CompiledRule:  # Any: YAML content
    content = {
        "id": "first-ecg",
        "topic": "chest_pain.first_ecg",
        "title": {"zh": "做心电图", "en": "Make an ECG"},
        "advice": {"zh": "做心电图", "en": "Make an ECG"},
        "urgency": "emergency",
        "audience": ["village"],
        "source": {"document": "-", "edition": "-"},
        "inputs": ["chest_pain", "ecg_recorded"],
        "facts": {"chest_pain": _FACT, "ecg_recorded": _FACT},
        "condition": "chest_pain",
        **more,
    }
    return CompiledRule.of(rule_from(content))


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"chest_pain": True}, Outcome.YES),
        ({"chest_pain": True, "ecg_recorded": False}, Outcome.YES),
        ({"chest_pain": True, "ecg_recorded": True}, Outcome.NO),
        ({"chest_pain": False}, Outcome.NO),
        ({}, Outcome.UNKNOWN),
        ({"ecg_recorded": True}, Outcome.NO),
    ],
)
def test_only_what_is_known_to_hold_silences_a_rule(
    values: dict[str, bool], outcome: Outcome
) -> None:
    assert _rule(unless="ecg_recorded").answer(values) is outcome


def test_a_rule_does_not_ask_for_what_would_silence_it() -> None:
    assert _rule(unless="ecg_recorded").deciding({}) == {"chest_pain"}


def test_a_rule_without_unless_is_never_silenced() -> None:
    assert _rule().answer({"chest_pain": True, "ecg_recorded": True}) is Outcome.YES
