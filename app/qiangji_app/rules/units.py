"""Units of measurement of a fact: each pair of analyte and unit is listed, none is guessed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """A unit in which one fact may be given.

    canonical value = value * ``factor`` + ``offset``.

    Parameters
    ----------
    code
        UCUM code.
    source
        Where factor and offset come from.
    """

    code: str
    factor: float = 1.0
    offset: float = 0.0
    source: str = ""

    def to_canonical(self, value: float) -> float:
        """The value in the canonical unit of the fact."""
        return value * self.factor + self.offset

    def from_canonical(self, value: float) -> float:
        """The canonical value in this unit."""
        return (value - self.offset) / self.factor
