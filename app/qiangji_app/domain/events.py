"""What happened, append-only and hash-chained; payloads hold ids, codes and digests only."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

#: Values an event may carry: no identity, no free text.
Payload = Mapping[str, str | int | float | bool | None]

GENESIS = "0" * 64


@dataclass(frozen=True)
class Event:
    """One change, as stored.

    ``hash`` is HMAC-SHA256 over ``prev_hash`` and the canonical JSON of all other fields, with
    a key kept outside the database. ``chain`` is ``changes`` or ``reads``.
    """

    id: str
    node_id: str
    chain: str
    node_seq: int
    prev_hash: str
    hash: str
    at: datetime
    actor_id: str
    case_id: str
    type: str
    schema_version: int
    payload: Payload


def event_hash(
    key: bytes,
    *,
    id: str,
    node_id: str,
    chain: str,
    node_seq: int,
    prev_hash: str,
    at: datetime,
    actor_id: str,
    case_id: str,
    type: str,
    schema_version: int,
    payload: Payload,
) -> str:
    """HMAC-SHA256, hex, over the canonical form of an event.

    Raises
    ------
    ValueError
        ``at`` is naive.
    """
    if at.tzinfo is None:
        raise ValueError(f"event time must be aware: {at!r}")
    fields = {
        "id": id,
        "node_id": node_id,
        "chain": chain,
        "node_seq": node_seq,
        "prev_hash": prev_hash,
        "at": at.isoformat(timespec="microseconds"),
        "actor_id": actor_id,
        "case_id": case_id,
        "type": type,
        "schema_version": schema_version,
        "payload": dict(payload),
    }
    text = json.dumps(fields, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode("ascii"), hashlib.sha256).hexdigest()
