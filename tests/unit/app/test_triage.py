"""From numbers to findings and urgency; pictures and the cache of records."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from support.county import START, outcome
from support.readings import PERSON, ecg, film, prediction, reading

from qiangji_app.domain.case import (
    Case,
    ClinicalRequest,
    Recording,
    RecordingState,
    RequestedUrgency,
    TriageStatus,
)
from qiangji_app.domain.workflow import State
from qiangji_app.services import imaging, triage, urgency
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.records import (
    Modality,
    NameStatus,
    Notice,
    Severity,
)
from qiangji_inference.ecg_types import EcgMeasurements, Statement
from qiangji_inference.results import (
    BundleDeclined,
    BundleRef,
    Flag,
    GateResult,
)


@pytest.mark.parametrize(
    ("label", "flag", "level"),
    [
        ("pneumothorax", Flag.LIKELY, UrgencyLevel.URGENT),
        ("pneumothorax", Flag.POSSIBLE, UrgencyLevel.PRIORITY),
        ("pneumothorax", Flag.NONE, UrgencyLevel.ROUTINE),
        ("effusion", Flag.LIKELY, UrgencyLevel.PRIORITY),
        ("cardiomegaly", Flag.LIKELY, UrgencyLevel.ROUTINE),
        ("no_finding", Flag.LIKELY, UrgencyLevel.ROUTINE),
    ],
)
def test_a_flag_asks_for_what_its_label_and_strength_allow(
    label: str, flag: Flag, level: UrgencyLevel
) -> None:
    found = triage.assess(film(), reading(predictions=(prediction((label, flag)),)))

    assert triage.urgency_level(found) is level
    assert found.findings[0].label == label
    assert found.findings[0].flag == flag.value


def test_a_finding_keeps_code_bundle_and_operating_point() -> None:
    found = triage.assess(film(), reading(predictions=(prediction(("hyp", Flag.NONE)),)))
    coded = triage.assess(film(), reading(predictions=(prediction(("effusion", Flag.NONE)),)))

    assert found.findings[0].code == ""
    assert coded.findings[0].code == "60046008"
    assert coded.findings[0].bundle_version == "0.1.0"
    assert coded.reading["status"] == "done"


def test_measured_statements_raise_urgency_and_plain_ones_do_not() -> None:
    statements = (
        Statement("ecg.a", UrgencyLevel.CRITICAL, "rule-a", "source"),
        Statement("ecg.b", UrgencyLevel.ROUTINE, "rule-b", "source"),
    )
    measured = EcgMeasurements(statements=statements)

    found = triage.assess(ecg(), reading(modality=Modality.ECG, measurements=measured))

    assert triage.urgency_level(found) is UrgencyLevel.CRITICAL
    reasons = found.reading["reasons"]
    assert isinstance(reasons, list)
    assert [row["code"] for row in reasons] == ["ecg.a"]
    assert found.facts["kind"] == "ecg"
    assert found.facts["filters"] == {"low_hz": 0.05}


def test_withheld_calls_keep_a_recording_above_the_unremarkable() -> None:
    plain = prediction(("mi", Flag.NONE))
    withheld = replace(plain, labels=(replace(plain.labels[0], suppressed_by="ecg.paced"),))

    found = triage.assess(ecg(), reading(modality=Modality.ECG, predictions=(withheld,)))

    assert triage.urgency_level(found) is UrgencyLevel.UNDETERMINED
    assert found.findings[0].suppressed_by == "ecg.paced"


def test_a_refused_reading_is_undetermined_and_lists_its_gate_codes() -> None:
    gate = GateResult(notices=(Notice("film.rotated", Severity.REFUSE),))
    declined = (BundleDeclined("cxr-adult", Notice("engine.age_missing", Severity.REFUSE)),)

    found = triage.assess(film(), reading(gate=gate, declined=declined))

    assert triage.urgency_level(found) is UrgencyLevel.UNDETERMINED
    assert found.reading["gate_codes"] == ["film.rotated"]


def test_a_fault_of_a_stage_is_shown_among_the_declined() -> None:
    fault = Notice("engine.gate_failed", Severity.REFUSE)

    found = triage.assess(film(), reading(faults=(fault,)))

    assert found.reading["status"] == "failed"
    assert found.reading["declined"] == [
        {"bundle": "", "code": "engine.gate_failed", "severity": "refuse", "params": {}}
    ]


def test_an_unreadable_name_is_never_compared() -> None:
    person = replace(PERSON, name="ÕÅÈý", name_status=NameStatus.UNRECOGNISED, sex=None)

    found = triage.assess(film(person), reading())

    assert found.person is not None
    assert found.person.name == ""
    assert found.person.sex == ""


def test_failed_and_refused_outcomes_keep_what_is_known() -> None:
    refused = triage.refused_outcome(InputRejected("dicom.cut", at=3))
    unread = triage.failed_outcome(None, "file.reader_killed")
    unjudged = triage.failed_outcome(film(), "engine.model_failed")

    assert refused.state is RecordingState.REFUSED
    assert refused.facts["refusal"] == {"code": "dicom.cut", "params": {"at": 3}}
    assert (unread.state, unjudged.state) == (RecordingState.STORED, RecordingState.READ)
    assert unjudged.person is not None
    assert triage.urgency_level(unread) is UrgencyLevel.UNDETERMINED


def test_maps_survive_packing_and_an_unknown_label_has_none() -> None:
    packed = triage.pack_maps((prediction(("effusion", Flag.NONE)),))

    found = triage.unpack_map(packed, "cxr-adult/effusion")

    assert found is not None
    assert found[0].shape == (14, 14)
    assert found[1] == (0.0, 0.0, 1.0, 1.0)
    assert triage.unpack_map(packed, "cxr-adult/mass") is None
    assert triage.unpack_map(packed, "cxr-adult/effusion.extent") is None
    assert triage.pack_maps(()) == b""


def test_two_bundles_that_know_the_same_label_keep_a_map_each() -> None:
    adult = prediction(("pneumonia", Flag.NONE))
    child = replace(
        adult,
        bundle=BundleRef("cxr-child", "0.1.0", "b" * 64),
        activation_map=2 * adult.activation_map,
        map_extent=(0.1, 0.0, 0.9, 1.0),
    )

    packed = triage.pack_maps((adult, child))

    for bundle, value, top in (("cxr-adult", 1.0, 0.0), ("cxr-child", 2.0, 0.1)):
        found = triage.unpack_map(packed, triage.map_id(bundle, "pneumonia"))
        assert found is not None
        assert (found[0] == value).all()
        assert found[1][0] == pytest.approx(top)


def test_maps_packed_before_bundles_were_named_are_still_found() -> None:
    buffer = io.BytesIO()
    extent = np.array([0, 0, 1, 1], np.float32)
    np.savez(buffer, **{"mass": np.ones((2, 2), np.float16), "mass.extent": extent})

    assert triage.unpack_map(buffer.getvalue(), "cxr-adult/mass") is not None


def row(**changed: object) -> Recording:
    values: dict[str, object] = {
        "id": "r",
        "case_id": "c",
        "blob_sha256": "0",
        "size": 1,
        "file_name": "f",
        "state": RecordingState.READ,
        "received_at": START,
    }
    return Recording(**(values | changed))  # type: ignore[arg-type]  # built per case


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], TriageStatus.PENDING),
        (["done"], TriageStatus.DONE),
        (["done", "pending"], TriageStatus.PENDING),
        (["done", "failed"], TriageStatus.FAILED),
        (["done", "refused"], TriageStatus.REFUSED),
        (["done", "refused:film.lateral"], TriageStatus.DONE),
        (["refused:film.lateral"], TriageStatus.REFUSED),
        (["out_of_scope", "done"], TriageStatus.OUT_OF_SCOPE),
    ],
)
def test_a_case_is_done_only_when_all_that_counts_is(
    statuses: list[str], expected: TriageStatus
) -> None:
    rows = []
    for status in statuses:
        name, _, code = status.partition(":")
        rows.append(row(reading={"status": name, "gate_codes": [code] if code else []}))

    assert urgency.triage_status(rows) is expected


def test_an_undecodable_file_counts_as_refused_and_strange_data_as_nothing() -> None:
    refused = row(state=RecordingState.REFUSED)
    strange = row(reading={"status": "done", "gate_codes": "x", "reasons": "y"})
    case = Case("c", "s", "p", "cxr", State.DRAFT, START, "u")

    assert urgency.triage_status([refused]) is TriageStatus.REFUSED
    assert urgency.triage_status([strange]) is TriageStatus.DONE
    assert urgency.reasons_for(case, [strange], has_call=False) == ()


def test_the_model_raises_urgency_and_never_lowers_it() -> None:
    request = ClinicalRequest(requested=RequestedUrgency.EMERGENCY)
    case = Case("c", "s", "p", "cxr", State.DRAFT, START, "u", request=request)
    reason = {"code": "a", "level": 4, "source": "measurement", "params": {}}
    quiet = row(reading={"status": "done", "reasons": []})
    loud = row(reading={"status": "done", "reasons": [reason, reason]})

    assert [item.level for item in urgency.reasons_for(case, [quiet], has_call=False)] == [3]
    assert [item.level for item in urgency.reasons_for(case, [loud], has_call=False)] == [4, 3]


def test_an_outcome_without_reasons_is_undetermined_until_it_is_read() -> None:
    strange = replace(outcome(), reading={"status": "pending", "reasons": None})

    assert triage.urgency_level(strange) is UrgencyLevel.UNDETERMINED


def test_a_printed_film_is_a_picture_of_bounded_size() -> None:
    assert imaging.film_png(film(), 32).startswith(b"\x89PNG")


def test_the_cache_forgets_the_least_recently_used() -> None:
    cache = imaging.RecordCache(limit_bytes=2 * film().pixels.nbytes)
    first, second, third = film(), film(), film()
    cache.put("1", first)
    cache.put("2", second)
    assert cache.get("1") is first
    cache.put("3", third)

    assert cache.get("2") is None
    assert cache.get("1") is first
    assert cache.get("3") is third
