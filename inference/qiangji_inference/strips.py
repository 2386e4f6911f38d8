"""A 12-lead ECG drawn as SVG on its paper, with the activation map as shading behind it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from qiangji_datasets.records import LEADS, EcgRecord

#: Millimetres of paper a second and a millivolt.
MM_PER_S: Final = 25.0
MM_PER_MV: Final = 10.0
_COLUMNS: Final = (LEADS[0:3], LEADS[3:6], LEADS[6:9], LEADS[9:12])
_COLUMN_S: Final = 2.5
_RHYTHM: Final = "II"
_ROW_MM: Final = 22.0
_PAPER_S: Final = _COLUMN_S * len(_COLUMNS)
_DRAWN_HZ: Final = 125.0
_SHADES: Final = 100
_MAX_OPACITY: Final = 0.55
#: A trace further from its baseline is cut, so that an artefact does not cover the page.
_LIMIT_MV: Final = 2.2


def ecg_svg(record: EcgRecord, strength: NDArray[np.float32], title: str) -> str:
    """Three rows of 2.5 s a lead and lead II throughout; the first 10 s of the recording.

    Parameters
    ----------
    record
        The recording; missing samples leave gaps.
    strength
        (samples,) 0–1, shading behind the trace.
    title
        Said to those who do not see the picture; escaped by the caller.
    """
    width, height = _PAPER_S * MM_PER_S, 4 * _ROW_MM
    parts = [
        f'<svg class="ecg" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{title}">',
        _paper(width, height),
        _shading(record, strength, height),
    ]
    for column, leads in enumerate(_COLUMNS):
        for row, lead in enumerate(leads):
            parts.append(_trace(record, lead, row, (column * _COLUMN_S, (column + 1) * _COLUMN_S)))
    parts += [_trace(record, _RHYTHM, 3, (0.0, _PAPER_S)), "</svg>"]
    return "".join(parts)


def _paper(width: float, height: float) -> str:
    fine = "".join(f"M{x} 0V{height:g}" for x in range(0, int(width) + 1))
    fine += "".join(f"M0 {y}H{width:g}" for y in range(0, int(height) + 1))
    thick = "".join(f"M{x} 0V{height:g}" for x in range(0, int(width) + 1, 5))
    thick += "".join(f"M0 {y}H{width:g}" for y in range(0, int(height) + 1, 5))
    return f'<path class="fine" d="{fine}"/><path class="thick" d="{thick}"/>'


def _shading(record: EcgRecord, strength: NDArray[np.float32], height: float) -> str:
    """Bands of equal width over the paper; the mean strength of a band is its opacity."""
    kept = strength[: round(_PAPER_S * record.rate_hz)]
    bands = np.array_split(kept, min(_SHADES, max(1, len(kept))))
    seconds = len(kept) / record.rate_hz / len(bands)
    wide = seconds * MM_PER_S
    return "".join(
        f'<rect class="map" x="{number * wide:.2f}" y="0" width="{wide:.2f}" height="{height:g}"'
        f' opacity="{_MAX_OPACITY * float(band.mean()):.3f}"/>'
        for number, band in enumerate(bands)
        if len(band) and band.mean() > 0.02
    )


def _trace(record: EcgRecord, lead: str, row: int, window_s: tuple[float, float]) -> str:
    first, last = (round(at * record.rate_hz) for at in window_s)
    step = max(1, round(record.rate_hz / _DRAWN_HZ))
    signal = record.signal_mv[LEADS.index(lead), first:last:step]
    middle = (row + 0.5) * _ROW_MM
    left = window_s[0] * MM_PER_S
    label = f'<text x="{left + 1:g}" y="{row * _ROW_MM + 4:g}">{lead}</text>'
    if not np.isfinite(signal).any():
        return label
    drawn = np.clip(signal - np.nanmedian(signal), -_LIMIT_MV, _LIMIT_MV)
    path, is_down = [], False
    for number, value in enumerate(drawn.tolist()):
        if np.isfinite(value):
            x = left + number * step / record.rate_hz * MM_PER_S
            path.append(f"{'L' if is_down else 'M'}{x:.1f} {middle - value * MM_PER_MV:.1f}")
        is_down = bool(np.isfinite(value))
    return f'{label}<path class="trace" d="{"".join(path)}"/>'
