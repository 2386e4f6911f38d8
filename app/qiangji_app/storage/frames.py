"""Encrypted files as a row of frames, so that a part can be appended, resumed and streamed.

Layout: ``QJB1``, key id (1 byte), file salt (16); then frames, each plain length (4 bytes, big
endian), nonce (12), ciphertext, tag (16). Every file has its own key (HKDF over the salt); a
frame authenticates the header and the offset of its first plain byte, so frames can be neither
swapped nor moved between files. That none is missing at the end is what the sha256 of the plain
bytes, the name of a finished file, says.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qiangji_app.storage.crypto import NONCE_BYTES, TAG_BYTES
from qiangji_app.storage.keys import Keys
from qiangji_datasets.errors import StorageFault

#: Largest plain length of one frame: what is in memory at a time.
FRAME_BYTES: Final = 1 << 20
_MAGIC: Final = b"QJB1"
_SALT_BYTES: Final = 16
HEADER_BYTES: Final = len(_MAGIC) + 1 + _SALT_BYTES
_LENGTH: Final = struct.Struct(">I")
_OVERHEAD: Final = _LENGTH.size + NONCE_BYTES + TAG_BYTES
_PURPOSE: Final = "qiangji blob"


@dataclass(frozen=True)
class Extent:
    """How far a file is whole: plain bytes, and file bytes that hold them."""

    plain: int
    file: int


def new_header(keys: Keys) -> bytes:
    """Header of a new file under the current key."""
    return _MAGIC + bytes((keys.current,)) + secrets.token_bytes(_SALT_BYTES)


class Frames:
    """Seals and opens the frames of one file."""

    def __init__(self, keys: Keys, header: bytes) -> None:
        """Raises StorageFault ``storage.blob_damaged`` when this is no header of ours."""
        if len(header) != HEADER_BYTES or not header.startswith(_MAGIC):
            raise StorageFault("storage.blob_damaged")
        salt = header[len(_MAGIC) + 1 :]
        self._header = header
        self._cipher = AESGCM(keys.derive(header[len(_MAGIC)], _PURPOSE, salt))

    def seal(self, plain: bytes, offset: int) -> Iterator[bytes]:
        """Frames of some plain bytes that begin at an offset of the file."""
        view = memoryview(plain)
        for start in range(0, len(view), FRAME_BYTES):
            part = view[start : start + FRAME_BYTES]
            nonce = secrets.token_bytes(NONCE_BYTES)
            sealed = self._cipher.encrypt(nonce, part, self._bound(offset + start, len(part)))
            yield _LENGTH.pack(len(part)) + nonce + sealed

    def open(self, file: BinaryIO) -> Iterator[bytes]:
        """Plain bytes, frame by frame, from just behind the header to the end.

        Raises
        ------
        StorageFault
            ``storage.blob_damaged``: a frame is cut or changed.
        """
        offset = 0
        while start := file.read(_LENGTH.size):
            length = _plain_length(start)
            nonce = file.read(NONCE_BYTES)
            sealed = file.read(length + TAG_BYTES)
            try:
                plain = self._cipher.decrypt(nonce, sealed, self._bound(offset, length))
            except (InvalidTag, ValueError) as fault:
                raise StorageFault("storage.blob_damaged") from fault
            yield plain
            offset += length

    def _bound(self, offset: int, length: int) -> bytes:
        return self._header + struct.pack(">QI", offset, length)


def _plain_length(start: bytes) -> int:
    if len(start) < _LENGTH.size:
        raise StorageFault("storage.blob_damaged")
    length = int(_LENGTH.unpack(start)[0])
    if not 0 < length <= FRAME_BYTES:
        raise StorageFault("storage.blob_damaged")
    return length


def read_header(file: BinaryIO) -> bytes:
    """The header at the start of a file; shorter than it should be when the file is cut."""
    file.seek(0)
    return file.read(HEADER_BYTES)


def whole_extent(file: BinaryIO, size: int) -> Extent:
    """How far a file that may have been cut by a crash holds whole frames; nothing is decrypted."""
    plain, position = 0, HEADER_BYTES
    while position + _OVERHEAD < size:
        file.seek(position)
        length = int(_LENGTH.unpack(file.read(_LENGTH.size))[0])
        after = position + _OVERHEAD + length
        if not 0 < length <= FRAME_BYTES or after > size:
            break
        plain, position = plain + length, after
    return Extent(plain, position)


def plain_sha256(keys: Keys, file: BinaryIO) -> str:
    """SHA-256, hex, of the plain bytes of a file.

    Raises
    ------
    StorageFault
        ``storage.blob_damaged``.
    """
    digest = hashlib.sha256()
    for part in Frames(keys, read_header(file)).open(file):
        digest.update(part)
    return digest.hexdigest()
