"""The first administrator of a real installation, by a one-time token."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from qiangji_app.domain.account import Account
from qiangji_app.domain.roles import Role
from qiangji_app.services.accounts import create_account
from qiangji_app.services.context import Context
from qiangji_datasets.errors import NotPermitted

TOKEN_LIFETIME: Final = timedelta(hours=24)
_FILE: Final = "setup-token.json"


def issue_token(key_dir: Path, now: datetime) -> str:
    """Make a token; only its digest is kept, readable by the owner. An older one stops working."""
    token = secrets.token_urlsafe(24)
    body = {"sha256": _digest(token), "expires": (now + TOKEN_LIFETIME).isoformat()}
    handle = os.open(key_dir / _FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(body, file)
    return token


def redeem_token(
    ctx: Context,
    key_dir: Path,
    *,
    token: str,
    login: str,
    password: str,
    display_name: str,
) -> Account:
    """Make the first system administrator; the token is gone afterwards.

    Raises
    ------
    NotPermitted
        Wrong, used or expired token.
    Conflict
        There are accounts already.
    """
    path = key_dir / _FILE
    if not path.exists():
        raise NotPermitted("setup.no_token")
    body = json.loads(path.read_text("ascii"))
    is_right = hmac.compare_digest(body["sha256"], _digest(token))
    if not is_right or ctx.clock.now() > datetime.fromisoformat(body["expires"]):
        raise NotPermitted("setup.no_token")
    with ctx.store.read() as unit:
        root = next(site for site in unit.accounts.sites() if site.parent_id is None)
    account = create_account(
        ctx,
        None,
        login=login,
        password=password,
        display_name=display_name,
        roles=frozenset({Role.SYSTEM_ADMINISTRATOR}),
        site_id=root.id,
    )
    path.unlink()
    return account


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8")).hexdigest()
