"""The recordings a bundle got most wrong, with the maps of what moved its numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qiangji_datasets.records import CellImage, EcgRecord, Notice, Radiograph, Record
from qiangji_inference.explain import ecg_strength, film_overlay
from qiangji_inference.labelled import Labelled
from qiangji_inference.results import Prediction
from qiangji_inference.scored import AS_IN_USE, Reader, Rules, Scored, record_of
from qiangji_inference.strips import ecg_svg
from qiangji_inference.subgroups import age_band
from qiangji_models.bundle import Bundle, load_bundle
from qiangji_models.preprocess import film as films

#: Missed and falsely flagged recordings shown a label.
MISSED, FALSE = 6, 4
_SIDE_PX: Final = 288
_JPEG_QUALITY: Final = 80


@dataclass(frozen=True)
class Exhibit:
    """One recording with its map; names no person and no file, only the row of the table.

    ``picture`` is a data URI of the film or cell and ``overlay`` of the same with its map; for
    an ECG ``drawing`` is SVG and the other two are empty.
    """

    line: int
    site: str
    probability: float
    sex: str
    age_band: str
    picture: str = ""
    overlay: str = ""
    drawing: str = ""


@dataclass(frozen=True)
class Exhibits:
    """The worst of one label: missed (lowest first) and falsely flagged (highest first).

    ``n_missed`` were below the sensitive point although present, ``n_false`` at or above the
    specific point although absent; the gallery shows some of them.
    """

    missed: tuple[Exhibit, ...]
    false: tuple[Exhibit, ...]
    n_missed: int
    n_false: int


def gallery(folder: Path, scored: Scored, *, rules: Rules = AS_IN_USE) -> dict[str, Exhibits]:
    """Read the worst recordings of every label once more and keep their maps.

    Parameters
    ----------
    folder
        The bundle that gave the scores.
    scored
        What an evaluation read.
    rules
        As in that evaluation.
    """
    bundle, reader = load_bundle(folder), Reader(folder)
    worst = {label: _worst(bundle, scored, label) for label in scored.labels}
    shown: dict[int, set[str]] = {}
    for label, (missed, false) in worst.items():
        for index in (*missed[:MISSED], *false[:FALSE]):
            shown.setdefault(int(index), set()).add(label)
    made: dict[tuple[int, str], Exhibit] = {}
    for index, labels in sorted(shown.items()):
        for label, exhibit in _exhibits(reader, scored.rows[index], labels, rules).items():
            made[index, label] = exhibit
    return {
        label: Exhibits(
            missed=_kept(made, missed[:MISSED], label),
            false=_kept(made, false[:FALSE], label),
            n_missed=len(missed),
            n_false=len(false),
        )
        for label, (missed, false) in worst.items()
    }


def _worst(bundle: Bundle, scored: Scored, label: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    column, points = scored.column(label), bundle.points[label]
    order = np.argsort(column.score, kind="stable")
    truth, score = column.truth[order], column.score[order]
    missed = order[(truth == 1) & (score < points.sensitive.threshold)]
    false = order[(truth == 0) & (score >= points.specific.threshold)][::-1]
    return missed, false


def _kept(
    made: dict[tuple[int, str], Exhibit], indexes: Sequence[np.intp] | NDArray[np.intp], label: str
) -> tuple[Exhibit, ...]:
    keys = ((int(index), label) for index in indexes)
    return tuple(made[key] for key in keys if key in made)


def _exhibits(reader: Reader, row: Labelled, labels: set[str], rules: Rules) -> dict[str, Exhibit]:
    record = record_of(row)
    if isinstance(record, Notice):
        return {}
    outcome = reader.predict(record, row, rules)
    if not isinstance(outcome, Prediction):
        return {}
    found = {}
    for call, activation in zip(outcome.labels, outcome.activation_map, strict=True):
        if call.label in labels:
            pictures = _pictures(record, activation, outcome.map_extent)
            found[call.label] = Exhibit(
                line=row.line,
                site=row.site,
                probability=call.probability,
                sex="" if row.stated.sex is None else row.stated.sex.value,
                age_band=age_band(row.stated.age_years),
                **pictures,
            )
    return found


def _pictures(
    record: Record, activation: NDArray[np.float32], extent: tuple[float, ...]
) -> dict[str, str]:
    if isinstance(record, EcgRecord):
        samples = record.signal_mv.shape[1]
        level = ecg_strength(activation, extent, samples=samples, rate_hz=record.rate_hz)
        return {"drawing": ecg_svg(record, level, escape("12-lead ECG, 25 mm/s, 10 mm/mV"))}
    small = _small(record)
    layer = film_overlay(activation, extent, size=(small.height, small.width))
    over = Image.alpha_composite(small.convert("RGBA"), Image.fromarray(layer, "RGBA"))
    return {"picture": _data_uri(small), "overlay": _data_uri(over.convert("RGB"))}


def _small(record: Radiograph | CellImage) -> Image.Image:
    pixels = films.display(record) if isinstance(record, Radiograph) else record.pixels
    whole = Image.fromarray(pixels)
    factor = _SIDE_PX / max(whole.size)
    size = (max(1, round(whole.width * factor)), max(1, round(whole.height * factor)))
    kernel = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC
    return whole.resize(size, kernel)


def _data_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
