"""Argon2id password hashes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher


@dataclass(frozen=True)
class Argon2Cost:
    """How expensive one hash is.

    References
    ----------
    RFC 9106, 4: second recommended option (64 MiB, 3 passes, 4 lanes).
    """

    passes: int = 3
    memory_kib: int = 65536
    lanes: int = 4


#: Milliseconds instead of tenths of a second; for tests and demo accounts only.
CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)


class Argon2Passwords:
    """Hashes and verifies passwords.

    Parameters
    ----------
    cost
        Parameters of new hashes; existing hashes carry their own.
    """

    def __init__(self, cost: Argon2Cost | None = None) -> None:
        chosen = cost or Argon2Cost()
        hasher = Argon2Hasher(
            time_cost=chosen.passes, memory_cost=chosen.memory_kib, parallelism=chosen.lanes
        )
        self._hash = PasswordHash((hasher,))
        self._decoy: str | None = None

    def hash(self, password: str) -> str:
        """Encoded hash with its parameters and a fresh salt."""
        return self._hash.hash(password)

    def verify(self, password: str, password_hash: str) -> bool:
        """True when the password made this hash; False for a text that is no hash."""
        try:
            return self._hash.verify(password, password_hash)
        except UnknownHashError:
            return False

    def decoy(self) -> str:
        """A hash that no password matches, as costly to verify as a real one; made once."""
        if self._decoy is None:
            self._decoy = self.hash(secrets.token_urlsafe(32))
        return self._decoy
