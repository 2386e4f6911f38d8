"""Referrals and their follow-ups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select, update

from qiangji_app.domain.referral import Referral
from qiangji_app.domain.referral_follow_up import ReferralFollowUp
from qiangji_app.ports import FollowUpQuery, ReferralQuery
from qiangji_app.storage import referral_rows
from qiangji_app.storage.referral_tables import referral, referral_follow_up
from qiangji_app.storage.rows import Rows
from qiangji_datasets.errors import Conflict, NotFound


class SqlReferrals:
    """Referrals of one transaction; see ``ports.Referrals``."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, referral_id: str) -> Referral | None:
        """One referral."""
        return self._rows.one(select(referral).where(referral.c.id == referral_id), self._opened)

    def add(self, added: Referral) -> None:
        """Add a referral.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(referral, referral_rows.referral_values(added, self._rows.cipher))

    def save(self, changed: Referral) -> Referral:
        """Store a change; the referral comes back with its new revision.

        Raises
        ------
        Conflict
            ``referral.changed_meanwhile``: the stored revision is another one.
        """
        saved = replace(changed, revision=changed.revision + 1)
        is_met = self._rows.run(
            update(referral)
            .where(referral.c.id == changed.id, referral.c.revision == changed.revision)
            .values(**referral_rows.referral_values(saved, self._rows.cipher))
        )
        if not is_met:
            raise Conflict("referral.changed_meanwhile")
        return saved

    def find(self, query: ReferralQuery) -> Sequence[Referral]:
        """Referrals, the newest first."""
        statement = _where(select(referral), query).order_by(referral.c.seq.desc())
        return self._rows.all(statement.limit(query.limit), self._opened)

    def follow_up(self, follow_up_id: str) -> ReferralFollowUp | None:
        """One follow-up."""
        wanted = referral_follow_up.c.id == follow_up_id
        return self._rows.one(select(referral_follow_up).where(wanted), self._opened_follow_up)

    def follow_ups(self, query: FollowUpQuery) -> Sequence[ReferralFollowUp]:
        """Follow-ups, the earliest due first."""
        columns = referral_follow_up.c
        statement = select(referral_follow_up)
        if query.site_ids is not None:
            statement = statement.where(columns.site_id.in_(query.site_ids))
        if query.referral_id:
            statement = statement.where(columns.referral_id == query.referral_id)
        if query.person_id:
            statement = statement.where(columns.person_id == query.person_id)
        if query.is_due:
            statement = statement.where(columns.done_at.is_(None), columns.void_reason == "")
        statement = statement.order_by(columns.due_on, columns.seq)
        return self._rows.all(statement, self._opened_follow_up)

    def add_follow_up(self, added: ReferralFollowUp) -> None:
        """Add a follow-up.

        Raises
        ------
        Conflict
            The id is taken.
        """
        values = referral_rows.follow_up_values(added, self._rows.cipher)
        self._rows.insert(referral_follow_up, values)

    def save_follow_up(self, changed: ReferralFollowUp) -> None:
        """Replace a follow-up.

        Raises
        ------
        NotFound
            ``follow_up.not_found``.
        """
        values = referral_rows.follow_up_values(changed, self._rows.cipher)
        same = referral_follow_up.c.id == changed.id
        if not self._rows.run(update(referral_follow_up).where(same).values(**values)):
            raise NotFound("follow_up.not_found")

    def _opened(self, row: Row[Any]) -> Referral:
        return referral_rows.to_referral(row, self._rows.cipher)

    def _opened_follow_up(self, row: Row[Any]) -> ReferralFollowUp:
        return referral_rows.to_follow_up(row, self._rows.cipher)


def _where(statement: Select[Any], query: ReferralQuery) -> Select[Any]:
    columns = referral.c
    if query.from_site_ids is not None or query.target_site_ids is not None:
        sides: list[ColumnElement[bool]] = [
            column.in_(wanted)
            for column, wanted in (
                (columns.from_site_id, query.from_site_ids),
                (columns.home_site_id, query.from_site_ids),
                (columns.target_site_id, query.target_site_ids),
            )
            if wanted is not None
        ]
        sides += [
            columns.past_targets.contains(f" {site} ", autoescape=True)
            for site in sorted(query.target_site_ids or ())
        ]
        statement = statement.where(or_(*sides))
    if query.states is not None:
        statement = statement.where(columns.state.in_([state.value for state in query.states]))
    if query.person_id:
        statement = statement.where(columns.person_id == query.person_id)
    if query.since is not None:
        started = (columns.created_at, columns.requested_at, columns.down_at)
        statement = statement.where(or_(*(column >= query.since for column in started)))
    return statement
