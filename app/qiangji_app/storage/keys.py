"""The installation's secret keys: one file, outside the data folder, readable by its owner only."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from qiangji_app.storage.disk import fsync_folder
from qiangji_datasets.errors import StorageFault

KEY_FILE = "keyring.json"
KEY_BYTES = 32
_FORMAT = 1


@dataclass(frozen=True, repr=False)
class Keys:
    """Key material.

    ``masters`` maps a key-id byte to 32 bytes from which encryption keys are derived; new data
    are sealed under ``current``. ``index`` (blind indexes) and ``chain`` (events) never rotate
    together with them.
    """

    current: int
    masters: dict[int, bytes]
    index: bytes
    chain: bytes

    def derive(self, key_id: int, purpose: str, salt: bytes = b"") -> bytes:
        """A 32-byte key of a purpose (HKDF-SHA256, RFC 5869).

        Raises
        ------
        StorageFault
            ``storage.key_unknown``: this ring has no such key.
        """
        master = self.masters.get(key_id)
        if master is None:
            raise StorageFault("storage.key_unknown", key_id=key_id)
        kdf = HKDF(SHA256(), length=KEY_BYTES, salt=salt or None, info=purpose.encode("ascii"))
        return kdf.derive(master)


def new_keys() -> Keys:
    """Fresh random keys."""
    return Keys(
        current=1,
        masters={1: secrets.token_bytes(KEY_BYTES)},
        index=secrets.token_bytes(KEY_BYTES),
        chain=secrets.token_bytes(KEY_BYTES),
    )


def open_keys(folder: Path, *, create: bool = True) -> Keys:
    """Keys of a folder; made on first use.

    A database opened with other keys than its own is refused by ``open_store``, so keys that
    are made anew by mistake cannot mix with old data.

    Raises
    ------
    StorageFault
        ``storage.keys_missing`` (and ``create`` is off), ``storage.keys_exposed`` when others
        may read the file, ``storage.keys_damaged``.
    """
    path = folder / KEY_FILE
    if not path.exists():
        if not create:
            raise StorageFault("storage.keys_missing")
        _create(path)
    if path.stat().st_mode & 0o077:
        raise StorageFault("storage.keys_exposed")
    try:
        return _parse(json.loads(path.read_text("ascii")))
    except (ValueError, KeyError, TypeError) as fault:
        raise StorageFault("storage.keys_damaged") from fault


def _create(path: Path) -> None:
    """Write new keys; of two processes that start at once, the first one's keys stay."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(_dump(new_keys()))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # fails when somebody else was first; rename would replace
    except FileExistsError:
        return
    finally:
        draft.unlink()
    fsync_folder(path.parent)


def _dump(keys: Keys) -> str:
    body = {
        "format": _FORMAT,
        "current": keys.current,
        "masters": {str(key_id): key.hex() for key_id, key in keys.masters.items()},
        "index": keys.index.hex(),
        "chain": keys.chain.hex(),
    }
    return json.dumps(body, indent=1) + "\n"


def _parse(body: dict[str, object]) -> Keys:
    masters = body["masters"]
    current = body["current"]
    if body["format"] != _FORMAT or not isinstance(masters, dict) or not isinstance(current, int):
        raise ValueError("unknown key file format")
    keys = Keys(
        current=current,
        masters={int(key_id): bytes.fromhex(key) for key_id, key in masters.items()},
        index=bytes.fromhex(str(body["index"])),
        chain=bytes.fromhex(str(body["chain"])),
    )
    material = (*keys.masters.values(), keys.index, keys.chain)
    if any(len(key) != KEY_BYTES for key in material) or current not in keys.masters:
        raise ValueError("a key is missing or of the wrong length")
    if any(not 0 <= key_id <= 255 for key_id in keys.masters):
        raise ValueError("a key id does not fit in a byte")
    return keys
