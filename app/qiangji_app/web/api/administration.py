"""Accounts, sites and bundles for administrators; each act through the services."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from qiangji_app.bootstrap import Installation
from qiangji_app.domain.account import Account
from qiangji_app.domain.roles import Role, Site, SiteKind
from qiangji_app.services import account_changes, accounts, site_changes
from qiangji_app.services.access import require_role
from qiangji_app.web.api.cases import presenter
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.words import Json
from qiangji_datasets.records import Modality

router = APIRouter(tags=["administration"])
#: Counted without the blanks around them.
Login = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Person(BaseModel):
    """Who somebody is and where he works."""

    display_name: Name
    site_id: str = Field(max_length=64)


class Rights(BaseModel):
    """What somebody may do."""

    roles: frozenset[Role]
    licence_number: str = Field(default="", max_length=64)
    sign_modalities: frozenset[Modality] = frozenset()

    def as_granted(self) -> dict[str, Any]:  # Any: the services' own arguments
        """The rights as services take them."""
        signs = frozenset(modality.value for modality in self.sign_modalities)
        return self.model_dump() | {"sign_modalities": signs}


class NewAccount(Person):
    """An account as an administrator makes it; the server makes the password."""

    model_config = ConfigDict(extra="forbid")

    login: Login
    roles: frozenset[Role] = frozenset()


class Activity(BaseModel):
    """In use or closed."""

    is_active: bool


class SiteFacts(BaseModel):
    """What may change about an institution."""

    name: Name
    phone: str = Field(default="", max_length=40)
    time_zone: str = Field(default="Asia/Shanghai", max_length=64)


class NewSite(SiteFacts):
    """An institution; without an id the server makes one."""

    id: str = Field(default="", pattern=r"^[a-z0-9-]{0,64}$")
    kind: SiteKind
    parent_id: str | None = Field(default=None, max_length=64)


@router.get("/accounts")
def list_accounts(ctx: Ctx, who: Who) -> list[Json]:
    """All accounts."""
    now = ctx.clock.now()
    return [
        account_json(row) | {"is_locked": row.is_locked(now)}
        for row in accounts.list_accounts(ctx, who.actor)
    ]


@router.post("/accounts", status_code=201)
def add_account(body: NewAccount, ctx: Ctx, who: Who) -> Json:
    """Make an account; the temporary password is in this answer only."""
    made = account_changes.temporary_password()
    account = accounts.create_account(ctx, who.actor, password=made, **body.model_dump())
    return account_json(account) | {"temporary_password": made}


@router.put("/accounts/{user_id}")
def change_person(user_id: str, body: Person, ctx: Ctx, who: Who) -> Json:
    """Rename somebody, or move him to another site."""
    changed = account_changes.change_person(ctx, who.actor, user_id, **body.model_dump())
    return account_json(changed)


@router.put("/accounts/{user_id}/roles")
def grant(user_id: str, body: Rights, ctx: Ctx, who: Who) -> Json:
    """Give roles and the licence to sign."""
    return account_json(account_changes.grant(ctx, who.actor, user_id, **body.as_granted()))


@router.put("/accounts/{user_id}/active")
def set_active(user_id: str, body: Activity, ctx: Ctx, who: Who) -> Json:
    """Close an account, or open it again."""
    changed = account_changes.set_active(ctx, who.actor, user_id, is_active=body.is_active)
    return account_json(changed)


@router.post("/accounts/{user_id}/reset-password")
def reset_password(user_id: str, ctx: Ctx, who: Who) -> Json:
    """Give a temporary password; it is in this answer only."""
    account, password = account_changes.reset_password(ctx, who.actor, user_id)
    return account_json(account) | {"temporary_password": password}


@router.get("/sites/all")
def all_sites(ctx: Ctx, who: Who) -> list[Json]:
    """Every site with all its facts."""
    return [site_json(site) for site in site_changes.all_sites(ctx, who.actor)]


@router.post("/sites", status_code=201)
def add_site(body: NewSite, ctx: Ctx, who: Who) -> Json:
    """Add an institution."""
    site = accounts.new_site(**body.model_dump())
    site = site if site.id else replace(site, id=ctx.ids.new())
    accounts.add_site(ctx, who.actor, site)
    return site_json(site)


@router.put("/sites/{site_id}")
def change_site(site_id: str, body: SiteFacts, ctx: Ctx, who: Who) -> Json:
    """Rename an institution, or change its number or time zone."""
    return site_json(site_changes.change_site(ctx, who.actor, site_id, **body.model_dump()))


@router.put("/sites/{site_id}/active")
def set_site_active(site_id: str, body: Activity, ctx: Ctx, who: Who) -> Json:
    """Close an institution that has nothing to do any more, or open it again."""
    changed = site_changes.set_site_active(ctx, who.actor, site_id, is_active=body.is_active)
    return site_json(changed)


@router.get("/bundles")
def bundles(ctx: Ctx, who: Who, request: Request) -> list[Json]:
    """Every bundle with state, version and, where refused, the reason."""
    require_role(who.actor, Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
    installation: Installation = request.app.state.installation
    present = presenter(ctx, who)
    return [
        {
            "name": row.name,
            "state": row.state.value,
            "version": row.version,
            "sha256": row.sha256,
            "reason": present.text(row.reason.code, row.reason.params) if row.reason else "",
        }
        for row in installation.engine.status()
    ]


def account_json(account: Account) -> Json:
    """An account without its password."""
    until = account.temporary_until
    return {
        "id": account.id,
        "login": account.login,
        "display_name": account.display_name,
        "roles": sorted(role.value for role in account.roles),
        "site_id": account.site_id,
        "licence_number": account.licence_number,
        "sign_modalities": sorted(account.sign_modalities),
        "is_active": account.is_active,
        "temporary_until": until.isoformat() if until else None,
    }


def site_json(site: Site) -> Json:
    """An institution."""
    return {
        "id": site.id,
        "name": site.name,
        "kind": site.kind.value,
        "parent_id": site.parent_id,
        "phone": site.phone,
        "time_zone": site.time_zone,
        "is_active": site.is_active,
    }
