"""The database: transactions that begin with the lock taken, and read-only snapshots."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, text

from qiangji_app import ports, visit_ports
from qiangji_app.domain.audit import Verification
from qiangji_app.storage.accounts import SqlAccounts
from qiangji_app.storage.cases import SqlCases
from qiangji_app.storage.crypto import FieldCipher
from qiangji_app.storage.engines import BUSY_TIMEOUT_S, Engines, open_engines
from qiangji_app.storage.events import (
    CHANGES,
    READS,
    Chain,
    Head,
    SqlEvents,
    empty_heads,
    to_head,
)
from qiangji_app.storage.heads import EVERY_EVENTS, HeadsFile
from qiangji_app.storage.jobs import SqlJobs
from qiangji_app.storage.keys import Keys
from qiangji_app.storage.persons import SqlPersons
from qiangji_app.storage.recognitions import SqlRecognitions
from qiangji_app.storage.referrals import SqlReferrals
from qiangji_app.storage.registers import SqlRegisters
from qiangji_app.storage.rows import Rows, translated
from qiangji_app.storage.schema import ensure_schema
from qiangji_app.storage.tables import chain_head, node
from qiangji_app.storage.uploads import SqlUploads
from qiangji_app.storage.verify import verify_log
from qiangji_app.storage.visits import SqlVisits
from qiangji_datasets.errors import QiangjiError, StorageFault

_LOG = logging.getLogger(__name__)
_KEY_CHECK: Final = b"qiangji key check"
#: The node that made this database.
_LOCAL_NODE: Final = select(node).order_by(node.c.created_at).limit(1)


class SqlUnit:
    """One transaction; see ``ports.Unit``."""

    def __init__(self, connection: Connection, store: SqlStore) -> None:
        rows = Rows(connection, store.cipher)
        self._rows = rows
        self._changes = SqlEvents(rows, store.chain(CHANGES))
        self._reads = SqlEvents(rows, store.chain(READS))
        self.cases: ports.Cases = SqlCases(rows)
        self.referrals: ports.Referrals = SqlReferrals(rows)
        self.recognitions: ports.Recognitions = SqlRecognitions(rows)
        self.persons: ports.Persons = SqlPersons(rows, store.keys, store.clock)
        self.accounts: ports.Accounts = SqlAccounts(rows)
        self.uploads: ports.Uploads = SqlUploads(rows)
        self.events: ports.Events = self._changes
        self.reads: ports.Events = self._reads
        self.jobs: ports.Jobs = SqlJobs(rows, store.clock)
        self.visits: visit_ports.Visits = SqlVisits(rows)
        self.registers: visit_ports.Registers = SqlRegisters(rows)
        self.is_committed = False

    def commit(self) -> None:
        """Make every change of this unit permanent, on disk when this returns.

        Raises
        ------
        StorageFault
            The database could not.
        """
        with translated():
            self._rows.connection.commit()
        self.is_committed = True

    def heads(self) -> tuple[Head, ...]:
        """Heads of the chains that this unit appended to."""
        found = (self._changes.appended, self._reads.appended)
        return tuple(head for head in found if head is not None)


class SqlStore:
    """See ``ports.Store``; made by ``open_store``."""

    def __init__(
        self,
        engines: Engines,
        *,
        keys: Keys,
        clock: ports.Clock,
        ids: ports.Ids,
        heads: HeadsFile,
        node_id: str,
    ) -> None:
        self.engines = engines
        self.keys = keys
        self.clock = clock
        self.ids = ids
        self.heads_file = heads
        self.node_id = node_id
        self.cipher = FieldCipher(keys)
        self._writer = threading.Lock()

    def chain(self, name: str) -> Chain:
        """What appending to a chain of this node needs."""
        return Chain(self.node_id, name, self.keys, self.clock, self.ids)

    @contextmanager
    def begin(self) -> Iterator[ports.Unit]:
        """A write transaction; rolled back unless committed.

        Raises
        ------
        StorageFault
            ``storage.busy``: another transaction held the lock for too long.
        """
        with self._alone(), translated(), self.engines.write.connect() as connection:
            self._lock_node(connection)
            unit = SqlUnit(connection, self)
            yield unit
        if unit.is_committed:
            self._offer_heads(unit.heads())

    @contextmanager
    def read(self) -> Iterator[ports.Unit]:
        """A read-only snapshot: the database refuses a change made through it."""
        with translated(), self.engines.read.connect() as connection:
            yield SqlUnit(connection, self)

    def verify(self) -> Verification:
        """Check both chains, the heads written elsewhere, and every signed report."""
        return verify_log(self.engines, self.keys, self.heads_file)

    def write_heads(self) -> None:
        """Sign the present heads into the heads file; call hourly and at the end."""
        with translated(), self.engines.read.connect() as connection:
            rows = connection.execute(
                select(chain_head).where(chain_head.c.node_id == self.node_id)
            )
            heads = [to_head(row) for row in rows]
        for head in heads:
            self.heads_file.write(head, self.clock.now())

    def close(self) -> None:
        """Write the heads and let go of the database."""
        self.write_heads()
        self.engines.dispose()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Threads of this process queue up here instead of polling SQLite's lock."""
        if not self.engines.is_sqlite:
            yield
            return
        if not self._writer.acquire(timeout=BUSY_TIMEOUT_S):
            raise StorageFault("storage.busy")
        try:
            yield
        finally:
            self._writer.release()

    def _lock_node(self, connection: Connection) -> None:
        if self.engines.is_sqlite:
            connection.begin()  # BEGIN IMMEDIATE
            return
        statement = select(chain_head).where(chain_head.c.node_id == self.node_id)
        connection.execute(statement.order_by(chain_head.c.chain).with_for_update())

    def _offer_heads(self, heads: tuple[Head, ...]) -> None:
        now = self.clock.now()
        try:
            for head in heads:
                self.heads_file.offer(head, now)
        except OSError:
            # The change is committed and must be answered; the next event tries again.
            _LOG.exception("heads file could not be written")


