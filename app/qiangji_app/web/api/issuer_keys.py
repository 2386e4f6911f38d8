"""Public keys of this installation, for whoever checks a print that it issued."""

from __future__ import annotations

from fastapi import APIRouter

from qiangji_app.services.accounts import hospital_name
from qiangji_app.web.api.deps import Ctx, Signing
from qiangji_app.web.api.words import Json

router = APIRouter(tags=["results"])


@router.get("/issuer-keys")
def issuer_keys(ctx: Ctx, issuer: Signing) -> Json:
    """The key in use, then those before it; open to everybody, as public keys are."""
    return {"keys": [key.as_json() for key in issuer.all_public(hospital_name(ctx))]}
