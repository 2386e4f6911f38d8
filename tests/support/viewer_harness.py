"""A small server with the real viewer components and synthetic recordings in the wire format."""

from __future__ import annotations

import gzip
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import gradio as gr
import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from numpy.typing import NDArray
from PIL import Image

from qiangji_datasets.messages import Catalogue, Language
from qiangji_datasets.records import LEADS, EcgRecord, Radiograph, Sex
from qiangji_datasets.synthetic.ecg import EcgRecipe, make_ecg
from qiangji_datasets.synthetic.film import FilmRecipe, sample_film
from qiangji_inference.ecg_measure import measure
from support.viewer_components import (
    STATIC_FOLDER,
    STATIC_URL,
    MapLabel,
    ViewerItem,
    ecg_viewer,
    film_viewer,
    mount_script,
    viewer_texts,
    viewer_value,
)


@cache
def catalogue() -> Catalogue:
    """Texts of the program."""
    return Catalogue.of("qiangji_app", "qiangji_inference")


#: Stored values of two neighbouring patches in the 16-bit film.
PATCH_VALUES = (40000, 40001)
PATCH = 128  # pixels a side; patches start at row 900, columns 300 and 300 + PATCH


@dataclass
class Recordings:
    """What the server serves; ``broken`` holds image ids whose next pixel answer is cut short."""

    films: dict[str, tuple[dict[str, Any], NDArray[Any]]]
    ecgs: dict[str, tuple[dict[str, Any], NDArray[np.float32]]]
    broken: set[str] = field(default_factory=set)
    map_requests: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


def film_facts(film: Radiograph, title: str, **changes: Any) -> dict[str, Any]:
    """Wire description of a film, as the REST interface gives it."""
    facts: dict[str, Any] = {
        "rows": film.pixels.shape[0],
        "columns": film.pixels.shape[1],
        "dtype": str(film.pixels.dtype),
        "bits_stored": film.bits_stored,
        "slope": film.slope,
        "intercept": film.intercept,
        "monochrome1": film.is_monochrome1,
        "windows": [
            {"centre": window.centre, "width": window.width, "name": window.name}
            for window in film.windows
        ],
        "voi_lut": None,
        "modality_lut": None,
        "spacing_mm": [0.2, 0.2],
        "spacing_kind": "calibrated",
        "view": "PA",
        "patient_position": "",
        "patient_orientation": ["L", "F"],
        "laterality": "",
        "title": title,
        "acquired_at": "2026-11-20T09:41:00",
        "is_demo": True,
    }
    return facts | changes


def recordings() -> Recordings:
    """Synthetic films and ECGs, each for one behaviour of the viewers."""
    rng = np.random.default_rng(7)
    film = sample_film(rng)
    deep = film.pixels.astype(np.uint16) * 16
    for at, value in enumerate(PATCH_VALUES):
        deep[900 : 900 + PATCH, 300 + at * PATCH : 300 + (at + 1) * PATCH] = value
    small = sample_film(rng, FilmRecipe(rows=512, columns=400))
    shift = {"dtype": "int16", "intercept": 2048.0, "windows": []}
    unsided = {"patient_orientation": None}
    films: dict[str, tuple[dict[str, Any], NDArray[Any]]] = {
        "clean": (film_facts(film, "胸部正位"), film.pixels),
        "deep": (film_facts(film, "胸部正位 16 位", bits_stored=16, windows=[]), deep),
        "ap": (
            film_facts(small, "床旁 AP", view="AP", monochrome1=True, spacing_kind="detector"),
            4095 - small.pixels,
        ),
        "plain": (
            film_facts(small, "无标定", spacing_mm=None, spacing_kind="none", **shift, **unsided),
            small.pixels.astype(np.int16) - 2048,
        ),
        "lateral": (film_facts(small, "侧位", view="LL"), small.pixels),
        "tiny": (film_facts(small, "8 × 8", rows=8, columns=8), np.full((8, 8), 7, np.uint16)),
    }
    return Recordings(films, _ecgs(rng))


def _ecgs(rng: np.random.Generator) -> dict[str, tuple[dict[str, Any], NDArray[np.float32]]]:
    now = make_ecg(rng, EcgRecipe(bpm=75, st_mv=0.15))
    long = make_ecg(rng, EcgRecipe(bpm=60, duration_s=30.0))
    signal = np.array(long.signal_mv)
    signal[LEADS.index("V3")] = np.nan
    signal[LEADS.index("V5"), 4000:4600] = np.nan
    off = replace(long, signal_mv=signal, derived_leads=("III", "aVR", "aVL", "aVF"))
    begin = np.ascontiguousarray(now.signal_mv[:, :1500])
    return {
        "ecg": (ecg_facts(now, "心电图 12 导联"), now.signal_mv),
        "short": (ecg_facts(now, "3 秒") | {"samples": 1500}, begin),
        "earlier": (ecg_facts(off, "既往心电图"), off.signal_mv),
    }


def ecg_facts(record: EcgRecord, title: str) -> dict[str, Any]:
    """Wire description of a recording, measured by the real program."""
    measured = measure(record, age_years=55, sex=Sex.M).to_dict()
    return {
        "rate_hz": record.rate_hz,
        "samples": record.signal_mv.shape[1],
        "leads": list(LEADS),
        "derived_leads": list(record.derived_leads),
        "filters": {"low_hz": 0.05, "high_hz": 150.0},
        "measurements": measured,
        "r_peaks_s": measured["r_peaks_s"],
        "title": title,
        "acquired_at": "2026-11-20T10:05:00",
        "is_demo": True,
    }


