"""One way to write a JSON value as bytes, so that everybody computes the same digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def canonical_json(body: Mapping[str, object]) -> bytes:
    """Keys sorted, no blanks, ASCII only."""
    text = json.dumps(
        body, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode("ascii")


def digest(body: Mapping[str, object]) -> str:
    """SHA-256, hex, of the canonical JSON."""
    return hashlib.sha256(canonical_json(body)).hexdigest()
