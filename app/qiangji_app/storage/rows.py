"""One open transaction: statements with our errors in place of the driver's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Row, Table, insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from qiangji_app.storage.crypto import FieldCipher
from qiangji_app.storage.disk import is_no_space
from qiangji_datasets.errors import Conflict, QiangjiError, StorageFault

_UNIQUE_VIOLATION = "23505"  # PostgreSQL, appendix A; also the class of a primary key
_PG_DISK_FULL = "53100"
_PG_LOCK_NOT_AVAILABLE = "55P03"

T = TypeVar("T")
#: Values of one database row; columns differ in type, so this is as exact as it gets.
Values = Mapping[str, Any]


class Rows:
    """Executes statements on one connection.

    Parameters
    ----------
    connection
        With a transaction begun.
    cipher
        For ``sealed*`` columns.
    """

    def __init__(self, connection: Connection, cipher: FieldCipher) -> None:
        self.connection = connection
        self.cipher = cipher

    def all(self, statement: Executable, make: Callable[[Row[Any]], T]) -> Sequence[T]:
        """Every row, made into a domain object."""
        with translated():
            return [make(row) for row in self.connection.execute(statement)]

    def one(self, statement: Executable, make: Callable[[Row[Any]], T]) -> T | None:
        """The first row, made into a domain object; None when there is none."""
        with translated():
            row = self.connection.execute(statement).first()
        return None if row is None else make(row)

    def run(self, statement: Executable) -> int:
        """Execute a change; returns the number of rows it met."""
        with translated():
            return self.connection.execute(statement).rowcount

    def insert(self, table: Table, values: Values) -> None:
        """Add a row.

        A clash undoes this row only, on both engines, and the transaction can go on.

        Raises
        ------
        Conflict
            ``storage.exists``: its key is taken.
        StorageFault
            ``storage.invariant``: a rule of the database forbids it.
        """
        with translated(), self.connection.begin_nested():
            self.connection.execute(insert(table).values(**values))


class translated:  # noqa: N801 - reads as a statement: ``with translated():``
    """Turns the driver's errors into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DBAPIError):
            raise _ours(error) from error
        if isinstance(error, PoolTimeout):
            raise StorageFault("storage.busy") from error


def _ours(error: DBAPIError) -> QiangjiError:
    text = str(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error, IntegrityError):
        if state == _UNIQUE_VIOLATION or text.startswith("UNIQUE constraint failed"):
            return Conflict("storage.exists")
        return StorageFault("storage.invariant")
    if state == _PG_DISK_FULL or "disk is full" in text or is_no_space(error.orig):
        return StorageFault("storage.full")
    if state == _PG_LOCK_NOT_AVAILABLE or "database is locked" in text:
        return StorageFault("storage.busy")
    return StorageFault("storage.database")
