"""UUID version 7 (RFC 9562, 5.7), made where the thing is made; never used for ordering."""

from __future__ import annotations

import uuid
from datetime import datetime


def uuid7(now: datetime, random_bits: int) -> str:
    """Canonical text of a UUIDv7.

    Parameters
    ----------
    now
        Aware instant; its milliseconds fill the first 48 bits.
    random_bits
        At least 74 random bits; more are cut off.
    """
    millis = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    rand_a = (random_bits >> 62) & 0xFFF
    rand_b = random_bits & ((1 << 62) - 1)
    value = (millis << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b
    return str(uuid.UUID(int=value))


def is_uuid(text: str) -> bool:
    """True for the canonical lower-case form of any UUID; what a client may send as a key."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
