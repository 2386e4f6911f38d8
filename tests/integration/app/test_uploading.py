"""Chunked uploads: resumable, idempotent, verified, told as stored only when they are."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace

import pytest
from support.county import County

from qiangji_app.ports import Upload
from qiangji_app.services import capture, uploading
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, WrongState

DATA = bytes(range(256)) * 40
DIGEST = hashlib.sha256(DATA).hexdigest()


def start(county: County, case_id: str, upload_id: str, *, sha256: str = DIGEST) -> Upload:
    return uploading.start(
        county.ctx,
        county.caller("operator").actor,
        upload_id=upload_id,
        case_id=case_id,
        file_name="x.dcm",
        size=len(DATA),
        sha256=sha256,
    )


def append(county: County, upload_id: str, offset: int, chunk: bytes) -> Upload:
    return uploading.append(county.ctx, county.caller("operator").actor, upload_id, offset, chunk)


def recordings(county: County, case_id: str) -> list[str]:
    with county.store.read() as unit:
        return [row.blob_sha256 for row in unit.cases.recordings(case_id)]


def test_a_file_in_chunks_is_stored_once_and_queued(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id)

    first = append(county, upload_id, 0, DATA[:5000])
    done = append(county, upload_id, 5000, DATA[5000:])
    again = append(county, upload_id, 5000, DATA[5000:])

    assert (first.state, first.received) == ("receiving", 5000)
    assert (done.state, again.state) == ("stored", "stored")
    assert recordings(county, case_id) == [DIGEST]
    assert county.ctx.blobs.get(DIGEST) == DATA
    assert county.woken


def test_announcing_the_same_upload_again_goes_on_where_it_was(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id)
    append(county, upload_id, 0, DATA[:100])

    start(county, case_id, upload_id)
    found = uploading.status(county.ctx, county.caller("operator").actor, upload_id)

    assert found.received == 100


def test_a_transfer_that_ended_just_before_a_crash_is_finished_by_asking(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id)
    county.ctx.blobs.append(upload_id, 0, DATA)

    found = uploading.status(county.ctx, county.caller("operator").actor, upload_id)

    assert found.state == "stored"
    assert recordings(county, case_id) == [DIGEST]


def test_a_gap_tells_where_to_go_on(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id)

    with pytest.raises(Conflict) as refused:
        append(county, upload_id, 10, DATA[10:20])

    assert (refused.value.code, refused.value.params["received"]) == ("upload.offset", 0)


def test_wrong_bytes_fail_the_upload_and_leave_no_recording(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id, sha256="0" * 64)

    failed = append(county, upload_id, 0, DATA)

    assert (failed.state, failed.error_code) == ("failed", "upload.checksum")
    assert recordings(county, case_id) == []
    assert (
        uploading.status(county.ctx, county.caller("operator").actor, upload_id).state == "failed"
    )


@pytest.mark.parametrize(
    ("upload_id", "size", "sha256", "code"),
    [
        ("../x", 10, DIGEST, "upload.bad_id"),
        (str(uuid.uuid4()), 0, DIGEST, "upload.size"),
        (str(uuid.uuid4()), uploading.MAX_FILE_BYTES + 1, DIGEST, "upload.size"),
        (str(uuid.uuid4()), 10, DIGEST.upper(), "upload.bad_digest"),
    ],
)
def test_a_malformed_announcement_is_refused(
    county: County, upload_id: str, size: int, sha256: str, code: str
) -> None:
    with pytest.raises(InputRejected, match=code):
        uploading.start(
            county.ctx,
            county.caller("operator").actor,
            upload_id=upload_id,
            case_id=county.draft(),
            file_name="x",
            size=size,
            sha256=sha256,
        )


def test_too_much_at_once_or_in_all_is_refused(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id)

    with pytest.raises(InputRejected, match="upload.chunk_size"):
        append(county, upload_id, 0, b"x" * (uploading.MAX_CHUNK_BYTES + 1))
    with pytest.raises(InputRejected, match="upload.too_long"):
        append(county, upload_id, 0, DATA + b"x")


def test_a_file_name_that_is_too_long_is_refused_not_cut(county: County) -> None:
    with pytest.raises(InputRejected, match=r"text\.too_long"):
        uploading.start(
            county.ctx,
            county.caller("operator").actor,
            upload_id=str(uuid.uuid4()),
            case_id=county.draft(),
            file_name="x" * 256,
            size=len(DATA),
            sha256=DIGEST,
        )


def test_an_upload_id_of_another_file_is_refused(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id)

    with pytest.raises(Conflict, match="upload.id_taken"):
        start(county, case_id, upload_id, sha256="1" * 64)


def test_somebody_elses_upload_is_not_found(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id)

    with pytest.raises(NotFound, match="upload.not_found"):
        uploading.status(county.ctx, county.caller("township").actor, upload_id)


def test_a_submitted_case_takes_no_more_files(county: County) -> None:
    case_id = county.submitted()

    with pytest.raises(WrongState):
        start(county, case_id, str(uuid.uuid4()))


def test_a_case_holds_a_limited_number_of_files(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "MAX_RECORDINGS_PER_CASE", 1)
    case_id = county.draft()
    start(county, case_id, str(uuid.uuid4()))

    with pytest.raises(InputRejected, match="upload.too_many"):
        start(county, case_id, str(uuid.uuid4()))


def test_a_second_finish_finds_the_upload_stored(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    upload = start(county, case_id, upload_id)
    append(county, upload_id, 0, DATA)
    stale = replace(upload, received=len(DATA))

    found = uploading._finish(county.ctx, county.caller("operator").actor, stale)

    assert found.state == "stored"
    assert recordings(county, case_id) == [DIGEST]


def test_a_finish_that_comes_late_does_not_revive_a_failed_upload(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    upload = start(county, case_id, upload_id)
    county.ctx.blobs.append(upload_id, 0, DATA)
    failed = replace(upload, received=len(DATA), state="failed", error_code="upload.case_closed")
    with county.store.begin() as unit:
        unit.uploads.save(failed)
        unit.commit()

    found = uploading._finish(
        county.ctx, county.caller("operator").actor, replace(failed, state="receiving")
    )

    assert (found.state, found.error_code) == ("failed", "upload.case_closed")
    assert recordings(county, case_id) == []


def test_a_case_withdrawn_meanwhile_takes_no_recording_and_says_so(county: County) -> None:
    case_id, upload_id = county.draft(), str(uuid.uuid4())
    start(county, case_id, upload_id)
    capture.withdraw(county.ctx, county.caller("operator").actor, case_id, "错误")

    failed = append(county, upload_id, 0, DATA)

    assert (failed.state, failed.error_code) == ("failed", "upload.case_closed")
    assert recordings(county, case_id) == []
