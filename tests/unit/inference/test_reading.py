"""The status of a reading: only a complete one is done."""

from __future__ import annotations

import pytest

from qiangji_datasets.records import Modality, Notice, Severity
from qiangji_inference.reading import Code, Reading, ReadingStatus, refusal
from qiangji_inference.results import BundleDeclined, GateResult
from qiangji_inference.stages import gated

REFUSED = GateResult(notices=(Notice("gate.blank", Severity.REFUSE),))
WARNED = GateResult(notices=(Notice("gate.noise", Severity.WARN),))


def _reading(
    *, gate: GateResult = WARNED, declined: tuple[str, ...] = (), faults: tuple[Code, ...] = ()
) -> Reading:
    return Reading(
        modality=Modality.ECG,
        age_years=50,
        sex=None,
        quality=(),
        gate=gate,
        is_gated=True,
        predictions=(),
        declined=tuple(
            BundleDeclined(f"b{number}", Notice(code, Severity.REFUSE))
            for number, code in enumerate(declined)
        ),
        measurements=None,
        faults=tuple(refusal(code) for code in faults),
    )


@pytest.mark.parametrize(
    ("reading", "status"),
    [
        (_reading(gate=REFUSED), ReadingStatus.REFUSED),
        (_reading(gate=REFUSED, declined=(Code.BUNDLE_REFUSED,)), ReadingStatus.REFUSED),
        (_reading(declined=(Code.AGE_MISSING,)), ReadingStatus.OUT_OF_SCOPE),
        (
            _reading(declined=(Code.AGE_OUT_OF_RANGE, Code.SEX_OUT_OF_RANGE)),
            ReadingStatus.OUT_OF_SCOPE,
        ),
        (_reading(declined=(Code.AGE_OUT_OF_RANGE, "ecg.too_short")), ReadingStatus.REFUSED),
        (_reading(declined=(Code.AGE_OUT_OF_RANGE, Code.MODEL_FAILED)), ReadingStatus.FAILED),
        (_reading(declined=(Code.NO_BUNDLE,)), ReadingStatus.FAILED),
        (_reading(faults=(Code.GATE_FAILED,)), ReadingStatus.FAILED),
        (_reading(faults=(Code.MEASURE_FAILED,)), ReadingStatus.FAILED),
    ],
)
def test_status(reading: Reading, status: ReadingStatus) -> None:
    assert reading.status is status


def test_reasons_hold_the_refusing_gate_the_faults_and_the_declining_bundles() -> None:
    refused = _reading(gate=REFUSED)
    failed = _reading(declined=(Code.AGE_MISSING,), faults=(Code.MEASURE_FAILED,))

    assert [notice.code for notice in refused.reasons] == ["gate.blank"]
    assert [notice.code for notice in failed.reasons] == [Code.MEASURE_FAILED, Code.AGE_MISSING]


def test_a_gate_that_fails_blocks_the_ai_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> GateResult:
        raise ZeroDivisionError

    ms: dict[str, float] = {}
    checked = gated(broken, ms)

    assert checked.blocks
    assert [fault.code for fault in checked.faults] == [Code.GATE_FAILED]
    assert "gate" in ms
    assert "the gate failed" in caplog.text
