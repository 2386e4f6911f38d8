"""Who calls, in which language, and is the request their own (CSRF)."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, Request

from qiangji_app.recognition_rules import RecognitionRules
from qiangji_app.seals.keys import Issuer
from qiangji_app.services import sessions
from qiangji_app.services.context import Caller, Context
from qiangji_datasets.errors import NotPermitted
from qiangji_datasets.messages import Language

SESSION_COOKIE = "qj_session"
LANGUAGE_COOKIE = "qj_lang"
CSRF_HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class SignedOut(NotPermitted):
    """Nobody is signed in; answered with 401."""


def context(request: Request) -> Context:
    """The installation's context."""
    found: Context = request.app.state.context
    return found


def issuer(request: Request) -> Issuer:
    """Who seals printed results."""
    found: Issuer = request.app.state.issuer
    return found


def county_recognition(request: Request) -> RecognitionRules:
    """What the county set on recognition."""
    found: RecognitionRules = request.app.state.recognition
    return found


def optional_caller(request: Request) -> Caller | None:
    """The caller, or None when signed out."""
    token = request.cookies.get(SESSION_COOKIE, "")
    return sessions.caller_of(context(request), token) if token else None


def caller(request: Request) -> Caller:
    """The signed-in caller.

    Raises
    ------
    SignedOut
        No valid session.
    NotPermitted
        A mutating request without the session's CSRF token.
    """
    found = optional_caller(request)
    if found is None:
        raise SignedOut("session.signed_out")
    if request.method not in _SAFE:
        sent = request.headers.get(CSRF_HEADER, "")
        # As bytes: compare_digest refuses text that is not ASCII.
        if not hmac.compare_digest(sent.encode("utf-8"), found.session.csrf_token.encode("utf-8")):
            raise NotPermitted("session.csrf")
    return found


def language(request: Request) -> Language:
    """Language asked for: query, else cookie, else Chinese."""
    wanted = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE, "")
    return Language(wanted) if wanted in set(Language) else Language.ZH


Ctx = Annotated[Context, Depends(context)]
Who = Annotated[Caller, Depends(caller)]
Lang = Annotated[Language, Depends(language)]
Signing = Annotated[Issuer, Depends(issuer)]
Recognising = Annotated[RecognitionRules, Depends(county_recognition)]
