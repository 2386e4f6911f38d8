"""Signature schemes by name: Ed25519 here, others (SM2 with SM3) from installed packages.

A package offers a scheme under the entry-point group ``qiangji.signatures``; the entry's name is
the name of the algorithm in keys and seals, its object has the methods of ``SignatureScheme``.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final, Protocol, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from qiangji_datasets.errors import InputRejected

GROUP: Final = "qiangji.signatures"
ED25519: Final = "Ed25519"


class SignatureScheme(Protocol):
    """One algorithm. A private key is made from 32 secret bytes, the same key each time."""

    def public_key(self, seed: bytes) -> bytes:
        """The public half, in the algorithm's own encoding."""
        ...

    def sign(self, seed: bytes, message: bytes) -> bytes:
        """A signature over a message."""
        ...

    def verify(self, public_key: bytes, signature: bytes, message: bytes) -> bool:
        """True when the signature is the key's over the message; never raises."""
        ...


class Ed25519Scheme:
    """EdDSA over Curve25519; the 32 bytes are the private key.

    References
    ----------
    RFC 8032, 5.1.
    """

    def public_key(self, seed: bytes) -> bytes:
        """32 bytes."""
        return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()

    def sign(self, seed: bytes, message: bytes) -> bytes:
        """64 bytes, the same for the same message."""
        return Ed25519PrivateKey.from_private_bytes(seed).sign(message)

    def verify(self, public_key: bytes, signature: bytes, message: bytes) -> bool:
        """False also for a key or a signature of the wrong length."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def scheme(name: str) -> SignatureScheme:
    """The scheme of a name.

    Raises
    ------
    InputRejected
        ``seal.unknown_algorithm``: no installed package offers it.
    """
    if name == ED25519:
        return Ed25519Scheme()
    for entry in entry_points(group=GROUP, name=name):
        return cast("SignatureScheme", entry.load())
    raise InputRejected("seal.unknown_algorithm", algorithm=name)
