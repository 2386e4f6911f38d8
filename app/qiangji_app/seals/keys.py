"""Keys of issuers: this installation's own, and the public halves of those it trusts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qiangji_app.domain.seal import Seal
from qiangji_app.seals.schemes import ED25519, scheme
from qiangji_app.storage.keys import KEY_FILE, Keys
from qiangji_datasets.errors import InputRejected, NotFound

__all__ = ["KEY_FILE", "Issuer", "PublicKey", "read_public_keys", "trust", "trusted"]

TRUSTED_FOLDER: Final = "trusted"
_PURPOSE: Final = "qiangji issuer "
_SALT_PURPOSE: Final = "qiangji seal salt"
_FORMAT: Final = 1
_ID_HEX: Final = 16
_MAX_KEY_FILE: Final = 64 * 1024


@dataclass(frozen=True)
class PublicKey:
    """The public half of an issuer's key. ``key_id`` follows from algorithm and key."""

    algorithm: str
    key: bytes
    issuer: str = ""

    @property
    def key_id(self) -> str:
        """16 hex digits of SHA-256 over algorithm and key."""
        stated = self.algorithm.encode("utf-8") + b"\n" + self.key
        return hashlib.sha256(stated).hexdigest()[:_ID_HEX]

    def made(self, seal: Seal) -> bool:
        """True when this key signed the seal."""
        if (seal.key_id, seal.algorithm) != (self.key_id, self.algorithm):
            return False
        return scheme(self.algorithm).verify(self.key, seal.signature, seal.message())

    def as_json(self) -> dict[str, str | int]:
        """What another site keeps."""
        return {
            "format": _FORMAT,
            "key_id": self.key_id,
            "algorithm": self.algorithm,
            "public_key": base64.b64encode(self.key).decode("ascii"),
            "issuer": self.issuer,
        }


class Issuer:
    """Signs seals with a key derived from the installation's secret.

    Parameters
    ----------
    keys
        The key ring. The signing key is derived from its current master key, so it lives, is
        backed up and is replaced together with the other keys.
    algorithm
        Name of a signature scheme.
    """

    def __init__(self, keys: Keys, algorithm: str = ED25519) -> None:
        self._keys = keys
        self._scheme = scheme(algorithm)
        self.algorithm = algorithm
        self.key_id = self.public().key_id

    def public(self, issuer: str = "") -> PublicKey:
        """The public half of the key in use."""
        return self._public(self._keys.current, issuer)

    def all_public(self, issuer: str = "") -> tuple[PublicKey, ...]:
        """The key in use, then those before it: prints of their time stay checkable."""
        older = sorted(one for one in self._keys.masters if one != self._keys.current)
        return tuple(self._public(one, issuer) for one in (self._keys.current, *reversed(older)))

    def sign(self, seal: Seal) -> Seal:
        """The seal with a signature."""
        return seal.signed(self._scheme.sign(self._seed(self._keys.current), seal.message()))

    def salt(self, *parts: str) -> str:
        """32 hex digits that nobody without the key can guess, the same for the same parts."""
        salt = hashlib.sha256("\n".join(parts).encode("utf-8")).digest()
        return self._keys.derive(self._keys.current, _SALT_PURPOSE, salt)[:16].hex()

    def _public(self, master: int, issuer: str) -> PublicKey:
        return PublicKey(self.algorithm, self._scheme.public_key(self._seed(master)), issuer)

    def _seed(self, master: int) -> bytes:
        return self._keys.derive(master, _PURPOSE + self.algorithm)


def read_public_keys(path: Path) -> tuple[PublicKey, ...]:
    """The keys of a file: one, or a list as ``qiangji keys public`` writes it.

    Raises
    ------
    NotFound
        ``seal.key_file_missing``.
    InputRejected
        ``seal.key_file``: not a key file, or its key id does not belong to its key.
    """
    try:
        if path.stat().st_size > _MAX_KEY_FILE:
            raise InputRejected("seal.key_file", name=path.name)
        body = json.loads(path.read_text("utf-8"))
    except OSError as missing:
        raise NotFound("seal.key_file_missing", name=path.name) from missing
    except (ValueError, RecursionError) as damaged:
        raise InputRejected("seal.key_file", name=path.name) from damaged
    rows = body.get("keys") if isinstance(body, dict) and "keys" in body else [body]
    if not isinstance(rows, list) or not rows:
        raise InputRejected("seal.key_file", name=path.name)
    return tuple(_key(row, path.name) for row in rows)


def trust(folder: Path, keys: tuple[PublicKey, ...]) -> None:
    """Keep public keys of other issuers among the keys of this installation."""
    target = folder / TRUSTED_FOLDER
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for key in keys:
        text = json.dumps(key.as_json(), ensure_ascii=False, indent=1) + "\n"
        (target / f"{key.key_id}.json").write_text(text, "utf-8")


def trusted(folder: Path) -> Iterator[PublicKey]:
    """Public keys kept by ``trust``."""
    for path in sorted((folder / TRUSTED_FOLDER).glob("*.json")):
        yield from read_public_keys(path)


def _key(row: object, name: str) -> PublicKey:
    try:
        if not isinstance(row, dict) or row["format"] != _FORMAT:
            raise ValueError("unknown form")
        key = base64.b64decode(str(row["public_key"]), validate=True)
        found = PublicKey(str(row["algorithm"]), key, str(row.get("issuer", "")))
    except (KeyError, ValueError) as damaged:
        raise InputRejected("seal.key_file", name=name) from damaged
    if found.key_id != row["key_id"]:
        raise InputRejected("seal.key_file", name=name)
    return found
