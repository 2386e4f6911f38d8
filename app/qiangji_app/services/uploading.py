"""Files on their way in: in chunks, resumable, verified, told as stored only when they are."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from qiangji_app.domain.case import Case, Recording, RecordingState, without_reasons
from qiangji_app.domain.ids import is_uuid
from qiangji_app.domain.modalities import MODALITIES, naming
from qiangji_app.domain.roles import Actor
from qiangji_app.domain.workflow import Action
from qiangji_app.ports import Unit, Upload
from qiangji_app.services.access import allows, require, visible_case
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_FILE_NAME, whole
from qiangji_app.services.urgency import refresh_urgency
from qiangji_datasets.errors import Conflict, InputRejected, NotFound

#: Largest file accepted, bytes; a 4k x 4k 16-bit film is 32 MiB.
MAX_FILE_BYTES: Final = 128 * 2**20
#: Largest chunk of one request, bytes.
MAX_CHUNK_BYTES: Final = 2**20
MAX_RECORDINGS_PER_CASE: Final = 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def start(
    ctx: Context,
    actor: Actor,
    *,
    upload_id: str,
    case_id: str,
    file_name: str,
    size: int,
    sha256: str,
    modality: str = "",
) -> Upload:
    """Announce a file; the same ``upload_id`` again is the same upload.

    Parameters
    ----------
    modality
        What the desk says that the file shows; a picture does not say so itself.

    Raises
    ------
    InputRejected
        Bad id, size, digest, name or modality; too many recordings.
    Conflict
        The id was used for another file.
    StorageFault
        ``storage.full``: not enough space, nothing was accepted.
    """
    _check(upload_id, size, sha256)
    if modality not in MODALITIES:
        raise InputRejected("case.modality", modality=modality[:20])
    with ctx.store.begin() as unit:
        case = visible_case(unit, actor, case_id)
        known = unit.uploads.get(upload_id)
        if known is not None:
            return _same(known, actor, case, size=size, sha256=sha256)
        require(actor, case, Action.EDIT)
        under_way = [row for row in unit.uploads.of_case(case.id) if row.state == "receiving"]
        if len(unit.cases.recordings(case.id)) + len(under_way) >= MAX_RECORDINGS_PER_CASE:
            raise InputRejected("upload.too_many", limit=MAX_RECORDINGS_PER_CASE)
        ctx.blobs.start(upload_id, size)
        upload = Upload(
            upload_id=upload_id,
            case_id=case.id,
            recording_id=ctx.ids.new(),
            user_id=actor.user_id,
            site_id=case.site_id,
            file_name=whole(file_name, MAX_FILE_NAME),
            size=size,
            sha256=sha256,
            received=0,
            state="receiving",
            error_code="",
            created_at=ctx.clock.now(),
            modality=modality,
        )
        unit.uploads.add(upload)
        unit.commit()
    return upload


def append(ctx: Context, actor: Actor, upload_id: str, offset: int, chunk: bytes) -> Upload:
    """Add bytes; the last chunk finishes the upload before it answers.

    Raises
    ------
    Conflict
        ``upload.offset`` with ``received``: go on from there.
    InputRejected
        More bytes than announced, or the digest differs (the upload is then failed).
    """
    upload = _own(ctx, actor, upload_id)
    if upload.state != "receiving":
        return upload
    if len(chunk) > MAX_CHUNK_BYTES:
        raise InputRejected("upload.chunk_size", limit=MAX_CHUNK_BYTES)
    if offset + len(chunk) > upload.size:
        raise InputRejected("upload.too_long", size=upload.size)
    received = ctx.blobs.append(upload_id, offset, chunk)
    if received < upload.size:
        return replace(upload, received=received)
    return _finish(ctx, actor, replace(upload, received=received))


def status(ctx: Context, actor: Actor, upload_id: str) -> Upload:
    """Where an upload stands; a finished transfer that was not committed is finished now.

    Raises
    ------
    NotFound
        No such upload, or somebody else's.
    """
    upload = _own(ctx, actor, upload_id)
    if upload.state != "receiving":
        return upload
    upload = replace(upload, received=ctx.blobs.received(upload_id))
    if upload.received == upload.size:
        return _finish(ctx, actor, upload)
    return upload


def _own(ctx: Context, actor: Actor, upload_id: str) -> Upload:
    with ctx.store.read() as unit:
        upload = unit.uploads.get(upload_id)
    if upload is None or upload.user_id != actor.user_id:
        raise NotFound("upload.not_found")
    return upload


def _finish(ctx: Context, actor: Actor, upload: Upload) -> Upload:
    """Digest, fsync, rename, folder fsync, read back; then commit; then the answer."""
    try:
        ctx.blobs.finish(upload.upload_id, upload.sha256)
    except InputRejected as refused:
        return _failed(ctx, upload, refused.code)
    stored = replace(upload, state="stored")
    with ctx.store.begin() as unit:
        current = unit.uploads.get(upload.upload_id)
        if current is not None and current.state != "receiving":
            return current
        case = visible_case(unit, actor, upload.case_id)
        is_open = allows(actor, case, Action.EDIT)
        if is_open:
            _record(ctx, unit, actor, case, stored)
            unit.commit()
    if not is_open:  # the case went up or was withdrawn while the file came in
        return _failed(ctx, upload, "upload.case_closed")
    ctx.wake()
    return stored


def _failed(ctx: Context, upload: Upload, code: str) -> Upload:
    failed = replace(upload, state="failed", error_code=code)
    with ctx.store.begin() as unit:
        unit.uploads.save(failed)
        unit.commit()
    ctx.blobs.abandon(upload.upload_id)
    return failed


def _record(ctx: Context, unit: Unit, actor: Actor, case: Case, upload: Upload) -> None:
    unit.uploads.save(upload)
    unit.cases.add_recording(
        Recording(
            id=upload.recording_id,
            case_id=case.id,
            blob_sha256=upload.sha256,
            size=upload.size,
            file_name=upload.file_name,
            state=RecordingState.STORED,
            received_at=ctx.clock.now(),
            facts=naming(upload.modality),
        )
    )
    unit.jobs.add("triage", upload.recording_id)
    refresh_urgency(unit, without_reasons(case))
    unit.events.append(
        type="recording.stored",
        actor_id=actor.user_id,
        case_id=case.id,
        payload={
            "recording": upload.recording_id,
            "sha256": upload.sha256,
            "size": upload.size,
        },
    )


def _check(upload_id: str, size: int, sha256: str) -> None:
    if not is_uuid(upload_id):
        raise InputRejected("upload.bad_id")
    if not 0 < size <= MAX_FILE_BYTES:
        raise InputRejected("upload.size", size=size, limit=MAX_FILE_BYTES)
    if _SHA256.fullmatch(sha256) is None:
        raise InputRejected("upload.bad_digest")


def _same(known: Upload, actor: Actor, case: Case, *, size: int, sha256: str) -> Upload:
    is_same = (known.case_id, known.user_id, known.size, known.sha256) == (
        case.id,
        actor.user_id,
        size,
        sha256,
    )
    if not is_same:
        raise Conflict("upload.id_taken")
    return known
