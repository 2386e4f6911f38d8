"""Accounts, sites and browser sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update

from qiangji_app.domain.account import Account, Session
from qiangji_app.domain.roles import Role, Site, SiteKind
from qiangji_app.storage.rows import Rows, Values
from qiangji_app.storage.tables import account, session, site
from qiangji_datasets.errors import NotFound

_SEPARATOR = ","


class SqlAccounts:
    """Accounts of one transaction."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, user_id: str) -> Account | None:
        """One account."""
        return self._rows.one(select(account).where(account.c.id == user_id), _to_account)

    def by_login(self, login: str) -> Account | None:
        """One account by its exact login."""
        return self._rows.one(select(account).where(account.c.login == login), _to_account)

    def add(self, added: Account) -> None:
        """Add an account.

        Raises
        ------
        Conflict
            Id or login is taken.
        """
        self._rows.insert(account, _account_values(added))

    def save(self, changed: Account) -> None:
        """Replace an account.

        Raises
        ------
        NotFound
            ``account.not_found``.
        """
        statement = update(account).where(account.c.id == changed.id)
        if not self._rows.run(statement.values(**_account_values(changed))):
            raise NotFound("account.not_found")

    def all(self) -> Sequence[Account]:
        """Every account in the order they were made."""
        return self._rows.all(select(account).order_by(account.c.seq), _to_account)

    def sites(self) -> Sequence[Site]:
        """Every site in the order they were made."""
        return self._rows.all(select(site).order_by(site.c.seq), _to_site)

    def add_site(self, added: Site) -> None:
        """Add a site.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(site, asdict(added) | {"kind": added.kind.value})

    def save_site(self, changed: Site) -> None:
        """Replace a site.

        Raises
        ------
        NotFound
            ``site.unknown``.
        """
        values = asdict(changed) | {"kind": changed.kind.value}
        if not self._rows.run(update(site).where(site.c.id == changed.id).values(**values)):
            raise NotFound("site.unknown", site=changed.id)

    def session(self, token_sha256: str) -> Session | None:
        """One session by the digest of its token."""
        statement = select(session).where(session.c.token_sha256 == token_sha256)
        return self._rows.one(statement, _to_session)

    def add_session(self, added: Session) -> None:
        """Add a session.

        Raises
        ------
        Conflict
            The digest is taken.
        """
        self._rows.insert(session, asdict(added))

    def save_session(self, changed: Session) -> None:
        """Replace a session; nothing happens to one that was signed out meanwhile."""
        values = asdict(changed)
        key = values.pop("token_sha256")
        self._rows.run(update(session).where(session.c.token_sha256 == key).values(**values))

    def touch_session(self, token_sha256: str, at: datetime) -> None:
        """Note when a session was used; an unlock given meanwhile stays, a sign-out too."""
        is_this = session.c.token_sha256 == token_sha256
        self._rows.run(update(session).where(is_this).values(last_seen_at=at))

    def remove_session(self, token_sha256: str) -> None:
        """Sign one browser out."""
        self._rows.run(delete(session).where(session.c.token_sha256 == token_sha256))

    def remove_sessions_of(self, user_id: str) -> None:
        """Sign an account out everywhere."""
        self._rows.run(delete(session).where(session.c.user_id == user_id))

    def seen_since(self, at: datetime) -> frozenset[str]:
        """Ids of accounts with a session that was used since an instant."""
        statement = select(session.c.user_id).where(session.c.last_seen_at >= at)
        return frozenset(self._rows.all(statement, lambda row: str(row.user_id)))


def _joined(values: frozenset[str]) -> str:
    return _SEPARATOR.join(sorted(values))


def _split(text: str) -> frozenset[str]:
    return frozenset(text.split(_SEPARATOR)) if text else frozenset()


def _account_values(item: Account) -> Values:
    return asdict(item) | {
        "roles": _joined(frozenset(role.value for role in item.roles)),
        "sign_modalities": _joined(item.sign_modalities),
    }


def _to_account(row: Row[Any]) -> Account:
    fields = dict(row._mapping)
    del fields["seq"]
    fields["roles"] = frozenset(Role(name) for name in _split(fields["roles"]))
    fields["sign_modalities"] = _split(fields["sign_modalities"])
    return Account(**fields)


def _to_site(row: Row[Any]) -> Site:
    fields = dict(row._mapping)
    del fields["seq"]
    return Site(**(fields | {"kind": SiteKind(fields["kind"])}))


def _to_session(row: Row[Any]) -> Session:
    return Session(**row._mapping)
