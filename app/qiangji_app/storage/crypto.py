"""Field encryption and blind indexes: AES-256-GCM with a key-id byte, HMAC-SHA256 for lookup."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qiangji_app.storage.keys import Keys
from qiangji_datasets.errors import StorageFault

NONCE_BYTES = 12  # NIST SP 800-38D, 8.2
TAG_BYTES = 16
_PURPOSE = "qiangji field"


class FieldCipher:
    """Seals text columns.

    A sealed value is key id (1 byte), nonce (12), ciphertext and tag (16). ``context`` names
    table, column and row and is authenticated, so a value moved to another row does not open.

    Parameters
    ----------
    keys
        The key ring.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._ciphers: dict[int, AESGCM] = {}

    def seal(self, text: str, context: str) -> bytes:
        """Encrypt under the current key."""
        key_id = self._keys.current
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._cipher(key_id).encrypt(
            nonce, text.encode("utf-8", "surrogatepass"), _bound(key_id, context)
        )
        return bytes((key_id,)) + nonce + sealed

    def open(self, sealed: bytes, context: str) -> str:
        """Decrypt.

        Raises
        ------
        StorageFault
            ``storage.sealed_damaged``: changed, cut, moved, or of another key.
        """
        if len(sealed) < 1 + NONCE_BYTES + TAG_BYTES:
            raise StorageFault("storage.sealed_damaged")
        key_id, nonce, body = sealed[0], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            plain = self._cipher(key_id).decrypt(nonce, body, _bound(key_id, context))
        except InvalidTag as fault:
            raise StorageFault("storage.sealed_damaged") from fault
        return plain.decode("utf-8", "surrogatepass")

    def seal_json(self, value: object, context: str) -> bytes:
        """Encrypt the JSON of a value."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return self.seal(text, context)

    def open_json(self, sealed: bytes, context: str) -> dict[str, object]:
        """Decrypt a JSON object."""
        return cast("dict[str, object]", json.loads(self.open(sealed, context)))

    def _cipher(self, key_id: int) -> AESGCM:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            cipher = AESGCM(self._keys.derive(key_id, _PURPOSE))
            self._ciphers[key_id] = cipher
        return cipher


def _bound(key_id: int, context: str) -> bytes:
    return bytes((key_id,)) + context.encode("utf-8", "surrogatepass")


def blind_index(keys: Keys, kind: str, *parts: str) -> str:
    """HMAC-SHA256, hex, of a value to look up; the parts cannot run into each other."""
    text = json.dumps([kind, *parts], ensure_ascii=True, separators=(",", ":"))
    return hmac.new(keys.index, text.encode("ascii"), hashlib.sha256).hexdigest()
