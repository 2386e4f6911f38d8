"""The system clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Time of the operating system, in UTC."""

    def now(self) -> datetime:
        """Aware instant."""
        return datetime.now(UTC)
