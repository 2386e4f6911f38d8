"""The first administrator of an installation."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from qiangji_app.services.setup import redeem_token
from qiangji_app.web.api.administration import Login, Name, account_json
from qiangji_app.web.api.deps import Ctx
from qiangji_app.web.api.words import Json

router = APIRouter(tags=["administration"])


class FirstAdministrator(BaseModel):
    """The one-time token and the account it makes."""

    token: str = Field(max_length=200)
    login: Login
    password: str = Field(max_length=200)
    display_name: Name


@router.post("/setup", status_code=201)
def first_administrator(body: FirstAdministrator, ctx: Ctx, request: Request) -> Json:
    """Make the first system administrator with the token that `qiangji init` printed."""
    account = redeem_token(ctx, request.app.state.settings.key_dir, **body.model_dump())
    return account_json(account)
