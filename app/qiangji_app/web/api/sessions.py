"""Sign-in, sign-out, unlock, language; texts and labels for the browser."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from qiangji_app.domain.account import SESSION_MAX
from qiangji_app.services import accounts, sessions
from qiangji_app.services.context import Caller
from qiangji_app.web.api.deps import LANGUAGE_COOKIE, SESSION_COOKIE, Ctx, Lang, Who
from qiangji_datasets.errors import NotFound
from qiangji_datasets.labels import labels
from qiangji_datasets.messages import Language

router = APIRouter(tags=["session"])
_LOG = logging.getLogger(__name__)


class SignIn(BaseModel):
    """Login and password."""

    login: str = Field(max_length=100)
    password: str = Field(max_length=200)


class Password(BaseModel):
    """The password again."""

    password: str = Field(max_length=200)


class NewPassword(BaseModel):
    """The present password and the one wanted."""

    present: str = Field(max_length=200)
    wanted: str = Field(max_length=200)


class LanguageChoice(BaseModel):
    """zh or en."""

    language: Language


@router.post("/session")
def sign_in(body: SignIn, ctx: Ctx, request: Request, response: Response) -> dict[str, Any]:
    """Open a session; sets the cookie."""
    token, caller = sessions.sign_in(ctx, body.login, body.password)
    _warn_of_open_cookie(request)
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(SESSION_MAX.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.app.state.settings.secure_cookie,
    )
    return _me(ctx, caller)


@router.get("/session")
def who_am_i(ctx: Ctx, who: Who) -> dict[str, Any]:
    """The signed-in account, its CSRF token and how long signing is unlocked."""
    return _me(ctx, who)


@router.delete("/session", status_code=204)
def sign_out(ctx: Ctx, who: Who, response: Response) -> None:
    """Close the session."""
    sessions.sign_out(ctx, who)
    response.delete_cookie(SESSION_COOKIE)


@router.post("/session/unlock")
def unlock(body: Password, ctx: Ctx, who: Who) -> dict[str, Any]:
    """Enter the password again before signing."""
    caller = sessions.unlock(ctx, who, body.password)
    until = caller.session.unlocked_until
    return {"unlocked_until": until.isoformat() if until else None}


@router.put("/session/password")
def change_password(body: NewPassword, ctx: Ctx, who: Who) -> dict[str, Any]:
    """Replace one's own password; other sessions of the account end."""
    return _me(ctx, sessions.change_password(ctx, who, body.present, body.wanted))


@router.put("/session/language")
def set_language(body: LanguageChoice, ctx: Ctx, who: Who, response: Response) -> dict[str, Any]:
    """Remember the language of the account."""
    response.set_cookie(LANGUAGE_COOKIE, body.language.value, samesite="strict")
    return _me(ctx, sessions.set_language(ctx, who, body.language))


@router.get("/demo")
def demo(ctx: Ctx, request: Request) -> dict[str, Any]:
    """Demo accounts with their passwords; 404 in a real installation."""
    if not ctx.is_demo:
        raise NotFound("demo.absent")
    return {"is_demo": True, "accounts": request.app.state.demo_accounts}


@router.get("/texts")
def texts(ctx: Ctx, language: Lang) -> dict[str, str]:
    """Every text in one language; ``<key>.advice`` where there is advice."""
    found = {key: fields[language.value] for key, fields in ctx.catalogue.entries.items()}
    advice = f"advice_{language.value}"
    found |= {
        f"{key}.advice": fields[advice]
        for key, fields in ctx.catalogue.entries.items()
        if advice in fields
    }
    return found


@router.get("/labels")
def label_list() -> dict[str, dict[str, Any]]:
    """The label vocabulary."""
    return {
        key: {
            "zh": item.zh,
            "en": item.en,
            "modality": item.modality,
            "urgency": item.urgency.name.lower(),
            "is_abnormal": item.is_abnormal,
        }
        for key, item in labels().items()
    }


@router.get("/sites")
def site_list(ctx: Ctx, who: Who) -> list[dict[str, Any]]:
    """The sites the caller sees."""
    return [
        {"id": site.id, "name": site.name, "kind": site.kind.value, "parent_id": site.parent_id}
        for site in accounts.list_sites(ctx, who.actor)
    ]


def _warn_of_open_cookie(request: Request) -> None:
    """Say once that the cookie lacks Secure although people come by TLS."""
    state = request.app.state
    is_tls = request.headers.get("x-forwarded-proto", "").strip().lower() == "https"
    if is_tls and not state.settings.secure_cookie and not state.warned_of_cookie:
        state.warned_of_cookie = True
        _LOG.warning("a proxy speaks https: set QIANGJI_SECURE_COOKIE=true")


def _me(ctx: Ctx, caller: Caller) -> dict[str, Any]:
    actor = caller.actor
    sites = {site.id: site for site in accounts.list_sites(ctx, actor)}
    site = sites[actor.site_id]
    until = caller.session.unlocked_until
    is_unlocked = caller.session.may_sign(ctx.clock.now())
    return {
        "user": {
            "id": actor.user_id,
            "login": caller.login,
            "display_name": actor.display_name,
            "roles": sorted(role.value for role in actor.roles),
            "site": {
                "id": site.id,
                "name": site.name,
                "kind": site.kind.value,
                "time_zone": site.time_zone,
                "phone": site.phone,
            },
            "licence_number": actor.licence_number,
            "sign_modalities": sorted(actor.sign_modalities),
        },
        "csrf": caller.session.csrf_token,
        "language": caller.language.value,
        "is_demo": ctx.is_demo,
        "must_change_password": caller.must_change_password,
        "unlocked_until": until.isoformat() if until and is_unlocked else None,
    }
