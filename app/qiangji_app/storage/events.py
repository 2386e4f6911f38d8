"""The hash-chained log: one HMAC-keyed chain of changes and one of reads per node."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, update

from qiangji_app.domain.events import GENESIS, Event, Payload, event_hash
from qiangji_app.ports import Clock, EventQuery, Ids
from qiangji_app.storage.keys import Keys
from qiangji_app.storage.rows import Rows, translated
from qiangji_app.storage.tables import chain_head, event
from qiangji_datasets.errors import StorageFault

CHANGES: Final = "changes"
READS: Final = "reads"
CHAINS: Final = (CHANGES, READS)
SCHEMA_VERSION: Final = 1
#: Written by ``append`` itself when the head it finds was not written with the key.
TAMPERED: Final = "audit.head_invalid"
_CODE = re.compile(r"[!-~]{0,400}")  # ids, codes, digests: printable ASCII without spaces


@dataclass(frozen=True)
class Head:
    """Where a chain ends: number and hash of its last event, 0 and GENESIS when empty."""

    node_id: str
    chain: str
    node_seq: int
    hash: str


def head_mac(key: bytes, head: Head) -> str:
    """HMAC-SHA256, hex, that only a holder of the key can write for a head."""
    fields = ["head", head.node_id, head.chain, head.node_seq, head.hash]
    text = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
    return hmac.new(key, text.encode("ascii"), hashlib.sha256).hexdigest()


def is_genuine(key: bytes, head: Head, mac: str) -> bool:
    """True when the MAC was made with the key."""
    return hmac.compare_digest(head_mac(key, head), mac)


@dataclass(frozen=True)
class Chain:
    """What appending to one chain needs."""

    node_id: str
    chain: str
    keys: Keys
    clock: Clock
    ids: Ids


class SqlEvents:
    """Appends to one chain within the open transaction, which holds the node's lock."""

    def __init__(self, rows: Rows, chain: Chain) -> None:
        self._rows = rows
        self._chain = chain
        #: The head as this transaction leaves it; None while nothing was appended.
        self.appended: Head | None = None

    def append(
        self, *, type: str, actor_id: str, case_id: str = "", payload: Payload | None = None
    ) -> Event:
        """Add an event at the end of the chain.

        Raises
        ------
        ValueError
            A value of the payload is free text: payloads hold ids, codes and digests.
        """
        head, is_sound = self._head()
        if not is_sound:
            found = {"found_seq": head.node_seq}
            head = _head_of(self._write(head, TAMPERED, actor_id="system", payload=found))
        added = self._write(
            head, type, actor_id=actor_id, case_id=case_id, payload=dict(payload or {})
        )
        self._move_head(_head_of(added))
        return added

    def of_case(self, case_id: str) -> Sequence[Event]:
        """Events of a case in the order they were appended."""
        statement = (
            select(event)
            .where(event.c.case_id == case_id, event.c.chain == self._chain.chain)
            .order_by(event.c.node_id, event.c.node_seq)
        )
        return self._rows.all(statement, to_event)

    def find(self, query: EventQuery) -> Sequence[Event]:
        """Events of the chain that a query wants, the newest first."""
        statement = select(event).where(*self._wanted(query))
        newest = statement.order_by(event.c.at.desc(), event.c.node_seq.desc())
        return self._rows.all(newest.limit(query.limit).offset(query.offset), to_event)

    def count(self, query: EventQuery) -> int:
        """How many events of the chain a query wants, whatever its limit."""
        statement = select(func.count()).select_from(event).where(*self._wanted(query))
        return self._rows.one(statement, lambda row: int(row[0])) or 0

    def version(self) -> str:
        """Number of the last event of each node: another text after every append."""
        statement = (
            select(chain_head.c.node_id, chain_head.c.node_seq)
            .where(chain_head.c.chain == self._chain.chain)
            .order_by(chain_head.c.node_id)
        )
        return " ".join(self._rows.all(statement, lambda row: f"{row.node_id}:{row.node_seq}"))

    def _wanted(self, query: EventQuery) -> list[ColumnElement[bool]]:
        wanted = [event.c.chain == self._chain.chain]
        if query.type:
            below = event.c.type.startswith(f"{query.type}.", autoescape=True)
            wanted.append(or_(event.c.type == query.type, below))
        if query.actor_id:
            wanted.append(event.c.actor_id == query.actor_id)
        if query.case_id:
            wanted.append(event.c.case_id == query.case_id)
        if query.since is not None:
            wanted.append(event.c.at >= query.since)
        if query.until is not None:
            wanted.append(event.c.at < query.until)
        return wanted

    def _head(self) -> tuple[Head, bool]:
        where = self._chain
        statement = select(chain_head).where(
            chain_head.c.node_id == where.node_id, chain_head.c.chain == where.chain
        )
        found = self._rows.one(statement, lambda row: (to_head(row), str(row.mac)))
        if found is None:  # the row was deleted: say so in the chain, as far as it is known
            self._rows.insert(chain_head, _head_values(where.keys, self._empty()))
            return self._empty(), False
        head, mac = found
        return head, is_genuine(where.keys.chain, head, mac)

    def _empty(self) -> Head:
        return Head(self._chain.node_id, self._chain.chain, 0, GENESIS)

    def _write(
        self, head: Head, type: str, *, actor_id: str, payload: Payload, case_id: str = ""
    ) -> Event:
        check_payload(payload)
        fields: dict[str, Any] = {  # passed on as keywords, hence loosely typed
            "id": self._chain.ids.new(),
            "node_id": head.node_id,
            "chain": head.chain,
            "node_seq": head.node_seq + 1,
            "prev_hash": head.hash,
            "at": self._chain.clock.now(),
            "actor_id": actor_id,
            "case_id": case_id,
            "type": type,
            "schema_version": SCHEMA_VERSION,
            "payload": payload,
        }
        added = Event(hash=event_hash(self._chain.keys.chain, **fields), **fields)
        text = json.dumps(dict(payload), sort_keys=True, allow_nan=False)
        self._rows.insert(event, fields | {"payload": text, "hash": added.hash})
        return added

    def _move_head(self, head: Head) -> None:
        where = self._chain
        self._rows.run(
            update(chain_head)
            .where(chain_head.c.node_id == where.node_id, chain_head.c.chain == where.chain)
            .values(**_head_values(where.keys, head))
        )
        self.appended = head


