"""A 12-lead ECG as SVG on true millimetre paper: 25 mm/s, 10 mm/mV."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import LEADS, EcgRecord

SPEED_MM_S: Final = 25.0
GAIN_MM_MV: Final = 10.0
#: 3 x 4 layout with a rhythm strip, as clinical paper shows it.
_ROWS: Final = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_RHYTHM: Final = "II"
_COLUMN_S: Final = 2.5
_ROW_MM: Final = 30.0
_LEFT_MM: Final = 10.0
_WIDTH_MM: Final = _LEFT_MM + 4 * _COLUMN_S * SPEED_MM_S + 5
_HEIGHT_MM: Final = 4 * _ROW_MM + 10
#: Points drawn a second; more cannot be seen at 25 mm/s on paper.
_POINTS_PER_S: Final = 500.0


def ecg_svg(ecg: EcgRecord) -> str:
    """The recording as shown on paper, unfiltered, in an SVG measured in millimetres.

    Parts of a lead that was off are left out; the caller prints speed, gain and filters.
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_MM}mm" height="{_HEIGHT_MM}mm" '
        f'viewBox="0 0 {_WIDTH_MM} {_HEIGHT_MM}" font-family="sans-serif" font-size="3.2">',
        _grid(),
    ]
    for index, row in enumerate(_ROWS):
        base = 5 + (index + 0.5) * _ROW_MM
        parts.append(_calibration(base))
        for column, lead in enumerate(row):
            start_s = column * _COLUMN_S
            parts += _strip(ecg, lead, base, start_s=start_s, length_s=_COLUMN_S)
    base = 5 + 3.5 * _ROW_MM
    parts.append(_calibration(base))
    parts += _strip(ecg, _RHYTHM, base, start_s=0.0, length_s=4 * _COLUMN_S)
    parts.append("</svg>")
    return "".join(parts)


def _grid() -> str:
    lines = []
    for step, colour, width in ((1, "#f6caca", 0.08), (5, "#e79a9a", 0.18)):
        across = "".join(f"M{x} 0V{_HEIGHT_MM}" for x in range(0, int(_WIDTH_MM) + 1, step))
        down = "".join(f"M0 {y}H{_WIDTH_MM}" for y in range(0, int(_HEIGHT_MM) + 1, step))
        lines.append(
            f'<path d="{across}{down}" stroke="{colour}" stroke-width="{width}" fill="none"/>'
        )
    return "".join(lines)


def _calibration(base: float) -> str:
    """1 mV for 200 ms."""
    top = base - GAIN_MM_MV
    path = f"M2 {base}h1.5V{top}h5V{base}h1"
    return f'<path d="{path}" stroke="#111" stroke-width="0.25" fill="none"/>'


def _strip(ecg: EcgRecord, lead: str, base: float, *, start_s: float, length_s: float) -> list[str]:
    left = _LEFT_MM + start_s * SPEED_MM_S
    samples, times = _samples(ecg, lead, start_s, length_s)
    path = _path(left + times * SPEED_MM_S, base - samples * GAIN_MM_MV)
    name = lead + ("*" if lead in ecg.derived_leads else "")
    trace = f'<path d="{path}" stroke="#111" stroke-width="0.28" fill="none"/>'
    label = f'<text x="{left + 1:.2f}" y="{base - 11:.2f}" fill="#111">{name}</text>'
    return [trace, label]


def _samples(
    ecg: EcgRecord, lead: str, start_s: float, length_s: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """mV and seconds from the strip's start, at most ``_POINTS_PER_S``."""
    first = int(start_s * ecg.rate_hz)
    last = min(int((start_s + length_s) * ecg.rate_hz), ecg.signal_mv.shape[1])
    step = max(1, int(ecg.rate_hz // _POINTS_PER_S))
    at = np.arange(first, last, step)
    signal = ecg.signal_mv[LEADS.index(lead)]
    return signal[at], (at - first) / ecg.rate_hz


def _path(x: NDArray[np.floating], y: NDArray[np.floating]) -> str:
    pen_down = False
    parts = []
    for across, down in zip(x, y, strict=True):
        if not np.isfinite(down):
            pen_down = False
            continue
        parts.append(f"{'L' if pen_down else 'M'}{across:.2f} {down:.2f}")
        pen_down = True
    return "".join(parts)
