"""A few kinds of diagrams as inline SVG: axes, lines, points with intervals, forest plots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from qiangji_inference.metrics import Estimate

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 12.0, 40.0
_NOTE_PX: Final = 130.0
Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """Range and name of one axis."""

    low: float
    high: float
    name: str
    steps: int = 5

    def part(self, value: float) -> float:
        """Where a value lies, 0–1; values beyond are put at the end."""
        span = (self.high - self.low) or 1.0
        return min(1.0, max(0.0, (value - self.low) / span))

    def ticks(self) -> list[tuple[float, str]]:
        """Evenly spaced values with their texts, no more digits than tell them apart."""
        step = (self.high - self.low) / self.steps
        values = [self.low + number * step for number in range(self.steps + 1)]
        digits = next(n for n in range(1, 9) if abs(round(step, n) - step) < step * 0.01)
        return [(value, f"{value:.{digits}f}".replace("-0.", "−0.")) for value in values]


@dataclass
class Plot:
    """A diagram that grows by its methods; ``svg`` gives the picture.

    ``kind`` of a mark is a class that the page's style sheet draws.
    """

    x: Axis
    y: Axis
    title: str
    width: float = 320.0
    height: float = 280.0
    _marks: list[str] = field(default_factory=list)

    def line(self, points: Iterable[Point], kind: str, *, stepped: bool = False) -> None:
        """A line through points; stepped holds each y until the next x."""
        drawn: list[str] = []
        for number, (x, y) in enumerate(points):
            left, top = self._at(x, y)
            if number == 0:
                drawn.append(f"M{left:.1f} {top:.1f}")
            else:
                drawn.append(f"H{left:.1f}V{top:.1f}" if stepped else f"L{left:.1f} {top:.1f}")
        self._marks.append(f'<path class="line {kind}" d="{"".join(drawn)}"/>')

    def point(self, x: float, y: float, kind: str, *, said: str = "") -> None:
        """A point with an explanation shown under the pointer."""
        left, top = self._at(x, y)
        text = f"<title>{escape(said)}</title>" if said else ""
        self._marks.append(
            f'<circle class="point {kind}" cx="{left:.1f}" cy="{top:.1f}" r="4.5">{text}</circle>'
        )

    def interval(self, x: float, value: Estimate, kind: str) -> None:
        """A point with its vertical interval."""
        if value.value is None:
            return
        if value.low is not None and value.high is not None:
            left, low = self._at(x, value.low)
            _, high = self._at(x, value.high)
            self._marks.append(
                f'<path class="whisker {kind}" d="M{left:.1f} {low:.1f}V{high:.1f}"/>'
            )
        self.point(x, value.value, kind)

    def upright(self, x: float, kind: str) -> None:
        """A vertical line over the whole height."""
        self.line([(x, self.y.low), (x, self.y.high)], kind)

    def svg(self) -> str:
        """The picture."""
        head = (
            f'<svg class="plot" viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-label="{escape(self.title, quote=True)}">'
        )
        return "".join([head, self._frame(), *self._marks, "</svg>"])

    def _at(self, x: float, y: float) -> Point:
        wide, tall = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return _LEFT + wide * self.x.part(x), _TOP + tall * (1 - self.y.part(y))

    def _frame(self) -> str:
        bottom = self.height - _BOTTOM
        parts = []
        for value, text in self.x.ticks():
            left, _ = self._at(value, self.y.low)
            parts.append(f'<path class="grid" d="M{left:.1f} {_TOP}V{bottom:.1f}"/>')
            parts.append(
                f'<text class="tick mid" x="{left:.1f}" y="{bottom + 14:.1f}">{text}</text>'
            )
        for value, text in self.y.ticks():
            _, top = self._at(self.x.low, value)
            right = self.width - _RIGHT
            parts.append(f'<path class="grid" d="M{_LEFT} {top:.1f}H{right:.1f}"/>')
            parts.append(
                f'<text class="tick end" x="{_LEFT - 5:.1f}" y="{top + 3.5:.1f}">{text}</text>'
            )
        middle_x, middle_y = (_LEFT + self.width - _RIGHT) / 2, (_TOP + bottom) / 2
        parts.append(
            f'<text class="name mid" x="{middle_x:.1f}" y="{self.height - 6:.1f}">'
            f"{escape(self.x.name)}</text>"
        )
        parts.append(
            f'<text class="name mid" transform="translate(11 {middle_y:.1f}) rotate(-90)">'
            f"{escape(self.y.name)}</text>"
        )
        return "".join(parts)


@dataclass(frozen=True)
class ForestRow:
    """One line of a forest plot; a heading has no value. Notes stand in columns at the right."""

    name: str
    notes: tuple[str, ...] = ()
    value: Estimate | None = None
    is_weak: bool = False


def forest(
    rows: Sequence[ForestRow],
    *,
    title: str,
    axis: Axis,
    whole: float | None,
    names_px: float = 170.0,
) -> str:
    """Values with intervals under each other, against the whole set's value.

    Parameters
    ----------
    rows
        From the top; ``is_weak`` draws a hollow mark.
    axis
        Its name stands below.
    whole
        Value of the whole set, drawn as a dashed line; None draws none.
    names_px
        Width for the names.
    """
    row_px, left = 20.0, names_px
    right = left + 270.0
    height, width = row_px * len(rows) + 44, right + 250.0

    def at(value: float) -> float:
        return left + (right - left) * axis.part(value)

    bottom = row_px * len(rows) + 8
    parts = [
        f'<svg class="forest" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(title, quote=True)}">'
    ]
    for value, text in axis.ticks():
        parts.append(f'<path class="grid" d="M{at(value):.1f} 4V{bottom:.1f}"/>')
        parts.append(
            f'<text class="tick mid" x="{at(value):.1f}" y="{bottom + 14:.1f}">{text}</text>'
        )
    if whole is not None:
        parts.append(f'<path class="line whole" d="M{at(whole):.1f} 4V{bottom:.1f}"/>')
    for number, row in enumerate(rows):
        parts.append(_forest_row(row, row_px * (number + 0.5) + 6, at, right + 14))
    middle = (left + right) / 2
    parts.append(
        f'<text class="name mid" x="{middle:.1f}" y="{bottom + 30:.1f}">{escape(axis.name)}</text>'
    )
    return "".join([*parts, "</svg>"])


def _forest_row(row: ForestRow, middle: float, at: Callable[[float], float], figures: float) -> str:
    name = escape(row.name)
    if row.value is None:
        return f'<text class="head" x="2" y="{middle + 4:.1f}">{name}</text>'
    parts = [f'<text class="row" x="14" y="{middle + 4:.1f}">{name}</text>']
    value, low, high = row.value.value, row.value.low, row.value.high
    if value is not None:
        if low is not None and high is not None:
            parts.append(
                f'<path class="whisker main" d="M{at(low):.1f} {middle:.1f}H{at(high):.1f}"/>'
            )
        kind = "weak" if row.is_weak else "main"
        parts.append(
            f'<circle class="point {kind}" cx="{at(value):.1f}" cy="{middle:.1f}" r="4.5"/>'
        )
    for number, note in enumerate(row.notes):
        left = figures + number * _NOTE_PX
        parts.append(f'<text class="row" x="{left:g}" y="{middle + 4:.1f}">{escape(note)}</text>')
    return "".join(parts)
