"""Electronic records that may call: who they are, how they prove it (JWT), where they sit.

The keys of clients are in a file that the installation reads; none is fetched from anywhere.
"""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from qiangji_app.domain.roles import is_time_zone
from qiangji_app.rules.packs import Audience
from qiangji_datasets.errors import InputRejected, NotPermitted

#: CDS Hooks 2.0, "JWT signing algorithm": the two that it recommends. Symmetric ones and "none"
#: are forbidden there.
ALGORITHMS: Final = ("ES384", "RS384")
#: A token lives for one call; ours, the specification states no limit.
LONGEST_LIFE: Final = timedelta(minutes=60)
_DRIFT: Final = timedelta(minutes=2)
_CLAIMS: Final = ("iss", "aud", "exp", "iat", "jti")
_MAX_NAME: Final = 60
#: Token ids remembered; each for as long as its token lives.
_MOST_TOKENS: Final = 20_000


@dataclass(frozen=True)
class Client:
    """One electronic record. ``keys`` are JSON Web Keys by key id."""

    name: str
    issuer: str
    keys: Mapping[str, Mapping[str, Any]]
    audience: Audience
    jurisdiction: tuple[str, ...]
    zone: ZoneInfo


@dataclass(frozen=True)
class Clients:
    """All of them, and the address under which this service is called."""

    base_url: str = ""
    clients: tuple[Client, ...] = ()


def read_clients(path: Path | None) -> Clients:
    """The clients of a file; none when there is none.

    Raises
    ------
    InputRejected
        ``cds.clients``: the file cannot be read or says something else.
    """
    if path is None:
        return Clients()
    try:
        body = tomllib.loads(path.read_text("utf-8"))
        found = tuple(_client(row, path.parent) for row in body["clients"])
        base = str(body["base_url"]).rstrip("/")
        if not base.startswith(("https://", "http://")):
            raise ValueError("no address")
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise InputRejected("cds.clients", name=path.name) from fault
    return Clients(base, found)


def _client(row: Mapping[str, Any], folder: Path) -> Client:
    keys = json.loads((folder / row["jwks_file"]).read_text("utf-8"))["keys"]
    if not is_time_zone(row.get("time_zone", "Asia/Shanghai")):
        raise ValueError("no such time zone")
    name = str(row["name"])
    if not 0 < len(name) <= _MAX_NAME:
        raise ValueError("no name, or too long for the log")
    return Client(
        name=name,
        issuer=str(row["iss"]),
        keys={str(key["kid"]): key for key in keys},
        audience=Audience(row["audience"]),
        jurisdiction=tuple(row.get("jurisdiction", ("CN",))),
        zone=ZoneInfo(row.get("time_zone", "Asia/Shanghai")),
    )


class Door:
    """Lets a call in when its token is a client's, for this address, in time, and used once.

    Parameters
    ----------
    clients
        Who may call.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str], datetime] = {}

    def admit(self, header: str, paths: Sequence[str], now: datetime) -> Client:
        """The client that calls.

        Parameters
        ----------
        header
            ``Authorization`` as it came.
        paths
            ``aud`` must be the base address with one of these.

        Raises
        ------
        NotPermitted
            ``cds.token``: no token, or not a valid one for this call; ``cds.token_used``.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotPermitted("cds.token")
        addresses = [f"{self._clients.base_url}{path}" for path in paths]
        client, claims = self._verified(token.strip(), addresses)
        expires = _in_time(claims, now)
        with self._lock:
            self._forget(now)
            mark = (client.issuer, str(claims["jti"]))
            if mark in self._used or len(self._used) >= _MOST_TOKENS:
                raise NotPermitted("cds.token_used")
            self._used[mark] = expires
        return client

    def _verified(self, token: str, addresses: Sequence[str]) -> tuple[Client, Mapping[str, Any]]:
        import jwt

        # Time is checked against the installation's own clock, below.
        options: Any = {"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False}
        try:
            named = jwt.decode(token, options={"verify_signature": False})
            client = next(one for one in self._clients.clients if one.issuer == named.get("iss"))
            key = jwt.PyJWK(dict(client.keys[jwt.get_unverified_header(token)["kid"]]))
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=addresses,
                issuer=client.issuer,
                options=options,
            )
        except (jwt.PyJWTError, StopIteration, KeyError, TypeError, ValueError) as fault:
            raise NotPermitted("cds.token") from fault
        return client, claims

    def _forget(self, now: datetime) -> None:
        for mark in [mark for mark, expires in self._used.items() if expires < now]:
            del self._used[mark]


def _in_time(claims: Mapping[str, Any], now: datetime) -> datetime:
    """When the token ends."""
    try:
        issued = datetime.fromtimestamp(float(claims["iat"]), now.tzinfo)
        expires = datetime.fromtimestamp(float(claims["exp"]), now.tzinfo)
    except (ValueError, TypeError, OverflowError, OSError) as fault:
        raise NotPermitted("cds.token") from fault
    is_now = issued - _DRIFT <= now <= expires + _DRIFT
    if not is_now or expires - now > LONGEST_LIFE:
        raise NotPermitted("cds.token")
    return expires + _DRIFT
