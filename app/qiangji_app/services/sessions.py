"""Sign-in, sign-out, lockout, one's own password, and the unlock that a signature needs."""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import replace
from typing import Final

from qiangji_app.domain.account import (
    LOCKOUT,
    MAX_FAILED_LOGINS,
    SIGN_UNLOCK,
    Account,
    Session,
)
from qiangji_app.ports import Unit
from qiangji_app.services.access import actor_for
from qiangji_app.services.accounts import check_password
from qiangji_app.services.context import Caller, Context
from qiangji_datasets.errors import InputRejected, NotPermitted, StorageFault
from qiangji_datasets.messages import Language

_LOG = logging.getLogger(__name__)
#: How often the use of a session is written down, seconds.
_TOUCH_EVERY_S: Final = 60


def sign_in(ctx: Context, login: str, password: str) -> tuple[str, Caller]:
    """Open a session.

    Returns
    -------
        The secret token for the cookie, and the caller.

    Raises
    ------
    NotPermitted
        Unknown login, wrong password, locked or inactive account. The first three look alike
        until the account is locked. A temporary password that has run out.
    """
    now = ctx.clock.now()
    with ctx.store.read() as unit:
        account = unit.accounts.by_login(login.strip())
    known = account is not None and account.is_active
    if known and account is not None and account.is_locked(now):
        raise NotPermitted("session.locked", minutes=_minutes_left(account, ctx))
    # An unknown login costs the same time as a known one, so that logins cannot be listed.
    password_hash = account.password_hash if known and account else ctx.passwords.decoy()
    is_right = ctx.passwords.verify(password, password_hash)
    if account is None or not known:
        raise NotPermitted("session.refused")
    with ctx.store.begin() as unit:
        # Parallel attempts each verify on their own; they are counted one after the other.
        account = _current(unit, account)
        if account.is_locked(now):
            raise NotPermitted("session.locked", minutes=_minutes_left(account, ctx))
        if not is_right or account.password_hash != password_hash:
            _count_failure(ctx, unit, account)
            unit.commit()
            raise NotPermitted("session.refused")
        if account.temporary_until is not None and now >= account.temporary_until:
            raise NotPermitted("session.temporary_expired")
        account = replace(account, failed_logins=0, locked_until=None)
        unit.accounts.save(account)
        token, session = _new_session(ctx, unit, account)
        caller = _caller(unit, account, session)
        unit.commit()
    return token, caller


def caller_of(ctx: Context, token: str) -> Caller | None:
    """Who holds this cookie; None when nobody does or the session has run out."""
    now = ctx.clock.now()
    with ctx.store.read() as unit:
        session = unit.accounts.session(_digest(token))
        account = None if session is None else unit.accounts.get(session.user_id)
        if session is None or account is None or not account.is_active:
            return None
        if not session.is_alive(now):
            return None
        caller = _caller(unit, account, session)
    if (now - session.last_seen_at).total_seconds() > _TOUCH_EVERY_S:
        _touch(ctx, session)
    return caller


def _touch(ctx: Context, session: Session) -> None:
    """Write down that a session is in use; a store that cannot write does not stop reading."""
    try:
        with ctx.store.begin() as unit:
            unit.accounts.touch_session(session.token_sha256, ctx.clock.now())
            unit.commit()
    except StorageFault as fault:
        _LOG.warning("use of a session not written down: %s", fault)


def sign_out(ctx: Context, caller: Caller) -> None:
    """Close the session."""
    with ctx.store.begin() as unit:
        unit.accounts.remove_session(caller.session.token_sha256)
        unit.events.append(type="session.closed", actor_id=caller.actor.user_id)
        unit.commit()


def unlock(ctx: Context, caller: Caller, password: str) -> Caller:
    """Enter the password again; signatures are allowed for ``SIGN_UNLOCK``.

    Raises
    ------
    NotPermitted
        Wrong password, or one that was replaced while it was verified; failures count towards
        the lockout, which also ends the session. The account was closed.
    """
    return _unlocked(ctx, caller, password)[0]


