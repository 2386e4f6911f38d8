"""Recordings for viewers: decoded on demand, kept for a while, thumbnails and maps."""

from __future__ import annotations

import io
import re
import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from qiangji_app.domain.case import Case, Recording
from qiangji_app.domain.modalities import modality_of
from qiangji_app.domain.roles import Actor
from qiangji_app.services.access import may_see_hints
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.recordings import recording_for
from qiangji_app.services.triage import unpack_map
from qiangji_datasets import labels
from qiangji_datasets.errors import NotFound
from qiangji_datasets.records import CellImage, EcgRecord, Radiograph, Record
from qiangji_models.preprocess.film import display

_THUMB_PX: Final = 160
#: What a bundle may be called; what a browser sends goes into the log of reads.
_BUNDLE: Final = re.compile(r"[a-z0-9-]*")
#: Decoded recordings kept in memory, bytes of pixels or samples.
CACHE_BYTES: Final = 48 * 2**20
#: A viewer asks for a recording in several parts and again; that is one read.
READ_AGAIN: Final = timedelta(minutes=10)


class RecordCache:
    """Least recently used decoded recordings, bounded in bytes; safe for several threads."""

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._records: OrderedDict[str, Record] = OrderedDict()

    def get(self, key: str) -> Record | None:
        """The record, now the most recently used; None when it was dropped or never there."""
        with self._lock:
            record = self._records.pop(key, None)
            if record is not None:
                self._records[key] = record
            return record

    def put(self, key: str, record: Record) -> None:
        """Keep a record; older ones go when the limit is exceeded."""
        with self._lock:
            self._records[key] = record
            while sum(map(_size, self._records.values())) > self._limit:
                self._records.popitem(last=False)


class RecentReads:
    """Who opened which recording within the last minutes: each is written down once.

    Bounded; the oldest are forgotten, and then written down once more. Safe for several threads.
    """

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def is_known(self, session: str, recording_id: str, now: datetime) -> bool:
        """True when this session opened it within ``READ_AGAIN``."""
        with self._lock:
            since = self._seen.get((session, recording_id))
            return since is not None and now - since < READ_AGAIN

    def add(self, session: str, recording_id: str, now: datetime) -> None:
        """Remember a read that is on the chain."""
        with self._lock:
            self._seen.pop((session, recording_id), None)
            self._seen[session, recording_id] = now
            while len(self._seen) > self._limit:
                self._seen.popitem(last=False)


def note_read(ctx: Context, who: Caller, recording: Recording, recent: RecentReads) -> None:
    """Write to the chain of reads that a person opened a recording; ids only."""
    now, session = ctx.clock.now(), who.session.token_sha256
    if recent.is_known(session, recording.id, now):
        return
    with ctx.store.begin() as unit:
        unit.reads.append(
            type="recording.read",
            actor_id=who.actor.user_id,
            case_id=recording.case_id,
            payload={"recording": recording.id},
        )
        unit.commit()
    recent.add(session, recording.id, now)


def decoded(ctx: Context, actor: Actor, recording_id: str) -> tuple[Case, Recording, Record]:
    """The recording itself.

    Raises
    ------
    NotFound
        Not there, or not the actor's to see.
    InputRejected
        No reader understands the file.
    """
    case, recording = recording_for(ctx, actor, recording_id)
    return case, recording, record_of(ctx, case, recording)


def record_of(ctx: Context, case: Case, recording: Recording) -> Record:
    """What a recording holds, for whoever was let in to see it.

    Raises
    ------
    InputRejected
        No reader understands the file.
    """
    record = ctx.cache.get(recording.blob_sha256)
    if record is None:
        stated = {"modality": modality_of(recording) or case.modality}
        with ctx.blobs.plain_path(recording.blob_sha256) as path:
            record = ctx.reader.decode(path, stated=stated)
        ctx.cache.put(recording.blob_sha256, record)
    return record


def activation_map(
    ctx: Context, actor: Actor, recording_id: str, wanted: str
) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """Activation map of one label and the extent it covers, once the look is written down.

    The map may move the reading of whoever sees it, so nobody gets it without a trace.

    Parameters
    ----------
    wanted
        ``BUNDLE/LABEL``, as ``map_id`` names it.

    Raises
    ------
    NotFound
        No map, or the actor may not see AI hints.
    InputRejected
        ``label.unknown``.
    """
    case, recording = recording_for(ctx, actor, recording_id)
    if not may_see_hints(actor, case) or not recording.map_blob_sha256:
        raise NotFound("map.not_found")
    bundle, _, label = wanted.rpartition("/")
    known = labels.label(label if _BUNDLE.fullmatch(bundle) else wanted).id
    found = unpack_map(ctx.blobs.get(recording.map_blob_sha256), wanted)
    if found is None:
        raise NotFound("map.not_found")
    with ctx.store.begin() as unit:
        unit.reads.append(
            type="map.read",
            actor_id=actor.user_id,
            case_id=case.id,
            payload={"recording": recording.id, "label": known, "bundle": bundle},
        )
        unit.commit()
    return found


def thumbnail(ctx: Context, actor: Actor, recording_id: str) -> bytes:
    """Small PNG for lists."""
    _, _, record = decoded(ctx, actor, recording_id)
    picture = _ecg_thumb(record) if isinstance(record, EcgRecord) else _picture_thumb(record)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()


def film_png(film: Radiograph, longest_px: int) -> bytes:
    """The film as shown by default, for a printed result."""
    return _png(display(film), longest_px)


def cell_png(cell: CellImage, longest_px: int) -> bytes:
    """The picture of a cell, for a printed result."""
    return _png(cell.pixels, longest_px)


def _png(pixels: NDArray[np.uint8], longest_px: int) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((longest_px, longest_px), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _picture_thumb(record: Radiograph | CellImage) -> Image.Image:
    shown = display(record) if isinstance(record, Radiograph) else record.pixels
    picture = Image.fromarray(shown)
    picture.thumbnail((_THUMB_PX, _THUMB_PX), Image.Resampling.BOX)
    return picture


def _ecg_thumb(ecg: EcgRecord) -> Image.Image:
    """Three seconds of lead II, 2 mV high."""
    picture = Image.new("L", (_THUMB_PX, _THUMB_PX // 2), 255)
    shown = ecg.signal_mv[1, : int(3 * ecg.rate_hz)]
    at = np.linspace(0, len(shown) - 1, _THUMB_PX).astype(int)
    centred = np.nan_to_num(shown[at] - np.nanmedian(shown) if np.isfinite(shown).any() else 0 * at)
    height = _THUMB_PX // 2
    rows = np.clip(height * 0.6 - centred * height / 3, 1, height - 2)
    points = [(float(x), float(y)) for x, y in enumerate(rows)]
    ImageDraw.Draw(picture).line(points, fill=0, width=1)
    return picture


def _size(record: Record) -> int:
    return int(record.signal_mv.nbytes if isinstance(record, EcgRecord) else record.pixels.nbytes)