def open_store(
    url: str,
    *,
    keys: Keys,
    clock: ports.Clock,
    ids: ports.Ids,
    heads_folder: Path,
    heads_every: int = EVERY_EVENTS,
) -> SqlStore:
    """Open a database, migrating it when needed.

    Parameters
    ----------
    url
        ``sqlite:///…/file`` or ``postgresql://…``.
    heads_folder
        Where signed heads go; outside the data folder.

    Raises
    ------
    StorageFault
        ``storage.wrong_keys``: the database was made with other keys. ``storage.newer_schema``,
        ``storage.url``, ``storage.database``.
    """
    engines = open_engines(url)
    try:
        ensure_schema(engines)
        node_id = _open_node(engines, keys, clock, ids)
    except QiangjiError:
        engines.dispose()
        raise
    heads = HeadsFile(heads_folder, keys, every=heads_every)
    store = SqlStore(engines, keys=keys, clock=clock, ids=ids, heads=heads, node_id=node_id)
    if node_id not in heads.nodes():
        store.write_heads()
    return store


def key_check(keys: Keys) -> str:
    """Tells one key ring from another without telling a key."""
    return hmac.new(keys.chain + keys.index, _KEY_CHECK, hashlib.sha256).hexdigest()


def _open_node(engines: Engines, keys: Keys, clock: ports.Clock, ids: ports.Ids) -> str:
    with translated(), engines.read.connect() as connection:
        known = connection.execute(_LOCAL_NODE).first()
    if known is None:
        known = _create_node(engines, keys, clock, ids)
    if not hmac.compare_digest(str(known.key_check), key_check(keys)):
        raise StorageFault("storage.wrong_keys")
    return str(known.id)


def _create_node(engines: Engines, keys: Keys, clock: ports.Clock, ids: ports.Ids) -> Row[Any]:
    with translated(), engines.write.begin() as connection:
        if not engines.is_sqlite:
            connection.execute(text("LOCK TABLE node IN EXCLUSIVE MODE"))
        known = connection.execute(_LOCAL_NODE).first()
        if known is not None:  # another process was faster
            return known
        node_id = ids.new()
        values = {"id": node_id, "key_check": key_check(keys), "created_at": clock.now()}
        connection.execute(insert(node).values(**values))
        connection.execute(insert(chain_head), empty_heads(keys, node_id))
        return connection.execute(_LOCAL_NODE).one()
