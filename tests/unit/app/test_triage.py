"""From numbers to findings and urgency; background work on recordings; viewers' data."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from support.county import START, County, outcome

from qiangji_app.domain.case import (
    Case,
    ClinicalRequest,
    Recording,
    RecordingState,
    RequestedUrgency,
    TriageStatus,
    Verdict,
)
from qiangji_app.domain.person import Patient
from qiangji_app.domain.workflow import State
from qiangji_app.services import capture, imaging, recordings, review, triage, urgency
from qiangji_app.services.results import result_document
from qiangji_datasets.errors import Conflict, InputRejected, NotFound
from qiangji_datasets.labels import UrgencyLevel
from qiangji_datasets.records import (
    EcgRecord,
    Modality,
    NameStatus,
    Notice,
    PersonIdentity,
    Radiograph,
    Severity,
    Sex,
    StudyIds,
    View,
)
from qiangji_inference.ecg_types import EcgMeasurements, Statement
from qiangji_inference.reading import Reading
from qiangji_inference.results import (
    BundleDeclined,
    BundleRef,
    Flag,
    GateResult,
    LabelPrediction,
    Prediction,
)

PERSON = PersonIdentity(name="赵某", name_status=NameStatus.DECODED, sex=Sex.F, age_years=60)


def film(person: PersonIdentity = PERSON) -> Radiograph:
    pixels = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
    ids = StudyIds(acquired_at=datetime(2026, 3, 2, 9, 30))  # noqa: DTZ001 - as devices write it
    return Radiograph(pixels=pixels, bits_stored=12, view=View.PA, person=person, ids=ids)


def ecg() -> EcgRecord:
    signal = np.zeros((12, 5000), np.float32)
    signal[1] = np.sin(np.arange(5000) / 80)
    return EcgRecord(
        signal_mv=signal,
        rate_hz=500.0,
        person=PERSON,
        ids=StudyIds(),
        filters={"low_hz": 0.05, "high_hz": float("nan")},
    )


def prediction(*calls: tuple[str, Flag]) -> Prediction:
    labels = tuple(
        LabelPrediction(label, 0.1, 0.52, flag, "sensitive", 0.3) for label, flag in calls
    )
    return Prediction(
        bundle=BundleRef("cxr-adult", "0.1.0", "a" * 64),
        modality=Modality.CXR,
        labels=labels,
        activation_map=np.ones((len(labels), 14, 14), np.float32),
        map_extent=(0.0, 0.0, 1.0, 1.0),
        calibration_id="platt-1",
    )


def reading(**changed: object) -> Reading:
    values: dict[str, object] = {
        "modality": Modality.CXR,
        "age_years": 60.0,
        "sex": Sex.F,
        "quality": (),
        "gate": GateResult(),
        "is_gated": True,
        "predictions": (),
        "declined": (),
        "measurements": None,
    }
    return Reading(**(values | changed))  # type: ignore[arg-type]  # built per case


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

    found = triage.unpack_map(packed, "effusion")

    assert found is not None
    assert found[0].shape == (14, 14)
    assert found[1] == (0.0, 0.0, 1.0, 1.0)
    assert triage.unpack_map(packed, "mass") is None
    assert triage.pack_maps(()) == b""


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


def test_triage_of_a_removed_recording_ends_quietly(county: County) -> None:
    recordings.triage_recording(county.ctx, str(uuid.uuid4()))

    assert not recordings.run_next(county.ctx)


def test_a_recording_removed_while_it_was_read_is_not_brought_back(county: County) -> None:
    case_id = county.draft()
    recording_id = county.upload(case_id)
    with county.store.read() as unit:
        stale = unit.cases.recording(recording_id)
    assert stale is not None
    capture.remove_recording(county.ctx, county.caller("operator").actor, case_id, recording_id)

    recordings._save(county.ctx, stale, outcome(), "")

    with county.store.read() as unit:
        assert unit.cases.recording(recording_id) is None


def test_a_change_meanwhile_postpones_the_job(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = county.draft()
    recording_id = county.upload(case_id)
    with county.store.begin() as unit:
        unit.jobs.add("triage", recording_id)
        unit.commit()

    def clash(*_: object) -> None:
        raise Conflict("case.changed_meanwhile")

    with monkeypatch.context() as patched:
        patched.setattr(recordings, "triage_recording", clash)
        assert recordings.run_next(county.ctx)
    assert not recordings.run_next(county.ctx)
    county.clock.step(minutes=1)
    assert recordings.run_next(county.ctx)


def test_reading_again_keeps_a_verdict_that_was_given(county: County) -> None:
    county.reader.outcomes[b"x"] = outcome(hints={"effusion": "possible"}, person=Patient("赵某"))
    case_id = county.claimed(content=b"x")
    with county.store.read() as unit:
        hint = unit.cases.findings(case_id)[0]
    specialist = county.caller("specialist").actor
    review.judge(county.ctx, specialist, case_id, hint.id, verdict=Verdict.REJECTED)

    recordings.triage_recording(county.ctx, hint.recording_id)

    with county.store.read() as unit:
        assert [item.verdict for item in unit.cases.findings(case_id)] == [Verdict.REJECTED]


def test_a_device_clock_is_read_in_the_zone_of_its_site(county: County) -> None:
    zoned = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=1)))
    naive = datetime(2026, 3, 2, 9, 30)  # noqa: DTZ001 - as devices write it
    for content, moment in ((b"naive", naive), (b"zoned", zoned)):
        county.reader.outcomes[content] = replace(outcome(), acquired_at=moment)
    case_id = county.draft()

    for content in (b"naive", b"zoned", b"none"):
        county.upload(case_id, content)

    with county.store.read() as unit:
        found = {item.blob_sha256: item.acquired_at for item in unit.cases.recordings(case_id)}
    assert set(found.values()) == {
        datetime(2026, 3, 2, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 2, 8, 30, tzinfo=UTC),
        None,
    }


def test_a_recording_is_opened_by_those_who_may_open_its_case(county: County) -> None:
    recording_id = county.upload(county.draft())

    _, found = recordings.recording_for(county.ctx, county.caller("operator").actor, recording_id)
    assert recordings.is_settled(found)
    with pytest.raises(NotFound):
        recordings.recording_for(county.ctx, county.caller("stranger").actor, recording_id)
    with pytest.raises(NotFound):
        recordings.recording_for(county.ctx, county.caller("operator").actor, "x")


def test_an_erased_patient_states_nothing_to_the_reader(county: County) -> None:
    case_id = county.draft()
    with county.store.begin() as unit:
        unit.persons.erase(county.case(case_id).person_id)
        unit.commit()

    county.upload(case_id)

    assert county.reader.stated[-1] == {"modality": "cxr"}


def test_an_outcome_without_reasons_is_undetermined_until_it_is_read() -> None:
    strange = replace(outcome(), reading={"status": "pending", "reasons": None})

    assert triage.urgency_level(strange) is UrgencyLevel.UNDETERMINED


def test_viewers_get_the_recording_thumbnail_and_map(county: County) -> None:
    maps = triage.pack_maps((prediction(("effusion", Flag.LIKELY)),))
    county.reader.outcomes[b"film"] = outcome(maps=maps)
    county.reader.records[b"film"] = film()
    county.reader.records[b"ecg"] = ecg()
    actor = county.caller("operator").actor
    case_id = county.draft()
    film_id, ecg_id = county.upload(case_id, b"film"), county.upload(case_id, b"ecg")

    assert imaging.thumbnail(county.ctx, actor, film_id).startswith(b"\x89PNG")
    assert imaging.thumbnail(county.ctx, actor, ecg_id).startswith(b"\x89PNG")
    activation, extent = imaging.activation_map(county.ctx, actor, film_id, "effusion")
    imaging.note_map_viewed(county.ctx, actor, film_id, "effusion")

    assert activation.shape == (14, 14)
    assert len(extent) == 4
    for recording_id, label in ((film_id, "mass"), (ecg_id, "mi")):
        with pytest.raises(NotFound, match="map.not_found"):
            imaging.activation_map(county.ctx, actor, recording_id, label)
    with county.store.read() as unit:
        assert [item.type for item in unit.reads.of_case(case_id)] == ["map.read"]


def test_a_printed_film_is_a_picture_of_bounded_size() -> None:
    assert imaging.film_png(film(), 32).startswith(b"\x89PNG")


def test_an_ecg_with_its_shown_lead_off_still_has_a_thumbnail(county: County) -> None:
    record = ecg()
    off = record.signal_mv.copy()
    off[1] = np.nan
    county.reader.records[b"off"] = replace(record, signal_mv=off)
    recording_id = county.upload(county.draft(), b"off")

    thumb = imaging.thumbnail(county.ctx, county.caller("operator").actor, recording_id)

    assert thumb.startswith(b"\x89PNG")


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


def test_a_result_shows_signed_recordings_and_the_wanted_version(county: County) -> None:
    county.reader.records[b"film"] = film()
    case_id = county.acknowledged()
    actor = county.caller("township").actor

    document = result_document(county.ctx, actor, case_id)

    assert document.report.version == 1
    assert [item.record.modality for item in document.pictures] == [Modality.CXR]
    assert [name for _, name in document.acknowledgements] == ["Township"]
    assert document.reading_site is not None
    assert result_document(county.ctx, actor, case_id, 1).report.version == 1
    with pytest.raises(NotFound, match="report.not_signed"):
        result_document(county.ctx, actor, case_id, 2)
    with pytest.raises(NotFound, match="report.not_signed"):
        result_document(county.ctx, actor, county.submitted())


def test_an_erased_patient_leaves_a_result_without_a_name(county: County) -> None:
    county.reader.records[b"film"] = film()
    case_id = county.signed()
    with county.store.begin() as unit:
        unit.persons.erase(county.case(case_id).person_id)
        unit.commit()

    document = result_document(county.ctx, county.caller("township").actor, case_id)

    assert document.patient.name == ""
