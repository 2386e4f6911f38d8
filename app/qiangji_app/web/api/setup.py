"""First administrator; accounts and sites by administrators."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from qiangji_app.domain.account import Account
from qiangji_app.domain.roles import Role, SiteKind
from qiangji_app.services import accounts
from qiangji_app.services.setup import redeem_token
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.present import Json

router = APIRouter(tags=["administration"])


class FirstAdministrator(BaseModel):
    """The one-time token and the account it makes."""

    token: str = Field(max_length=200)
    login: str = Field(min_length=2, max_length=100)
    password: str = Field(max_length=200)
    display_name: str = Field(min_length=1, max_length=100)


class NewAccount(BaseModel):
    """An account as an administrator makes it."""

    login: str = Field(min_length=2, max_length=100)
    password: str = Field(max_length=200)
    display_name: str = Field(min_length=1, max_length=100)
    roles: frozenset[Role]
    site_id: str = Field(max_length=64)
    licence_number: str = Field(default="", max_length=64)
    sign_modalities: frozenset[str] = frozenset()


class NewSite(BaseModel):
    """An institution."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    name: str = Field(min_length=1, max_length=100)
    kind: SiteKind
    parent_id: str | None = None
    phone: str = Field(default="", max_length=40)
    time_zone: str = Field(default="Asia/Shanghai", max_length=64)


@router.post("/setup", status_code=201)
def first_administrator(body: FirstAdministrator, ctx: Ctx, request: Request) -> Json:
    """Make the first system administrator with the token that `qiangji init` printed."""
    account = redeem_token(ctx, request.app.state.settings.key_dir, **body.model_dump())
    return _account(account)


@router.get("/accounts")
def list_accounts(ctx: Ctx, who: Who) -> list[Json]:
    """All accounts."""
    return [_account(account) for account in accounts.list_accounts(ctx, who.actor)]


@router.post("/accounts", status_code=201)
def add_account(body: NewAccount, ctx: Ctx, who: Who) -> Json:
    """Make an account."""
    return _account(accounts.create_account(ctx, who.actor, **body.model_dump()))


@router.post("/sites", status_code=201)
def add_site(body: NewSite, ctx: Ctx, who: Who) -> Json:
    """Add an institution."""
    site = accounts.new_site(**body.model_dump())
    accounts.add_site(ctx, who.actor, site)
    return {"id": site.id, "name": site.name, "kind": site.kind.value, "parent_id": site.parent_id}


def _account(account: Account) -> Json:
    return {
        "id": account.id,
        "login": account.login,
        "display_name": account.display_name,
        "roles": sorted(role.value for role in account.roles),
        "site_id": account.site_id,
        "licence_number": account.licence_number,
        "sign_modalities": sorted(account.sign_modalities),
        "is_active": account.is_active,
    }
