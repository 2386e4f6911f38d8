"""Changes of accounts by the two administrators: person, roles, activity, temporary passwords."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from qiangji_app.domain.account import TEMPORARY_PASSWORD, Account
from qiangji_app.domain.roles import SEPARATED, Actor, Role
from qiangji_app.ports import Unit
from qiangji_app.services.access import require_role
from qiangji_app.services.accounts import check_place, check_roles
from qiangji_app.services.context import Context
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted

_ADMINISTRATORS: Final = (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
#: Without 0 O 1 I l: a temporary password is read out and typed in. 12 of 31 are 59 bits.
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 3
_GROUP_LENGTH: Final = 4
#: Who acted, in the log, when it was the command on the server itself.
LOCAL_ACTOR: Final = "local"


def temporary_password() -> str:
    """A password to hand over: three groups of four."""
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS)
    )
    return "-".join(groups)


def change_person(
    ctx: Context, actor: Actor, user_id: str, *, display_name: str, site_id: str
) -> Account:
    """Rename somebody, or move him to another site; a system administrator's act.

    Raises
    ------
    NotPermitted
        The actor is no system administrator.
    NotFound
        No such account.
    InputRejected
        No name, or the site takes no staff.
    """
    require_role(actor, Role.SYSTEM_ADMINISTRATOR)
    if not display_name.strip():
        raise InputRejected("account.no_name")
    with ctx.store.begin() as unit:
        account = _account(unit, user_id)
        check_place(unit, site_id)
        changed = replace(account, display_name=display_name.strip(), site_id=site_id)
        unit.accounts.save(changed)
        unit.events.append(
            type="account.changed",
            actor_id=actor.user_id,
            payload={"user_id": user_id, "site": site_id, "site_before": account.site_id},
        )
        unit.commit()
    return changed


def grant(
    ctx: Context,
    actor: Actor,
    user_id: str,
    *,
    roles: frozenset[Role],
    licence_number: str,
    sign_modalities: frozenset[str],
) -> Account:
    """Give roles and the licence to sign; a security administrator's act, never on oneself.

    Raises
    ------
    NotPermitted
        The actor is no security administrator.
    NotFound
        No such account.
    InputRejected
        No role, separated roles held together, or a specialist without licence.
    Conflict
        ``account.own``; ``account.last_administrator``: nobody would be left to make accounts.
    """
    require_role(actor, Role.SECURITY_ADMINISTRATOR)
    licence = licence_number.strip()
    check_roles(roles, licence_number=licence, sign_modalities=sign_modalities)
    with ctx.store.begin() as unit:
        account = _account(unit, user_id)
        if user_id == actor.user_id:
            raise Conflict("account.own")
        if Role.SYSTEM_ADMINISTRATOR not in roles:
            _keep_one(unit, account)
        changed = replace(
            account, roles=roles, licence_number=licence, sign_modalities=sign_modalities
        )
        unit.accounts.save(changed)
        unit.events.append(
            type="account.granted",
            actor_id=actor.user_id,
            payload={
                "user_id": user_id,
                "roles": ",".join(sorted(roles)),
                "roles_before": ",".join(sorted(account.roles)),
                "modalities": ",".join(sorted(sign_modalities)),
            },
        )
        unit.commit()
    return changed


def set_active(ctx: Context, actor: Actor, user_id: str, *, is_active: bool) -> Account:
    """Close an account, signing it out everywhere, or open it again.

    Raises
    ------
    NotPermitted
        No administrator, or one who may not touch this account.
    NotFound
        No such account.
    Conflict
        ``account.own``, ``account.last_administrator``.
    """

    def change(unit: Unit, account: Account) -> Account:
        if is_active:
            check_place(unit, account.site_id)
        else:
            _keep_one(unit, account)
        return replace(account, is_active=is_active)

    kind = "account.activated" if is_active else "account.deactivated"
    return _administered(ctx, actor, user_id, kind, change)


def reset_password(ctx: Context, actor: Actor, user_id: str) -> tuple[Account, str]:
    """Give an account a temporary password, sign it out everywhere and lift a lockout.

    Who knows a temporary password can sign in with it. So nobody resets a security administrator,
    who decides about everybody's rights: ``reset_locally`` does, for who holds the server.

    Returns
    -------
        The account and the password, which is shown once and must be replaced at sign-in.

    Raises
    ------
    NotPermitted
        No administrator, or one who may not touch this account.
    NotFound
        No such account.
    Conflict
        ``account.own``: one's own password is changed, not reset.
    """
    password, change = _reset(ctx)

    def checked(unit: Unit, account: Account) -> Account:
        if Role.SECURITY_ADMINISTRATOR in account.roles:
            raise NotPermitted("account.reset_locally")
        return change(unit, account)

    return _administered(ctx, actor, user_id, "account.password_reset", checked), password


def reset_locally(ctx: Context, login: str) -> str:
    """The last resort, for who holds database and keys: a temporary password for any account.

    Raises
    ------
    NotFound
        No such login.
    """
    password, change = _reset(ctx)
    with ctx.store.begin() as unit:
        account = unit.accounts.by_login(login.strip())
        if account is None:
            raise NotFound("account.not_found")
        unit.accounts.save(change(unit, account))
        unit.accounts.remove_sessions_of(account.id)
        unit.events.append(
            type="account.password_reset",
            actor_id=LOCAL_ACTOR,
            payload={"user_id": account.id},
        )
        unit.commit()
    return password


def _reset(ctx: Context) -> tuple[str, Callable[[Unit, Account], Account]]:
    """A temporary password, and the change that puts it in place."""
    password = temporary_password()
    fields: Mapping[str, object] = {
        "password_hash": ctx.passwords.hash(password),
        "temporary_until": ctx.clock.now() + TEMPORARY_PASSWORD,
        "failed_logins": 0,
        "locked_until": None,
    }

    def change(_: Unit, account: Account) -> Account:
        return replace(account, **fields)  # type: ignore[arg-type]  # fields are given by name

    return password, change


def _administered(
    ctx: Context,
    actor: Actor,
    user_id: str,
    kind: str,
    change: Callable[[Unit, Account], Account],
) -> Account:
    """A change that ends every session of the account, by whom it is allowed."""
    require_role(actor, *_ADMINISTRATORS)
    with ctx.store.begin() as unit:
        account = _account(unit, user_id)
        if user_id == actor.user_id:
            raise Conflict("account.own")
        if not actor.has(*_administrators_of(account)):
            raise NotPermitted("account.other_administrator")
        changed = change(unit, account)
        unit.accounts.save(changed)
        unit.accounts.remove_sessions_of(user_id)
        unit.events.append(type=kind, actor_id=actor.user_id, payload={"user_id": user_id})
        unit.commit()
    return changed


def _administrators_of(account: Account) -> tuple[Role, ...]:
    """Who may close an account; of the separated three, the other side."""
    if Role.SECURITY_ADMINISTRATOR in account.roles:
        return (Role.SYSTEM_ADMINISTRATOR,)
    if account.roles & SEPARATED:
        return (Role.SECURITY_ADMINISTRATOR,)
    return _ADMINISTRATORS


def _keep_one(unit: Unit, account: Account) -> None:
    """Refuse to take away the last system administrator who can sign in."""
    if Role.SYSTEM_ADMINISTRATOR not in account.roles:
        return
    others = [
        row
        for row in unit.accounts.all()
        if row.id != account.id and row.is_active and Role.SYSTEM_ADMINISTRATOR in row.roles
    ]
    if not others:
        raise Conflict("account.last_administrator")


def _account(unit: Unit, user_id: str) -> Account:
    account = unit.accounts.get(user_id)
    if account is None:
        raise NotFound("account.not_found")
    return account
