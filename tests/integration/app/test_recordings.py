"""Background work on recordings, and what viewers and results get of them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from support.county import County, outcome
from support.readings import ecg, film, prediction

from qiangji_app.domain.case import (
    TriageStatus,
    Verdict,
)
from qiangji_app.domain.person import Patient
from qiangji_app.services import imaging, recordings, review, triage
from qiangji_app.services.results import result_document
from qiangji_app.storage.jobs import LEASE
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, StorageFault
from qiangji_datasets.records import (
    Modality,
)
from qiangji_inference.results import (
    Flag,
)


def test_triage_of_a_removed_recording_ends_quietly(county: County) -> None:
    recordings.triage_recording(county.ctx, str(uuid.uuid4()))

    assert not recordings.run_next(county.ctx)


def test_a_change_meanwhile_postpones_the_job(county: County) -> None:
    case_id = county.draft()
    recording_id = county.upload(case_id)
    with county.store.begin() as unit:
        unit.jobs.add("triage", recording_id)
        unit.commit()

    county.reader.fault = Conflict("case.changed_meanwhile")
    assert recordings.run_next(county.ctx)
    county.reader.fault = None
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


def test_a_changed_statement_is_open_again_though_another_was_judged(county: County) -> None:
    county.reader.outcomes[b"x"] = outcome(hints={"nodule": "likely"})
    case_id = county.claimed(content=b"x")
    with county.store.read() as unit:
        hint = unit.cases.findings(case_id)[0]
    specialist = county.caller("specialist").actor
    review.judge(county.ctx, specialist, case_id, hint.id, verdict=Verdict.REJECTED)
    county.reader.outcomes[b"x"] = outcome(hints={"nodule": "likely", "pneumothorax": "likely"})

    recordings.triage_recording(county.ctx, hint.recording_id)

    with county.store.read() as unit:
        found = {item.label: item.verdict for item in unit.cases.findings(case_id)}
    assert found == {"nodule": Verdict.REJECTED, "pneumothorax": Verdict.OPEN}


def test_a_broken_job_leaves_the_recording_as_failed_and_the_queue_goes_on(
    county: County,
) -> None:
    case_id = county.draft()
    recording_id = county.upload(case_id)
    with county.store.begin() as unit:
        unit.jobs.add("triage", recording_id)
        unit.jobs.add("triage", str(uuid.uuid4()))
        unit.commit()

    county.reader.fault = RuntimeError("no such zone")
    assert recordings.run_next(county.ctx)
    assert recordings.run_next(county.ctx)
    assert not recordings.run_next(county.ctx)

    with county.store.read() as unit:
        recording = unit.cases.recording(recording_id)
    assert recording is not None
    assert recording.reading["status"] == "failed"
    assert recording.facts["kind"] == "film"
    assert county.case(case_id).triage is TriageStatus.FAILED


def test_a_recording_that_ends_the_program_three_times_is_given_up_as_failed(
    county: County,
) -> None:
    case_id = county.draft()
    recording_id = county.upload(case_id)
    with county.store.begin() as unit:
        unit.jobs.add("triage", recording_id)
        unit.commit()

    county.reader.fault = SystemExit()
    for _ in range(3):
        with pytest.raises(SystemExit):
            recordings.run_next(county.ctx)
        county.clock.step(seconds=LEASE.total_seconds())
    assert recordings.run_next(county.ctx)
    assert not recordings.run_next(county.ctx)

    assert county.case(case_id).triage is TriageStatus.FAILED
    county.reader.fault = None
    with county.store.begin() as unit:
        unit.jobs.add("triage", recording_id)
        unit.commit()
    assert recordings.run_next(county.ctx)
    assert county.case(case_id).triage is TriageStatus.DONE


def test_a_full_disk_costs_the_maps_and_not_the_reading(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    county.reader.outcomes[b"x"] = outcome(maps=b"npz", hints={"pneumothorax": "likely"})

    def full(*_: object) -> str:
        raise StorageFault("storage.full")

    monkeypatch.setattr(type(county.ctx.blobs), "put", full)
    case_id = county.draft()
    county.upload(case_id, b"x")

    with county.store.read() as unit:
        assert [item.label for item in unit.cases.findings(case_id)] == ["pneumothorax"]
        assert unit.cases.recordings(case_id)[0].map_blob_sha256 == ""


def test_a_device_clock_is_read_in_the_zone_of_its_site(county: County) -> None:
    zoned = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=1)))
    naive = datetime(2026, 3, 2, 9, 30)  # noqa: DTZ001 - as devices write it
    for content, moment in ((b"naive", naive), (b"zoned", zoned)):
        county.reader.outcomes[content] = replace(outcome(), acquired_at=moment)
    county.reader.outcomes[b"none"] = replace(outcome(), acquired_at=None)
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
    assert found.id == recording_id
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
    activation, extent = imaging.activation_map(county.ctx, actor, film_id, "cxr-adult/effusion")

    assert activation.shape == (14, 14)
    assert len(extent) == 4
    with pytest.raises(InputRejected, match="label.unknown"):
        imaging.activation_map(county.ctx, actor, film_id, "cxr-adult/effusion.extent")
    for recording_id, label in ((film_id, "cxr-adult/mass"), (ecg_id, "ecg-12lead/mi")):
        with pytest.raises(NotFound, match="map.not_found"):
            imaging.activation_map(county.ctx, actor, recording_id, label)
    with county.store.read() as unit:
        assert [item.type for item in unit.reads.of_case(case_id)] == ["map.read"]
        (seen,) = unit.reads.of_case(case_id)
        assert (seen.payload["label"], seen.payload["bundle"]) == ("effusion", "cxr-adult")


def test_an_ecg_with_its_shown_lead_off_still_has_a_thumbnail(county: County) -> None:
    record = ecg()
    off = record.signal_mv.copy()
    off[1] = np.nan
    county.reader.records[b"off"] = replace(record, signal_mv=off)
    recording_id = county.upload(county.draft(), b"off")

    thumb = imaging.thumbnail(county.ctx, county.caller("operator").actor, recording_id)

    assert thumb.startswith(b"\x89PNG")


def test_a_result_shows_signed_recordings_and_the_wanted_version(county: County) -> None:
    county.reader.records[b"film"] = film()
    case_id = county.acknowledged()
    actor = county.caller("township").actor

    document = result_document(county.ctx, actor, case_id)

    assert document.report.version == 1
    assert [item.record.modality for item in document.pictures] == [Modality.CXR]
    assert [name for _, name in document.acknowledgements] == ["Township"]
    assert document.reading_site == "县医院"
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
