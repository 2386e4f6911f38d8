"""Accounts and sites: made by administrators, never by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from qiangji_app.domain.account import MIN_PASSWORD_LENGTH, TEMPORARY_PASSWORD, Account
from qiangji_app.domain.roles import (
    GRANTED,
    Actor,
    Role,
    Site,
    SiteKind,
    conflicts,
    is_time_zone,
    may_stand_below,
)
from qiangji_app.ports import Unit
from qiangji_app.services.access import require_role
from qiangji_app.services.context import Context
from qiangji_datasets.errors import Conflict, InputRejected, NotPermitted

#: What a telephone number consists of, an extension (转) included.
_PHONE: Final = re.compile(r"[0-9+() 转-]{0,40}")


def create_account(
    ctx: Context,
    actor: Actor | None,
    *,
    login: str,
    password: str,
    display_name: str,
    roles: frozenset[Role],
    site_id: str,
    licence_number: str = "",
    sign_modalities: frozenset[str] = frozenset(),
    is_demo: bool = False,
) -> Account:
    """Add an account.

    An administrator makes accounts without the roles of ``GRANTED``: these a security administrator
    gives. The first security administrator, whom nobody could appoint, is the one exception.

    Parameters
    ----------
    actor
        A system administrator; None only while the installation has no account at all. A password
        that an administrator has seen is temporary.
    roles
        Empty for somebody who waits for a role of ``GRANTED``.
    is_demo
        An account of the demonstration; every account made in one is.

    Raises
    ------
    NotPermitted
        The actor is no system administrator; ``account.granted_roles``.
    InputRejected
        Weak password, no login, no name, no role and no actor, separated roles held together, or
        a specialist without licence.
    Conflict
        The login is taken, or a first account is made where accounts exist.
    """
    if actor is not None:
        require_role(actor, Role.SYSTEM_ADMINISTRATOR)
    check_password(password)
    account = Account(
        id=ctx.ids.new(),
        login=login.strip(),
        display_name=display_name.strip(),
        password_hash=ctx.passwords.hash(password),
        roles=roles,
        site_id=site_id,
        licence_number=licence_number,
        sign_modalities=sign_modalities,
        is_demo=is_demo or ctx.is_demo,
        temporary_until=None if actor is None else ctx.clock.now() + TEMPORARY_PASSWORD,
    )
    _check_stated(actor, account)
    with ctx.store.begin() as unit:
        if actor is None and not is_demo and unit.accounts.all():
            raise Conflict("account.not_first")
        _check_new(unit, actor, account)
        unit.accounts.add(account)
        unit.events.append(
            type="account.created",
            actor_id=actor.user_id if actor else account.id,
            payload={"user_id": account.id, "roles": ",".join(sorted(roles)), "site": site_id},
        )
        unit.commit()
    return account


def _check_stated(actor: Actor | None, account: Account) -> None:
    if not account.display_name:
        raise InputRejected("account.no_name")
    if not account.login:
        raise InputRejected("account.no_login")
    if account.roles or actor is None:
        check_roles(
            account.roles,
            licence_number=account.licence_number,
            sign_modalities=account.sign_modalities,
        )


def _check_new(unit: Unit, actor: Actor | None, account: Account) -> None:
    if unit.accounts.by_login(account.login) is not None:
        raise Conflict("account.login_taken")
    check_place(unit, account.site_id)
    if actor is not None:
        _check_ungranted(unit, account)


def _check_ungranted(unit: Unit, account: Account) -> None:
    """Refuse what only a security administrator gives; a closed one counts as one."""
    has_licence = bool(account.licence_number or account.sign_modalities)
    if not account.roles & GRANTED and not has_licence:
        return
    known = unit.accounts.all()
    is_first = not any(Role.SECURITY_ADMINISTRATOR in row.roles for row in known)
    if not is_first or account.roles != {Role.SECURITY_ADMINISTRATOR} or has_licence:
        raise NotPermitted("account.granted_roles")


def new_site(
    *,
    id: str,
    name: str,
    kind: SiteKind,
    parent_id: str | None,
    phone: str = "",
    time_zone: str = "Asia/Shanghai",
) -> Site:
    """An institution as an administrator states it; not stored yet.

    Raises
    ------
    InputRejected
        ``site.time_zone``: no such time zone; ``site.phone``: not a telephone number.
    """
    check_facts(phone=phone, time_zone=time_zone)
    return Site(id, name, kind, parent_id, phone, time_zone)


def check_facts(*, phone: str, time_zone: str) -> None:
    """Refuse what is no telephone number or no time zone.

    Raises
    ------
    InputRejected
        ``site.phone``, ``site.time_zone``.
    """
    if not is_time_zone(time_zone):
        raise InputRejected("site.time_zone", time_zone=time_zone[:64])
    if not _PHONE.fullmatch(phone):
        raise InputRejected("site.phone")


def add_site(ctx: Context, actor: Actor | None, site: Site) -> None:
    """Add an institution below its parent.

    Raises
    ------
    NotPermitted
        The actor is no system administrator; None is allowed while there are no accounts.
    Conflict
        The id exists, or a site is added without an actor although accounts exist.
    InputRejected
        The parent is unknown, not active, or no level above.
    """
    if actor is not None:
        require_role(actor, Role.SYSTEM_ADMINISTRATOR)
    with ctx.store.begin() as unit:
        if actor is None and not ctx.is_demo and unit.accounts.all():
            raise Conflict("account.not_first")
        known = {other.id: other for other in unit.accounts.sites()}
        if site.id in known:
            raise Conflict("site.exists", site=site.id)
        _check_parent(site, known)
        unit.accounts.add_site(site)
        unit.events.append(
            type="site.added",
            actor_id=actor.user_id if actor else "setup",
            payload={"site": site.id},
        )
        unit.commit()


def _check_parent(site: Site, known: Mapping[str, Site]) -> None:
    if site.parent_id is None:
        if site.kind is not SiteKind.COUNTY:
            raise InputRejected("site.no_parent", site=site.id)
        return
    parent = known.get(site.parent_id)
    if parent is None:
        raise InputRejected("site.no_parent", site=site.id)
    if not parent.is_active:
        raise InputRejected("site.inactive", site=parent.name)
    if not may_stand_below(site.kind, parent.kind):
        raise InputRejected("site.wrong_level")


def list_sites(ctx: Context, actor: Actor) -> Sequence[Site]:
    """The sites the actor sees."""
    with ctx.store.read() as unit:
        return [site for site in unit.accounts.sites() if actor.sees_site(site.id)]


def hospital_name(ctx: Context) -> str:
    """Name of the site at the root of the county's tree; empty before it is made."""
    with ctx.store.read() as unit:
        roots = [site.name for site in unit.accounts.sites() if site.parent_id is None]
    return roots[0] if roots else ""


