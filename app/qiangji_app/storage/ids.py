"""Ids from the clock and the operating system's random source."""

from __future__ import annotations

import secrets

from qiangji_app.domain.ids import uuid7
from qiangji_app.ports import Clock

_RANDOM_BITS = 74  # RFC 9562, 5.7


class SystemIds:
    """UUIDv7 text.

    Parameters
    ----------
    clock
        Where the leading milliseconds come from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new(self) -> str:
        """A fresh id."""
        return uuid7(self._clock.now(), secrets.randbits(_RANDOM_BITS))