def check_payload(payload: Payload) -> None:
    """Refuse free text.

    Raises
    ------
    ValueError
        A text value is not printable ASCII without spaces, or is longer than 400.
    """
    for key, value in payload.items():
        if isinstance(value, str) and not _CODE.fullmatch(value):
            raise ValueError(f"payload field {key!r} is free text; events hold ids and codes only")


def _head_of(last: Event) -> Head:
    return Head(last.node_id, last.chain, last.node_seq, last.hash)


def _head_values(keys: Keys, head: Head) -> dict[str, str | int]:
    return {
        "node_id": head.node_id,
        "chain": head.chain,
        "node_seq": head.node_seq,
        "hash": head.hash,
        "mac": head_mac(keys.chain, head),
    }


def to_head(row: Row[Any]) -> Head:
    """Head from its row."""
    return Head(row.node_id, row.chain, row.node_seq, row.hash)


def to_event(row: Row[Any]) -> Event:
    """Event from its row.

    Raises
    ------
    StorageFault
        ``storage.event_unreadable``: the payload is not JSON any more.
    """
    try:
        payload = dict(json.loads(row.payload))
    except (ValueError, TypeError) as fault:
        raise StorageFault("storage.event_unreadable", node_seq=row.node_seq) from fault
    return Event(
        id=row.id,
        node_id=row.node_id,
        chain=row.chain,
        node_seq=row.node_seq,
        prev_hash=row.prev_hash,
        hash=row.hash,
        at=row.at,
        actor_id=row.actor_id,
        case_id=row.case_id,
        type=row.type,
        schema_version=row.schema_version,
        payload=payload,
    )


def empty_heads(keys: Keys, node_id: str) -> list[dict[str, str | int]]:
    """Rows for the chains of a new node."""
    return [_head_values(keys, Head(node_id, chain, 0, GENESIS)) for chain in CHAINS]


class SqlSweep:
    """Walks over whole chains without holding them in memory."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def chain(self, node_id: str, chain: str) -> Iterator[Event]:
        """Events in the order of their numbers."""
        statement = (
            select(event)
            .where(event.c.node_id == node_id, event.c.chain == chain)
            .order_by(event.c.node_seq)
            .execution_options(yield_per=1000)
        )
        with translated():
            for row in self._connection.execute(statement):
                yield to_event(row)
