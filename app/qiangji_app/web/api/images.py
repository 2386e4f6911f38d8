"""Pixels, samples, maps and thumbnails for the viewers."""

from __future__ import annotations

import gzip
import io
import json
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from PIL import Image

from qiangji_app.domain.case import Case, Recording
from qiangji_app.services import access, accounts, imaging
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.recordings import recording_for
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.words import Json
from qiangji_datasets.errors import NotFound
from qiangji_datasets.records import LEADS, EcgRecord, Radiograph, Record
from qiangji_inference.explain import ecg_strength, film_overlay

router = APIRouter(prefix="/images", tags=["images"])
_OVERLAY_SIZE: Final = (512, 512)
_MAP_ID: Final = 128  # characters of a bundle's name and a label
_MAP_RATE_HZ: Final = 25.0
#: Patients' pictures must not stay in the browser of a shared desk.
_NO_STORE: Final = {"Cache-Control": "no-store"}


class Reading:
    """Opens a recording for the caller; the first time is written to the chain of reads."""

    def __init__(self, ctx: Ctx, who: Who, request: Request) -> None:
        self.ctx = ctx
        self.who = who
        self._recent: imaging.RecentReads = request.app.state.recent_reads

    def __call__(self, recording_id: str) -> tuple[Case, Recording, Record]:
        """The recording, once the read is on the chain."""
        self.note(recording_id)
        return imaging.decoded(self.ctx, self.who.actor, recording_id)

    def note(self, recording_id: str) -> None:
        """Write the read down unless this session's is there already."""
        _, item = recording_for(self.ctx, self.who.actor, recording_id)
        imaging.note_read(self.ctx, self.who, item, self._recent)


Read = Annotated[Reading, Depends()]


@router.get("/{recording_id}/film")
def film(recording_id: str, read: Read, response: Response) -> Json:
    """How to show a film: geometry, depth, modality and VOI transformations, spacing."""
    case, item, record = read(recording_id)
    response.headers.update(_NO_STORE)
    if not isinstance(record, Radiograph):
        raise NotFound("recording.not_a_film")
    return {
        "rows": record.pixels.shape[0],
        "columns": record.pixels.shape[1],
        "dtype": str(record.pixels.dtype),
        "bits_stored": record.bits_stored,
        "slope": record.slope,
        "intercept": record.intercept,
        "monochrome1": record.is_monochrome1,
        "windows": [
            {"centre": row.centre, "width": row.width, "name": row.name} for row in record.windows
        ],
        "voi_lut": _lut(record.voi_lut),
        "modality_lut": _lut(record.modality_lut),
        "spacing_mm": record.spacing_mm,
        "spacing_kind": record.spacing_kind.value,
        "view": record.view.value,
        "patient_position": record.patient_position,
        "patient_orientation": record.patient_orientation,
        "laterality": record.laterality,
        "title": _title(item),
        "acquired_at": _device_time(read.ctx, read.who, case, item),
        "is_demo": case.is_demo,
    }


@router.get("/{recording_id}/pixels")
def pixels(recording_id: str, read: Read, request: Request) -> Response:
    """Stored values, little-endian, row by row."""
    _, _, record = read(recording_id)
    if not isinstance(record, Radiograph):
        raise NotFound("recording.not_a_film")
    little = record.pixels.astype(record.pixels.dtype.newbyteorder("<"), copy=False)
    return _binary(np.ascontiguousarray(little).tobytes(), request)


@router.get("/{recording_id}/ecg")
def ecg(recording_id: str, read: Read, response: Response) -> Json:
    """How to show an ECG: leads, rate, filters; measured values where hints may be seen."""
    case, item, record = read(recording_id)
    response.headers.update(_NO_STORE)
    if not isinstance(record, EcgRecord):
        raise NotFound("recording.not_an_ecg")
    may_hint = access.may_see_hints(read.who.actor, case)
    stored = item.reading.get("measurements", {}) if may_hint else {}
    measured = stored if isinstance(stored, dict) else {}
    return {
        "rate_hz": record.rate_hz,
        "samples": record.signal_mv.shape[1],
        "leads": list(LEADS),
        "derived_leads": list(record.derived_leads),
        "filters": record.filters,
        "measurements": measured,
        "r_peaks_s": measured.get("r_peaks_s", []),
        "title": _title(item),
        "acquired_at": _device_time(read.ctx, read.who, case, item),
        "is_demo": case.is_demo,
    }


