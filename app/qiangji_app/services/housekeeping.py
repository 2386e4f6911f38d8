"""Regular work nobody asks for: abandoned uploads, files without a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from qiangji_app.ports import Upload
from qiangji_app.services.context import Context

#: An upload that stood still for so long is given up; a file nobody refers to goes after as long.
PATIENCE: Final = timedelta(days=1)


def keep_house(ctx: Context) -> int:
    """Give up stale uploads and remove files without a case; returns the number of files removed.

    A file that is referred to by any case, report or map stays.
    """
    limit = ctx.clock.now() - PATIENCE
    with ctx.store.begin() as unit:
        old = unit.uploads.receiving_since_before(limit)
        stale = [upload for upload in old if _stands_still(ctx, upload, limit)]
        for upload in stale:
            unit.uploads.save(replace(upload, state="failed", error_code="upload.abandoned"))
        unit.commit()
    for upload in stale:
        ctx.blobs.abandon(upload.upload_id)
    with ctx.store.read() as unit:
        referenced = unit.cases.referenced_blobs()
    return ctx.blobs.collect_orphans(referenced, limit)


def _stands_still(ctx: Context, upload: Upload, limit: datetime) -> bool:
    """A slow line may take days: what counts is when the last bytes came."""
    touched = ctx.blobs.touched_at(upload.upload_id)
    return touched is None or touched < limit
