"""Durable queue: a job runs at least once, one at a time per kind and key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, delete, false, or_, select, true, update

from qiangji_app.ports import Clock
from qiangji_app.storage.rows import Rows
from qiangji_app.storage.tables import job

#: A worker that says nothing for this long is taken for dead, and the job is given out again.
LEASE: Final = timedelta(minutes=5)


class SqlJobs:
    """Jobs of one transaction."""

    def __init__(self, rows: Rows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock

    def add(self, kind: str, key: str) -> None:
        """Queue a job.

        One that waits already stays one job and becomes due at once; one that is being worked
        on runs once more afterwards, because its input may have changed meanwhile.
        """
        now = self._clock.now()
        known = self._rows.one(select(job).where(_is(kind, key)), lambda row: row)
        if known is None:
            values = {"kind": kind, "key": key, "due_at": now, "attempts": 0, "error_code": ""}
            self._rows.insert(job, values | {"is_wanted_again": False})
        elif known.leased_until is not None:
            self._rows.run(update(job).where(_is(kind, key)).values(is_wanted_again=True))
        else:
            self._rows.run(update(job).where(_is(kind, key)).values(due_at=now))

    def claim(self, kind: str, now: datetime) -> str | None:
        """Key of the next due job, leased; None when there is none.

        A job whose lease ran out is due again.
        """
        is_free = or_(job.c.leased_until.is_(None), job.c.leased_until <= now)
        statement = (
            select(job.c.key)
            .where(job.c.kind == kind, job.c.due_at <= now, is_free)
            .order_by(job.c.due_at, job.c.seq)
            .limit(1)
        )
        key = self._rows.one(statement, _key)
        if key is not None:
            leased = {"leased_until": now + LEASE, "attempts": job.c.attempts + 1}
            self._rows.run(update(job).where(_is(kind, key)).values(**leased))
        return key

    def attempts(self, kind: str, key: str) -> int:
        """How often a job was claimed since a worker gave it back; 0 when there is none.

        More than one means that a worker died, or hung, with the job in hand.
        """
        statement = select(job.c.attempts).where(_is(kind, key))
        return self._rows.one(statement, lambda row: int(row.attempts)) or 0

    def done(self, kind: str, key: str) -> None:
        """Forget a finished job, or queue it again when it was asked for meanwhile."""
        again = and_(_is(kind, key), job.c.is_wanted_again == true())
        self._rows.run(delete(job).where(_is(kind, key), job.c.is_wanted_again == false()))
        self._rows.run(
            update(job)
            .where(again)
            .values(
                is_wanted_again=False,
                leased_until=None,
                due_at=self._clock.now(),
                attempts=0,
                error_code="",
            )
        )

    def retry(self, kind: str, key: str, at: datetime, error_code: str) -> None:
        """Give a job back to be tried at an instant; who gives it back is alive."""
        values = {"due_at": at, "error_code": error_code, "attempts": 0}
        self._rows.run(
            update(job)
            .where(_is(kind, key))
            .values(leased_until=None, is_wanted_again=False, **values)
        )


def _is(kind: str, key: str) -> Any:  # SQLAlchemy's type of a condition is not public
    return and_(job.c.kind == kind, job.c.key == key)


def _key(row: Row[Any]) -> str:
    return str(row.key)
