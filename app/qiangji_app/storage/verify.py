"""Checks the whole log: every hash, every link, every head written elsewhere, signed reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, select

from qiangji_app.domain.audit import Problem, Verification
from qiangji_app.domain.events import GENESIS, Event, event_hash
from qiangji_app.storage.engines import Engines
from qiangji_app.storage.events import CHAINS, TAMPERED, Head, SqlSweep, is_genuine, to_head
from qiangji_app.storage.heads import HeadsFile, Witness
from qiangji_app.storage.keys import Keys
from qiangji_app.storage.rows import translated
from qiangji_app.storage.tables import chain_head, event, node
from qiangji_app.storage.verify_reports import check_reports
from qiangji_datasets.errors import StorageFault

#: Kinds of damage, each a message key.
EDITED: Final = "audit.edited"
GAP: Final = "audit.gap"
UNLINKED: Final = "audit.unlinked"
UNREADABLE: Final = "audit.unreadable"
HEAD: Final = "audit.head"
HEAD_WAS_INVALID: Final = "audit.head_was_invalid"
TRUNCATED: Final = "audit.truncated"
CONTRADICTED: Final = "audit.contradicted"
FORGED_WITNESS: Final = "audit.forged_witness"
NO_WITNESS: Final = "audit.no_witness"
UNKNOWN_NODE: Final = "audit.unknown_node"


def verify_log(engines: Engines, keys: Keys, heads: HeadsFile) -> Verification:
    """Check every chain against its key and the heads written elsewhere, and signed reports.

    Heads are read first: they follow the database, so a sound database is never behind them.
    """
    witnesses = {node_id: heads.read(node_id) for node_id in heads.nodes()}
    problems: list[Problem] = []
    events = 0
    with translated(), engines.read.connect() as connection:
        nodes = [str(row.id) for row in connection.execute(select(node))]
        problems += _unknown_nodes(connection, frozenset(nodes) | witnesses.keys())
        for node_id in sorted({*nodes, *witnesses}):
            for chain in CHAINS:
                known = tuple(
                    item for item in witnesses.get(node_id, ()) if item.head.chain == chain
                )
                walk = _Walk(connection, keys, node_id, chain)
                problems += walk.problems(known)
                events += walk.count
        reports, found = check_reports(connection, keys)
        problems += found
    problems += _forged(witnesses)
    return Verification(events, reports, tuple(problems))


class _Walk:
    """One pass over one chain."""

    def __init__(self, connection: Connection, keys: Keys, node_id: str, chain: str) -> None:
        self._connection = connection
        self._key = keys.chain
        self._last = Head(node_id, chain, 0, GENESIS)
        self.count = 0

    def problems(self, witnesses: tuple[Witness, ...]) -> Iterator[Problem]:
        genuine = [item.head for item in witnesses if item.is_genuine]
        expected = {head.node_seq: head.hash for head in genuine if head.node_seq}
        try:
            for item in SqlSweep(self._connection).chain(self._last.node_id, self._last.chain):
                yield from self._event(item, expected.get(item.node_seq))
        except (StorageFault, ValueError, TypeError):  # a value no program of ours would write
            yield self._problem(UNREADABLE, self._last.node_seq + 1)
        yield from self._head()
        missing = [seq for seq in expected if seq > self._last.node_seq]
        if missing:
            yield self._problem(TRUNCATED, self._last.node_seq + 1)
        if not genuine:
            yield self._problem(NO_WITNESS, 0)

    def _event(self, item: Event, expected: str | None) -> Iterator[Problem]:
        self.count += 1
        if item.node_seq != self._last.node_seq + 1:
            yield self._problem(GAP, self._last.node_seq + 1)
        elif item.prev_hash != self._last.hash:
            yield self._problem(UNLINKED, item.node_seq)
        if _hash(self._key, item) != item.hash:
            yield self._problem(EDITED, item.node_seq)
        if expected is not None and expected != item.hash:
            yield self._problem(CONTRADICTED, item.node_seq)
        if item.type == TAMPERED:
            yield self._problem(HEAD_WAS_INVALID, item.node_seq)
        self._last = Head(item.node_id, item.chain, item.node_seq, item.hash)

    def _head(self) -> Iterator[Problem]:
        """The head in the database: signed, and where the chain ends."""
        statement = select(chain_head).where(
            chain_head.c.node_id == self._last.node_id, chain_head.c.chain == self._last.chain
        )
        row = self._connection.execute(statement).first()
        if row is None or not is_genuine(self._key, to_head(row), str(row.mac)):
            yield self._problem(HEAD, self._last.node_seq)
        elif row.node_seq > self._last.node_seq:
            yield self._problem(TRUNCATED, self._last.node_seq + 1)
        elif to_head(row) != self._last:
            yield self._problem(HEAD, self._last.node_seq)

    def _problem(self, code: str, node_seq: int) -> Problem:
        return Problem(code, self._last.node_id, self._last.chain, node_seq)


def _hash(key: bytes, item: Event) -> str:
    return event_hash(
        key,
        id=item.id,
        node_id=item.node_id,
        chain=item.chain,
        node_seq=item.node_seq,
        prev_hash=item.prev_hash,
        at=item.at,
        actor_id=item.actor_id,
        case_id=item.case_id,
        type=item.type,
        schema_version=item.schema_version,
        payload=item.payload,
    )


def _unknown_nodes(connection: Connection, known: frozenset[str]) -> list[Problem]:
    found = {str(row.node_id) for row in connection.execute(select(event.c.node_id).distinct())}
    return [Problem(UNKNOWN_NODE, node_id, "", 0) for node_id in sorted(found - known)]


def _forged(witnesses: dict[str, tuple[Witness, ...]]) -> list[Problem]:
    return [
        Problem(FORGED_WITNESS, node_id, item.head.chain, item.head.node_seq)
        for node_id, items in sorted(witnesses.items())
        for item in items
        if not item.is_genuine
    ]
