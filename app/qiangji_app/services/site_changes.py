"""Changes of institutions by a system administrator: facts, closing, opening again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from qiangji_app.domain.referral_workflow import OPEN
from qiangji_app.domain.roles import Actor, Role, Site
from qiangji_app.domain.workflow import State
from qiangji_app.ports import CaseQuery, FollowUpQuery, ReferralQuery, Unit
from qiangji_app.services.access import require_role
from qiangji_app.services.accounts import check_facts
from qiangji_app.services.context import Context
from qiangji_datasets.errors import Conflict, InputRejected, NotFound

#: Somebody at the site still has to do something about these.
_OPEN: Final = frozenset(
    {State.DRAFT, State.SUBMITTED, State.CLAIMED, State.RETURNED, State.SIGNED}
)


def all_sites(ctx: Context, actor: Actor) -> Sequence[Site]:
    """Every site, wherever the administrator's own is.

    Raises
    ------
    NotPermitted
        Neither system nor security administrator.
    """
    require_role(actor, Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
    with ctx.store.read() as unit:
        return unit.accounts.sites()


def change_site(
    ctx: Context, actor: Actor, site_id: str, *, name: str, phone: str, time_zone: str
) -> Site:
    """Rename a site, or change its telephone number or time zone.

    Raises
    ------
    NotPermitted
        The actor is no system administrator.
    NotFound
        No such site.
    InputRejected
        No name, no telephone number, or no such time zone.
    """
    require_role(actor, Role.SYSTEM_ADMINISTRATOR)
    if not name.strip():
        raise InputRejected("site.no_name")
    check_facts(phone=phone.strip(), time_zone=time_zone)
    with ctx.store.begin() as unit:
        site = _site(unit, site_id)
        changed = replace(site, name=name.strip(), phone=phone.strip(), time_zone=time_zone)
        unit.accounts.save_site(changed)
        unit.events.append(type="site.changed", actor_id=actor.user_id, payload={"site": site_id})
        unit.commit()
    return changed


def set_site_active(ctx: Context, actor: Actor, site_id: str, *, is_active: bool) -> Site:
    """Close a site that has nothing to do any more, or open it again.

    Raises
    ------
    NotPermitted
        The actor is no system administrator.
    NotFound
        No such site.
    Conflict
        ``site.is_root``, or accounts, sites below, open cases, open referrals or due follow-ups
        are left; opening below a site that is closed.
    """
    require_role(actor, Role.SYSTEM_ADMINISTRATOR)
    with ctx.store.begin() as unit:
        site = _site(unit, site_id)
        if is_active:
            _check_parent(unit, site)
        else:
            _check_idle(unit, site)
        changed = replace(site, is_active=is_active)
        unit.accounts.save_site(changed)
        kind = "site.activated" if is_active else "site.deactivated"
        unit.events.append(type=kind, actor_id=actor.user_id, payload={"site": site_id})
        unit.commit()
    return changed


def _check_parent(unit: Unit, site: Site) -> None:
    closed = {row.id for row in unit.accounts.sites() if not row.is_active}
    if site.parent_id in closed:
        raise Conflict("site.parent_inactive")


def _check_idle(unit: Unit, site: Site) -> None:
    if site.parent_id is None:
        raise Conflict("site.is_root")
    if any(row.parent_id == site.id and row.is_active for row in unit.accounts.sites()):
        raise Conflict("site.has_sites")
    if any(row.site_id == site.id and row.is_active for row in unit.accounts.all()):
        raise Conflict("site.has_accounts")
    if unit.cases.count(CaseQuery(site_ids=frozenset({site.id}), states=_OPEN)):
        raise Conflict("site.has_cases")
    here = frozenset({site.id})
    open_ones = ReferralQuery(from_site_ids=here, target_site_ids=here, states=OPEN, limit=1)
    due = FollowUpQuery(site_ids=here, is_due=True)
    if unit.referrals.find(open_ones) or unit.referrals.follow_ups(due):
        raise Conflict("site.has_referrals")


def _site(unit: Unit, site_id: str) -> Site:
    for site in unit.accounts.sites():
        if site.id == site_id:
            return site
    raise NotFound("site.unknown", site=site_id[:64])
