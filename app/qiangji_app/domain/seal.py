"""The seal of a printed result: what its QR code states, and the bytes that are signed."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from qiangji_app.domain.canonical import canonical_json

#: Form of the text in a QR code.
FORMAT: Final = 1
#: Most characters of a seal: QR version 40, level M, bytes (ISO/IEC 18004:2015, table 7).
MAX_TEXT: Final = 2331
#: Keeps a signature over a seal from being one over anything else.
_DOMAIN: Final = b"qiangji seal\n"
_DIGEST_BYTES: Final = 32
_MAX_SIGNATURE_BYTES: Final = 256
_NAMES: Final = frozenset(
    {"qj", "alg", "key", "id", "ver", "at", "content", "page", "images", "sig"}
)
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_ALGORITHM: Final = re.compile(r"[0-9A-Za-z.-]{1,32}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Seal:
    """What a QR code states about a result; no name and no number of a patient.

    Digests are SHA-256, hex: of the canonical content of the report (the same for every print of
    a version), of the page as it was printed, and of each recording as it was uploaded.
    """

    algorithm: str
    key_id: str
    report_id: str
    version: int
    signed_at: datetime
    content_sha256: str
    page_sha256: str
    images: tuple[str, ...]
    signature: bytes = b""

    def message(self) -> bytes:
        """The bytes that are signed."""
        return _DOMAIN + canonical_json(self._stated())

    def signed(self, signature: bytes) -> Seal:
        """The seal with its signature."""
        return replace(self, signature=signature)

    def text(self) -> str:
        """The text of the QR code."""
        return canonical_json(self._stated() | {"sig": _encoded(self.signature)}).decode("ascii")

    def _stated(self) -> dict[str, object]:
        return {
            "qj": FORMAT,
            "alg": self.algorithm,
            "key": self.key_id,
            "id": self.report_id,
            "ver": self.version,
            "at": self.signed_at.astimezone(UTC).isoformat(timespec="seconds"),
            "content": _encoded(bytes.fromhex(self.content_sha256)),
            "page": _encoded(bytes.fromhex(self.page_sha256)),
            "images": [_encoded(bytes.fromhex(item)) for item in self.images],
        }


def read_seal(text: str) -> Seal:
    """The seal that a QR code states; its signature is not checked here.

    Raises
    ------
    ValueError
        Not a seal, or not in the one form in which seals are written.
    """
    if len(text) > MAX_TEXT:
        raise ValueError("longer than any seal")
    try:
        found = _read(json.loads(text))
    except (KeyError, TypeError, binascii.Error, RecursionError, OverflowError) as fault:
        raise ValueError("not a seal") from fault
    if found.text() != text:
        raise ValueError("not in canonical form")
    return found


def _read(body: object) -> Seal:
    if not isinstance(body, dict) or set(body) != _NAMES or body["qj"] != FORMAT:
        raise ValueError("not a seal")
    version, images = body["ver"], body["images"]
    if type(version) is not int or version < 1 or not isinstance(images, list):
        raise ValueError("not a seal")
    signature = _decoded(body["sig"])
    if len(signature) > _MAX_SIGNATURE_BYTES:
        raise ValueError("no signature is so long")
    signed_at = datetime.fromisoformat(body["at"])
    if signed_at.tzinfo is None:
        raise ValueError("time without zone")
    return Seal(
        algorithm=_matching(_ALGORITHM, body["alg"]),
        key_id=_matching(_KEY_ID, body["key"]),
        report_id=_matching(_ID, body["id"]),
        version=version,
        signed_at=signed_at,
        content_sha256=_digest(body["content"]),
        page_sha256=_digest(body["page"]),
        images=tuple(_digest(item) for item in images),
        signature=signature,
    )


def _matching(form: re.Pattern[str], value: str) -> str:
    if form.fullmatch(value) is None:
        raise ValueError("unexpected characters")
    return value


def _digest(value: str) -> str:
    found = _decoded(value)
    if len(found) != _DIGEST_BYTES:
        raise ValueError("not a SHA-256 digest")
    return found.hex()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _decoded(value: str) -> bytes:
    return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