def build_app(store: Recordings) -> FastAPI:
    """REST routes of the wire format, our static files, plain pages, and two Gradio pages."""
    app = FastAPI()
    app.mount(STATIC_URL, StaticFiles(directory=STATIC_FOLDER))
    _film_routes(app, store)
    _ecg_routes(app, store)
    _map_route(app, store)

    @app.get("/plain/{kind}")
    def plain(kind: str, images: str, prior: str = "", lang: str = "zh") -> HTMLResponse:
        return HTMLResponse(_plain_page(kind, images, prior, Language(lang)))

    mounted: FastAPI = gr.mount_gradio_app(app, _gradio_page(store), path="/gradio")
    return mounted


def _film_routes(app: FastAPI, store: Recordings) -> None:
    @app.get("/api/v1/images/{image}/film")
    def film(image: str) -> dict[str, Any]:
        if image not in store.films:
            raise HTTPException(404)
        return store.films[image][0]

    @app.get("/api/v1/images/{image}/pixels")
    def pixels(image: str, request: Request) -> Response:
        payload = store.films[image][1].tobytes()
        if image in store.broken:
            store.broken.discard(image)
            return Response(payload[: len(payload) // 2], media_type="application/octet-stream")
        return _octets(payload, request)


def _octets(payload: bytes, request: Request) -> Response:
    headers = {}
    if "gzip" in request.headers.get("accept-encoding", ""):
        payload = gzip.compress(payload, compresslevel=1)
        headers["Content-Encoding"] = "gzip"
    return Response(payload, media_type="application/octet-stream", headers=headers)


def _ecg_routes(app: FastAPI, store: Recordings) -> None:
    @app.get("/api/v1/images/{image}/ecg")
    def ecg(image: str) -> dict[str, Any]:
        if image not in store.ecgs:
            raise HTTPException(404)
        return store.ecgs[image][0]

    @app.get("/api/v1/images/{image}/samples")
    def samples(image: str, request: Request) -> Response:
        return _octets(store.ecgs[image][1].tobytes(), request)


def _map_route(app: FastAPI, store: Recordings) -> None:
    @app.get("/api/v1/images/{image}/map")
    def activation_map(image: str, label: str) -> Response:
        store.map_requests.append(f"{image}/{label}")
        if label == "missing":
            raise HTTPException(404)
        if image in store.ecgs:
            times = np.arange(0, 10, 0.05)
            weights = np.exp(-0.5 * ((times - 3.2) / 0.4) ** 2)
            words = json.dumps({"times_s": times.tolist(), "weights": weights.tolist()})
            return Response(words, media_type="application/json")
        return Response(
            _spot(), media_type="image/png", headers={"X-Map-Extent": "0.0,0.0,1.0,1.0"}
        )


def _spot() -> bytes:
    y, x = np.mgrid[0:128, 0:128] / 128
    level = np.exp(-(((x - 0.68) / 0.1) ** 2 + ((y - 0.66) / 0.09) ** 2))
    layer = np.zeros((128, 128, 4), np.uint8)
    layer[..., 0], layer[..., 1], layer[..., 2] = 255, 150, 20
    layer[..., 3] = np.round(170 * level)
    buffer = io.BytesIO()
    Image.fromarray(layer).save(buffer, "PNG")
    return buffer.getvalue()


LABELS = (MapLabel("effusion", "胸腔积液"), MapLabel("missing", "没有图的标签"))


def items(images: str) -> list[ViewerItem]:
    """Viewer items of comma-separated image ids."""
    return [
        ViewerItem(url=f"/api/v1/images/{image}", title=image, map_labels=LABELS)
        for image in images.split(",")
        if image
    ]


def _plain_page(kind: str, images: str, prior: str, language: Language) -> str:
    props = viewer_value(items(images), prior=items(prior), language=language)
    props["texts"] = viewer_texts(catalogue())
    script = mount_script(f"{kind}_viewer.js", "#viewer", props)
    return (
        f'<!doctype html><html lang="{language.value}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,"><title>viewer</title>'
        '<body style="margin:8px;background:#0b0d0f"><div id="viewer"></div>'
        f'<script type="module">{script}</script></body></html>'
    )


def _gradio_page(store: Recordings) -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False) as page:
        film = film_viewer(catalogue(), value=viewer_value(items("clean")))
        ecg = ecg_viewer(catalogue(), value=viewer_value(items("ecg")))
        other = gr.Button("other", elem_id="other")
        seen = gr.Textbox(label="seen", elem_id="seen")

        def noted(event: gr.EventData) -> str:
            store.events.append(dict(event._data or {}))
            return json.dumps(event._data, ensure_ascii=False)

        film.measure(noted, outputs=seen)
        film.map_viewed(noted, outputs=seen)
        ecg.measure(noted, outputs=seen)
        other.click(lambda: viewer_value(items("ap"), language=Language.EN), outputs=film)
    return page


@contextmanager
def running(store: Recordings) -> Iterator[str]:
    """Serve on a free loopback port; gives the address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(build_app(store), log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