@router.get("/{recording_id}/samples")
def samples(recording_id: str, read: Read, request: Request) -> Response:
    """(12, n) float32 little-endian, mV; NaN where a lead was off."""
    _, _, record = read(recording_id)
    if not isinstance(record, EcgRecord):
        raise NotFound("recording.not_an_ecg")
    return _binary(record.signal_mv.astype("<f4", copy=False).tobytes(), request)


@router.get("/{recording_id}/map")
def activation_map(
    recording_id: str, label: Annotated[str, Query(max_length=_MAP_ID)], ctx: Ctx, who: Who
) -> Response:
    """What moved the number: a PNG overlay for films, weights over time for ECGs.

    ``label`` names the bundle too, ``BUNDLE/LABEL``, as ``map_labels`` of a recording does. The
    look is written to the chain of reads.
    """
    activation, extent = imaging.activation_map(ctx, who.actor, recording_id, label)
    if activation.ndim == 1:
        return _ecg_map(ctx, who, recording_id, activation, extent)
    overlay = film_overlay(activation, extent, size=_OVERLAY_SIZE)
    buffer = io.BytesIO()
    Image.fromarray(overlay, "RGBA").save(buffer, "PNG")
    headers = _NO_STORE | {"X-Map-Extent": "0,0,1,1"}
    return Response(buffer.getvalue(), media_type="image/png", headers=headers)


@router.get("/{recording_id}/thumb.png")
def thumb(recording_id: str, read: Read) -> Response:
    """Small picture for lists."""
    read.note(recording_id)
    data = imaging.thumbnail(read.ctx, read.who.actor, recording_id)
    return Response(data, media_type="image/png", headers=_NO_STORE)


def _ecg_map(
    ctx: Context,
    who: Caller,
    recording_id: str,
    activation: np.ndarray,
    extent: tuple[float, ...],
) -> Response:
    _, item = recording_for(ctx, who.actor, recording_id)
    duration_s = _number(item, "samples") / _number(item, "rate_hz")
    samples = max(1, int(duration_s * _MAP_RATE_HZ))
    weights = ecg_strength(activation, extent, samples=samples, rate_hz=_MAP_RATE_HZ)
    times = (np.arange(samples) + 0.5) / _MAP_RATE_HZ
    body = {"times_s": times.round(3).tolist(), "weights": weights.round(4).tolist()}
    return Response(json.dumps(body), media_type="application/json", headers=_NO_STORE)


def _number(item: Recording, name: str) -> float:
    value = item.facts[name]
    if not isinstance(value, int | float):
        raise NotFound("map.not_found")
    return float(value)


def _lut(table: tuple[int, Any] | None) -> Json | None:
    return None if table is None else {"first": table[0], "table": table[1].tolist()}


def _device_time(ctx: Context, who: Caller, case: Case, item: Recording) -> str | None:
    """The device's wall clock, in the zone of its site."""
    if item.acquired_at is None:
        return None
    zones = {site.id: site.time_zone for site in accounts.list_sites(ctx, who.actor)}
    return item.acquired_at.astimezone(ZoneInfo(zones[case.site_id])).isoformat()


def _title(item: Recording) -> str:
    view = str(item.facts.get("view", ""))
    return view if view not in ("", "unknown") else item.modality.upper()


def _binary(data: bytes, request: Request) -> Response:
    headers = dict(_NO_STORE)
    if "gzip" in request.headers.get("accept-encoding", "") and request.client is not None:
        is_near = request.client.host in ("127.0.0.1", "::1")
        if not is_near:  # a slow line gains, loopback only loses time
            data = gzip.compress(data, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
    return Response(data, media_type="application/octet-stream", headers=headers)
