"""What the gate sees in a film's picture: size, exposure, and what the picture shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import Notice, Radiograph, Severity
from qiangji_inference.gate_film_net import PictureClass, gate_net, thumbnail
from qiangji_inference.gate_film_side import SIDE, mirrored_odds, side_net
from qiangji_models.preprocess.film import display


class PictureCode(StrEnum):
    """Message keys of what a picture can be faulted for."""

    TOO_SMALL = "film.too_small"
    LOW_RESOLUTION = "film.low_resolution"
    TOO_NARROW = "film.too_narrow"
    BLANK = "film.blank"
    OVEREXPOSED = "film.overexposed"
    UNDEREXPOSED = "film.underexposed"
    LOW_CONTRAST = "film.low_contrast"
    NOISY = "film.noisy"
    NOT_CHEST = "film.not_chest"
    LATERAL = "film.lateral"
    INVERTED = "film.inverted"
    SIDEWAYS = "film.sideways"
    UPSIDE_DOWN = "film.upside_down"
    CUT_OFF = "film.cut_off"
    MIRRORED = "film.mirrored"
    UNUSUAL = "film.unusual"


#: Short side in pixels: below the first nothing is judged, below the second with a warning.
MIN_SIDE: Final = 64
LOW_SIDE: Final = 512
#: Long side to short side; frontal cassettes are at most 43 cm x 35 cm = 1.23.
_MAX_ASPECT: Final = 2.0
_REDUCED_SIDE: Final = 384
_SAMPLED_SIDE: Final = 256
_CENTRE: Final = (0.15, 0.85)  # exposure is judged here, clear of collimation and marks
_BLACK, _WHITE = 2, 253  # grey levels as shown that count as lost

# Exposure limits, set on 5,522 films of NIH, Kermany and Shenzhen so that each warns about at most
# 0.3 % of them: share of the centre lost in black (99.5 % of films below 0.08) or white (all
# below 0.02), spread of the central 90 % of greys (all but 0.1 % above 0.14), and fine noise to
# that spread (all below 0.15).
_LOST_WARN, _LOST_REFUSE = 0.20, 0.50
_CONTRAST_WARN, _CONTRAST_REFUSE = 0.14, 0.06
_NOISE_WARN: Final = 0.16
_BLANK_LEVELS: Final = 6  # fewer distinct greys in the centre: a blank or a drawing

_CLASS_CODES: Final = {
    PictureClass.NOT_CHEST: PictureCode.NOT_CHEST,
    PictureClass.LATERAL: PictureCode.LATERAL,
    PictureClass.INVERTED: PictureCode.INVERTED,
    PictureClass.SIDEWAYS: PictureCode.SIDEWAYS,
    PictureClass.UPSIDE_DOWN: PictureCode.UPSIDE_DOWN,
    PictureClass.CUT_OFF: PictureCode.CUT_OFF,
}
_CLASSES: Final = tuple(PictureClass)


@dataclass(frozen=True)
class PictureVerdict:
    """Faults of a picture; ``frontal`` is the probability of a frontal film, None unjudged."""

    notices: tuple[Notice, ...]
    frontal: float | None


def judge_picture(film: Radiograph) -> PictureVerdict:
    """Judge size, exposure and content of a film, in that order; stop where no more can be said."""
    small = _size_notices(film)
    if any(notice.severity is Severity.REFUSE for notice in small):
        return PictureVerdict(tuple(small), None)
    exposure = _exposure_notices(_sampled(film))
    if any(notice.code == PictureCode.BLANK for notice in exposure):
        return PictureVerdict((*small, *exposure), None)
    content, frontal = _content_notices(display(_reduced(film)))
    return PictureVerdict((*small, *exposure, *content), frontal)


def _notice(code: PictureCode, severity: Severity, **params: str | int | float) -> Notice:
    return Notice(code.value, severity, params)


def _size_notices(film: Radiograph) -> list[Notice]:
    rows, columns = film.pixels.shape
    short, long = min(rows, columns), max(rows, columns)
    if short < MIN_SIDE:
        return [_notice(PictureCode.TOO_SMALL, Severity.REFUSE, rows=rows, columns=columns)]
    found = []
    if long > _MAX_ASPECT * short:
        found.append(_notice(PictureCode.TOO_NARROW, Severity.REFUSE, rows=rows, columns=columns))
    if short < LOW_SIDE:
        code = PictureCode.LOW_RESOLUTION
        found.append(_notice(code, Severity.WARN, rows=rows, columns=columns))
    return found


def _sampled(film: Radiograph) -> NDArray[np.uint8]:
    """Every n-th pixel as shown: lost pixels stay lost, which a mean would hide."""
    step = max(1, min(film.pixels.shape) // _SAMPLED_SIDE)
    return display(_with_pixels(film, film.pixels[::step, ::step]))


def _reduced(film: Radiograph) -> Radiograph:
    """The film reduced by block means of the stored values."""
    step = min(film.pixels.shape) // _REDUCED_SIDE
    if step < 2:
        return film
    rows, columns = (side // step for side in film.pixels.shape)
    total = np.zeros((rows, columns), np.int32)
    for down in range(step):
        line = film.pixels[down : rows * step : step, : columns * step]
        total += np.add.reduceat(line, np.arange(0, columns * step, step), axis=1, dtype=np.int32)
    return _with_pixels(film, (total // step**2).astype(film.pixels.dtype))


def _with_pixels(film: Radiograph, pixels: NDArray[np.generic]) -> Radiograph:
    return replace(film, pixels=np.ascontiguousarray(pixels))


def _exposure_notices(shown: NDArray[np.uint8]) -> list[Notice]:
    rows, columns = (
        slice(int(_CENTRE[0] * side), max(int(_CENTRE[1] * side), 1)) for side in shown.shape
    )
    centre = shown[rows, columns].astype(np.float32)
    low, high = np.percentile(centre, [5, 95])
    contrast = float(high - low) / 255
    if len(np.unique(centre)) < _BLANK_LEVELS or contrast * 255 < 1:
        return [_notice(PictureCode.BLANK, Severity.REFUSE)]
    found = []
    for code, lost in (
        (PictureCode.OVEREXPOSED, float((centre <= _BLACK).mean())),
        (PictureCode.UNDEREXPOSED, float((centre >= _WHITE).mean())),
    ):
        if lost > _LOST_WARN:
            severity = Severity.REFUSE if lost > _LOST_REFUSE else Severity.WARN
            found.append(_notice(code, severity, percent=round(100 * lost)))
    if contrast < _CONTRAST_WARN:
        severity = Severity.REFUSE if contrast < _CONTRAST_REFUSE else Severity.WARN
        percent = round(100 * contrast)
        found.append(_notice(PictureCode.LOW_CONTRAST, severity, percent=percent))
    elif _fine_noise(centre) > _NOISE_WARN * float(high - low):
        found.append(_notice(PictureCode.NOISY, Severity.WARN))
    return found


def _fine_noise(centre: NDArray[np.float32]) -> float:
    """Median size of the Laplacian at about 128 pixels a side: mottle, not anatomy."""
    step = max(1, min(centre.shape) // 90)
    rows, columns = (side // step * step for side in centre.shape)
    blocks = centre[:rows, :columns].reshape(rows // step, step, columns // step, step)
    grey = blocks.mean(axis=(1, 3))
    around = grey[2:, 1:-1] + grey[:-2, 1:-1] + grey[1:-1, 2:] + grey[1:-1, :-2]
    return float(np.median(np.abs(4 * grey[1:-1, 1:-1] - around)))


def _content_notices(shown: NDArray[np.uint8]) -> tuple[list[Notice], float]:
    net = gate_net()
    found = dict(zip(_CLASSES, net.probabilities(thumbnail(shown)[None])[0].tolist(), strict=True))
    right = found[PictureClass.FRONTAL] + found[PictureClass.MIRRORED]
    if right < net.thresholds["refuse"]:
        worst = max(_CLASS_CODES, key=lambda kind: found[kind])
        return [_notice(_CLASS_CODES[worst], Severity.REFUSE)], right
    notices = []
    if right < net.thresholds["warn"]:
        notices.append(_notice(PictureCode.UNUSUAL, Severity.WARN))
    side = side_net()
    if mirrored_odds(side, thumbnail(shown, SIDE)[None])[0] > side.thresholds["mirrored"]:
        notices.append(_notice(PictureCode.MIRRORED, Severity.WARN))
    return notices, right