def display_names(ctx: Context, actor: Actor) -> dict[str, str]:
    """Names of staff by account id, as colleagues see them; none for who has no role yet."""
    if not actor.roles:
        return {}
    with ctx.store.read() as unit:
        return {account.id: account.display_name for account in unit.accounts.all()}


def list_accounts(ctx: Context, actor: Actor) -> Sequence[Account]:
    """All accounts.

    Raises
    ------
    NotPermitted
        Neither system nor security administrator.
    """
    require_role(actor, Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
    with ctx.store.read() as unit:
        return unit.accounts.all()


def check_password(password: str) -> None:
    """Refuse a password that is too short.

    Raises
    ------
    InputRejected
        ``account.weak_password``.
    """
    if len(password) < MIN_PASSWORD_LENGTH:
        raise InputRejected("account.weak_password", length=MIN_PASSWORD_LENGTH)


def check_roles(
    roles: frozenset[Role], *, licence_number: str, sign_modalities: frozenset[str]
) -> None:
    """Refuse roles that nobody may hold together, or a specialist without licence.

    Raises
    ------
    InputRejected
        ``account.no_role``, ``account.separated_roles``, ``account.no_licence``.
    """
    if not roles:
        raise InputRejected("account.no_role")
    if conflicts(roles):
        raise InputRejected("account.separated_roles", roles=", ".join(sorted(conflicts(roles))))
    if Role.SPECIALIST in roles and not (licence_number and sign_modalities):
        raise InputRejected("account.no_licence")


def check_place(unit: Unit, site_id: str) -> None:
    """Refuse a site that takes no staff.

    Raises
    ------
    InputRejected
        ``site.unknown``, ``site.inactive``.
    """
    known = {site.id: site for site in unit.accounts.sites()}
    if site_id not in known:
        raise InputRejected("site.unknown", site=site_id)
    if not known[site_id].is_active:
        raise InputRejected("site.inactive", site=known[site_id].name)