def _unlocked(ctx: Context, caller: Caller, password: str) -> tuple[Caller, str]:
    """The caller with the unlock, and the hash that the password was verified against."""
    now = ctx.clock.now()
    with ctx.store.read() as unit:
        account = unit.accounts.get(caller.actor.user_id)
    if account is None or account.is_locked(now):
        raise NotPermitted("session.locked", minutes=int(LOCKOUT.total_seconds() // 60))
    is_right = ctx.passwords.verify(password, account.password_hash)
    with ctx.store.begin() as unit:
        verified = account.password_hash
        account = _current(unit, account)
        if account.is_locked(now):
            raise NotPermitted("session.locked", minutes=_minutes_left(account, ctx))
        if not is_right or account.password_hash != verified:
            account = _count_failure(ctx, unit, account)
            if account.is_locked(now):
                unit.accounts.remove_sessions_of(account.id)
            unit.commit()
            raise NotPermitted("session.wrong_password")
        unit.accounts.save(replace(account, failed_logins=0))
        session = replace(caller.session, unlocked_until=now + SIGN_UNLOCK)
        unit.accounts.save_session(session)
        unit.events.append(type="session.unlocked", actor_id=account.id)
        unit.commit()
    return replace(caller, session=session), verified


def change_password(ctx: Context, caller: Caller, present: str, wanted: str) -> Caller:
    """Replace one's own password; every other session of the account ends.

    Raises
    ------
    NotPermitted
        The present password is wrong; failures count towards the lockout. The account was closed
        or its password replaced meanwhile.
    InputRejected
        The wanted one is too short, or the same.
    """
    check_password(wanted)
    if wanted == present:
        raise InputRejected("account.same_password")
    caller, verified = _unlocked(ctx, caller, present)
    password_hash = ctx.passwords.hash(wanted)
    with ctx.store.begin() as unit:
        account = unit.accounts.get(caller.actor.user_id)
        if account is None or not account.is_active or account.password_hash != verified:
            raise NotPermitted("session.refused")
        account = replace(account, password_hash=password_hash, temporary_until=None)
        unit.accounts.save(account)
        unit.accounts.remove_sessions_of(account.id)
        unit.accounts.add_session(caller.session)
        unit.events.append(type="account.password_changed", actor_id=account.id)
        changed = _caller(unit, account, caller.session)
        unit.commit()
    return changed


def set_language(ctx: Context, caller: Caller, language: Language) -> Caller:
    """Remember the language of an account."""
    with ctx.store.begin() as unit:
        account = unit.accounts.get(caller.actor.user_id)
        if account is None:
            raise NotPermitted("session.refused")
        unit.accounts.save(replace(account, language=language.value))
        unit.commit()
    return replace(caller, language=language)


def _current(unit: Unit, account: Account) -> Account:
    """The account as it is inside this transaction.

    Raises
    ------
    NotPermitted
        It was closed since it was read.
    """
    current = unit.accounts.get(account.id) or account
    if not current.is_active:
        raise NotPermitted("session.refused")
    return current


def _count_failure(ctx: Context, unit: Unit, account: Account) -> Account:
    failed = account.failed_logins + 1
    locked = ctx.clock.now() + LOCKOUT if failed >= MAX_FAILED_LOGINS else None
    account = replace(
        account, failed_logins=0 if locked else failed, locked_until=locked or account.locked_until
    )
    unit.accounts.save(account)
    kind = "session.locked" if locked else "session.failed"
    unit.events.append(type=kind, actor_id=account.id)
    return account


def _minutes_left(account: Account, ctx: Context) -> int:
    now = ctx.clock.now()
    return int(((account.locked_until or now) - now).total_seconds() // 60) + 1


def _new_session(ctx: Context, unit: Unit, account: Account) -> tuple[str, Session]:
    token = secrets.token_urlsafe(32)
    now = ctx.clock.now()
    session = Session(
        token_sha256=_digest(token),
        user_id=account.id,
        csrf_token=secrets.token_urlsafe(24),
        created_at=now,
        last_seen_at=now,
    )
    unit.accounts.add_session(session)
    unit.events.append(type="session.opened", actor_id=account.id)
    return token, session


def _caller(unit: Unit, account: Account, session: Session) -> Caller:
    actor = actor_for(account, tuple(unit.accounts.sites()))
    if account.is_temporary:  # may do nothing but choose a password of one's own
        actor = replace(actor, roles=frozenset(), sign_modalities=frozenset())
    return Caller(
        actor=actor,
        session=session,
        language=Language(account.language),
        login=account.login,
        must_change_password=account.is_temporary,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8")).hexdigest()
