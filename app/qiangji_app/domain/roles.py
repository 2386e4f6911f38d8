"""Roles, what each may do, and which may not be held together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Role(StrEnum):
    """Roles of an account; an account may hold several within the rules of ``conflicts``."""

    VILLAGE_DOCTOR = "village_doctor"
    OPERATOR = "operator"  # radiographer, ECG or cytology operator
    TOWNSHIP_DOCTOR = "township_doctor"
    SPECIALIST = "specialist"
    RECEIVING_DOCTOR = "receiving_doctor"
    COUNTY_MANAGER = "county_manager"
    SYSTEM_ADMINISTRATOR = "system_administrator"
    SECURITY_ADMINISTRATOR = "security_administrator"
    AUDITOR = "auditor"
    DEVELOPER = "developer"


#: Never in one account (separation of duties, GB/T 22239 "三员分立").
SEPARATED = frozenset({Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDITOR})

#: Given by a security administrator only, to an account that exists: who makes accounts knows their
#: first password, and would otherwise hold what he gives.
GRANTED = SEPARATED | {Role.SPECIALIST}

#: Who may open a case and send it up.
SENDERS = frozenset({Role.VILLAGE_DOCTOR, Role.OPERATOR, Role.TOWNSHIP_DOCTOR})

#: Staff who see the cases of their own site and the sites below it.
SITE_CLINICAL = SENDERS | {Role.RECEIVING_DOCTOR}


def conflicts(roles: frozenset[Role]) -> frozenset[Role]:
    """Roles of the separated three that are held together; empty when the set is allowed."""
    held = roles & SEPARATED
    return held if len(held) > 1 else frozenset()


@dataclass(frozen=True)
class Actor:
    """Who acts: an account as it is at this moment.

    ``visible_sites`` are the account's own site and all below it. ``sign_modalities`` are the
    modalities a specialist is licensed to sign (``cxr``, ``ecg``, ``pap``); empty for others.
    """

    user_id: str
    display_name: str
    roles: frozenset[Role]
    site_id: str
    visible_sites: frozenset[str]
    licence_number: str = ""
    sign_modalities: frozenset[str] = frozenset()

    def has(self, *roles: Role) -> bool:
        """True when the actor holds any of the roles."""
        return any(role in self.roles for role in roles)

    def sees_site(self, site_id: str) -> bool:
        """True for the own site and its subordinates."""
        return site_id in self.visible_sites


class SiteKind(StrEnum):
    """Level of a site in the county's tree, the highest first."""

    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"


@dataclass(frozen=True)
class Site:
    """One institution; ``parent_id`` is None for the county hospital at the root.

    A site that is not active any more keeps its cases and takes neither staff nor new ones.

    Raises
    ------
    ValueError
        ``time_zone`` is not in the time zone database.
    """

    id: str
    name: str
    kind: SiteKind
    parent_id: str | None
    phone: str = ""
    time_zone: str = "Asia/Shanghai"
    is_active: bool = True

    def __post_init__(self) -> None:
        if not is_time_zone(self.time_zone):
            raise ValueError(f"no such time zone: {self.time_zone!r}")


def may_stand_below(kind: SiteKind, parent: SiteKind) -> bool:
    """True when a site of a kind may lie below one of another: village, township, county."""
    order = list(SiteKind)
    return order.index(parent) < order.index(kind)


def is_time_zone(name: str) -> bool:
    """True when the time zone database has the name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, no name at all, a folder
        return False
    return True


def visible_from(site_id: str, sites: tuple[Site, ...]) -> frozenset[str]:
    """The site itself and every site below it in the tree."""
    found = {site_id}
    grew = True
    while grew:
        below = {site.id for site in sites if site.parent_id in found} - found
        found |= below
        grew = bool(below)
    return frozenset(found)
