"""Whom to telephone about a case: the other side's number, and who is signed in there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from qiangji_app.domain.account import Account
from qiangji_app.domain.case import Case
from qiangji_app.domain.roles import SITE_CLINICAL, Actor, Role, Site, SiteKind
from qiangji_app.ports import Unit

#: An open page asks for alarms every ten seconds, and its session notes that every minute.
ONLINE_WITHIN: Final = timedelta(minutes=3)


@dataclass(frozen=True)
class Contact:
    """A site to telephone. ``online`` are names of its clinical staff with an open page."""

    site: Site
    online: tuple[str, ...]


class Directory:
    """Sites and who is there, as of one transaction.

    Parameters
    ----------
    unit
        Read once, here.
    now
        Present instant.
    """

    def __init__(self, unit: Unit, now: datetime) -> None:
        self._sites = {site.id: site for site in unit.accounts.sites()}
        present = unit.accounts.seen_since(now - ONLINE_WITHIN)
        self._online = [row for row in unit.accounts.all() if row.id in present and row.is_active]

    def site(self, site_id: str) -> Site:
        """A site that a case names."""
        return self._sites[site_id]

    def other_side(self, actor: Actor, case: Case) -> Contact:
        """Whom this actor would call: the patient's site, or for its own staff the county."""
        site = self._sites[case.site_id]
        if actor.site_id == case.site_id:
            site = self._county_of(site)
        return Contact(site, tuple(row.display_name for row in self._online if _is_at(row, site)))

    def at(self, site_id: str, roles: frozenset[Role]) -> Contact:
        """A site to telephone, with those of its staff in these roles who are there."""
        online = [
            row.display_name for row in self._online if row.site_id == site_id and row.roles & roles
        ]
        return Contact(self._sites[site_id], tuple(online))

    def _county_of(self, site: Site) -> Site:
        while site.kind is not SiteKind.COUNTY and site.parent_id is not None:
            site = self._sites[site.parent_id]
        return site


def _is_at(account: Account, site: Site) -> bool:
    """True for staff of the site who could answer about a patient."""
    wanted = {Role.SPECIALIST} if site.kind is SiteKind.COUNTY else SITE_CLINICAL
    return account.site_id == site.id and bool(account.roles & wanted)
