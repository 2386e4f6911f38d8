"""Units of voltage as files write them."""

from __future__ import annotations

from typing import Final

#: UCUM codes are case sensitive; the long forms are not codes but leave no doubt.
_MILLIVOLTS: Final = {
    "mV": 1.0, "uV": 1e-3, "nV": 1e-6, "V": 1e3, "µV": 1e-3, "μV": 1e-3,
    "mv": 1.0, "uv": 1e-3, "nv": 1e-6,
    "MDC_DIM_MILLI_VOLT": 1.0, "MDC_DIM_MICRO_VOLT": 1e-3, "MDC_DIM_NANO_VOLT": 1e-6,
}  # fmt: skip


def millivolts_per(unit: str) -> float | None:
    """How many mV one unit is; None when the unit is not known as a voltage."""
    return _MILLIVOLTS.get(unit.strip())
