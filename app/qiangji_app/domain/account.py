"""Accounts and sessions: lockout and expiry rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from qiangji_app.domain.roles import Role

MAX_FAILED_LOGINS: Final = 5
LOCKOUT: Final = timedelta(minutes=15)
SESSION_IDLE: Final = timedelta(hours=8)
SESSION_MAX: Final = timedelta(hours=24)
#: One password entry may cover a run of signatures for this long.
SIGN_UNLOCK: Final = timedelta(minutes=15)
MIN_PASSWORD_LENGTH: Final = 10
#: A password that somebody else has seen opens the account this long, and only to replace it.
TEMPORARY_PASSWORD: Final = timedelta(hours=72)


@dataclass(frozen=True)
class Account:
    """A login. ``password_hash`` is Argon2; ``roles`` obey ``roles.conflicts``.

    ``temporary_until`` is set while the password is one that an administrator handed over: until
    then it can be replaced and nothing else, afterwards it opens nothing.
    """

    id: str
    login: str
    display_name: str
    password_hash: str
    roles: frozenset[Role]
    site_id: str
    licence_number: str = ""
    sign_modalities: frozenset[str] = frozenset()
    is_active: bool = True
    is_demo: bool = False
    failed_logins: int = 0
    locked_until: datetime | None = None
    language: str = "zh"
    temporary_until: datetime | None = None

    @property
    def is_temporary(self) -> bool:
        """True while the password must be replaced first."""
        return self.temporary_until is not None

    def is_locked(self, now: datetime) -> bool:
        """True while the lockout runs."""
        return self.locked_until is not None and now < self.locked_until


@dataclass(frozen=True)
class Session:
    """A signed-in browser. ``token_sha256`` is stored, the token itself only in the cookie."""

    token_sha256: str
    user_id: str
    csrf_token: str
    created_at: datetime
    last_seen_at: datetime
    unlocked_until: datetime | None = None

    def is_alive(self, now: datetime) -> bool:
        """True while neither the idle nor the absolute limit is reached."""
        return now - self.last_seen_at < SESSION_IDLE and now - self.created_at < SESSION_MAX

    def may_sign(self, now: datetime) -> bool:
        """True within the unlock that follows a password entry."""
        return self.unlocked_until is not None and now < self.unlocked_until
