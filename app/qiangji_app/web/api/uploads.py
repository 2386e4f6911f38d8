"""Files in chunks, straight here; resumable, verified, never through Gradio."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from qiangji_app.services import recordings, uploading
from qiangji_app.services.access import may_see_hints
from qiangji_app.web.api.cases import presenter
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.words import Json
from qiangji_datasets.errors import InputRejected

router = APIRouter(tags=["uploads"])


class NewUpload(BaseModel):
    """A file announced by the client."""

    upload_id: str = Field(max_length=36)
    case_id: str = Field(max_length=36)
    file_name: str = Field(default="", max_length=1000)
    size: int
    sha256: str = Field(max_length=64)
    modality: str = Field(default="", max_length=16)


@router.post("/uploads")
def start(body: NewUpload, ctx: Ctx, who: Who) -> Json:
    """Announce a file; repeating it is the same upload."""
    upload = uploading.start(ctx, who.actor, **body.model_dump())
    return presenter(ctx, who).upload(uploading.status(ctx, who.actor, upload.upload_id))


@router.get("/uploads/{upload_id}")
def status(upload_id: str, ctx: Ctx, who: Who) -> Json:
    """How many bytes are on disk, and whether the file is stored."""
    return presenter(ctx, who).upload(uploading.status(ctx, who.actor, upload_id))


@router.patch("/uploads/{upload_id}")
async def append(
    upload_id: str,
    ctx: Ctx,
    who: Who,
    request: Request,
    upload_offset: Annotated[int, Header(ge=0)],
) -> Json:
    """Add bytes at an offset; the last chunk answers only after the file is stored and checked."""
    chunk = await _body(request)
    upload = await run_in_threadpool(
        uploading.append, ctx, who.actor, upload_id, upload_offset, chunk
    )
    return await run_in_threadpool(lambda: presenter(ctx, who).upload(upload))


@router.get("/recordings/{recording_id}")
def recording(recording_id: str, ctx: Ctx, who: Who) -> Json:
    """A stored recording: poll until the AI has answered."""
    case, item = recordings.recording_for(ctx, who.actor, recording_id)
    return presenter(ctx, who).recording(item, case, may_hint=may_see_hints(who.actor, case))


async def _body(request: Request) -> bytes:
    """The request's bytes, refused as soon as they exceed the chunk limit."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > uploading.MAX_CHUNK_BYTES:
            raise InputRejected("upload.chunk_size", limit=uploading.MAX_CHUNK_BYTES)
    return bytes(parts)
