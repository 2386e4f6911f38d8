"""Keys, sealed fields, blind indexes, instants, passwords."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, Table, create_engine, insert, select

from qiangji_app.domain.ids import is_uuid
from qiangji_app.storage.clock import SystemClock
from qiangji_app.storage.crypto import FieldCipher, blind_index
from qiangji_app.storage.ids import SystemIds
from qiangji_app.storage.keys import KEY_FILE, Keys, new_keys, open_keys
from qiangji_app.storage.passwords import CHEAP, Argon2Passwords
from qiangji_app.storage.times import UtcInstant
from qiangji_datasets.errors import StorageFault

KEYS = new_keys()


def test_a_sealed_text_opens_nowhere_else_and_not_when_changed_or_cut() -> None:
    cipher = FieldCipher(KEYS)
    sealed = cipher.seal("张三", "person.sealed:p1")

    with pytest.raises(StorageFault, match=r"storage\.sealed_damaged"):
        cipher.open(sealed, "person.sealed:p2")
    for position in range(1, len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(StorageFault, match=r"storage\.sealed_damaged"):
            cipher.open(bytes(changed), "person.sealed:p1")
    for length in range(1, len(sealed)):
        with pytest.raises(StorageFault, match=r"storage\.sealed_damaged"):
            cipher.open(sealed[:length], "person.sealed:p1")
    with pytest.raises(StorageFault, match=r"storage\.key_unknown"):
        cipher.open(bytes((9,)) + sealed[1:], "person.sealed:p1")


def test_what_an_older_key_sealed_still_opens_after_a_new_key_took_over() -> None:
    old = FieldCipher(KEYS).seal("张三", "c")
    rotated = replace(KEYS, current=2, masters=KEYS.masters | {2: os.urandom(32)})

    cipher = FieldCipher(rotated)

    assert cipher.open(old, "c") == "张三"
    assert cipher.seal("张三", "c")[0] == 2
    assert blind_index(rotated, "name", "张三") == blind_index(KEYS, "name", "张三")


def test_a_blind_index_tells_kinds_parts_and_keys_apart() -> None:
    digests = {
        blind_index(KEYS, "identifier", "ab", "c"),
        blind_index(KEYS, "identifier", "a", "bc"),
        blind_index(KEYS, "identifier", "abc"),
        blind_index(KEYS, "name", "abc"),
        blind_index(new_keys(), "name", "abc"),
    }

    assert len(digests) == 5


def test_keys_are_made_once_privately_and_found_again(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: open_keys(tmp_path / "keys"), range(8)))

    assert all(keys == found[0] for keys in found)
    assert (tmp_path / "keys" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [KEY_FILE]
    assert "masters" not in repr(found[0])


def test_missing_exposed_and_damaged_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match=r"storage\.keys_missing"):
        open_keys(tmp_path, create=False)
    open_keys(tmp_path)
    path = tmp_path / KEY_FILE
    path.chmod(0o640)
    with pytest.raises(StorageFault, match=r"storage\.keys_exposed"):
        open_keys(tmp_path)
    path.chmod(0o600)
    whole = json.loads(path.read_text("ascii"))
    damages = [
        "",
        "{}",
        json.dumps(whole | {"format": 2}),
        json.dumps(whole | {"current": 7}),
        json.dumps(whole | {"chain": "00"}),
        json.dumps(whole | {"masters": {"300": "00" * 32, "1": "00" * 32}}),
    ]
    for text in damages:
        path.write_text(text, "ascii")
        with pytest.raises(StorageFault, match=r"storage\.keys_damaged"):
            open_keys(tmp_path)


def test_keys_of_different_purposes_and_files_differ() -> None:
    keys: Keys = KEYS
    derived = {keys.derive(1, "a"), keys.derive(1, "b"), keys.derive(1, "a", b"salt")}

    assert len(derived) == 3


def test_instants_come_back_aware_and_naive_ones_are_refused() -> None:
    table = Table("t", MetaData(), Column("at", UtcInstant))
    engine = create_engine("sqlite://")
    table.metadata.create_all(engine)
    given_at = datetime(2026, 3, 1, 8, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))

    with engine.begin() as connection:
        for value in (given_at, None):
            connection.execute(insert(table).values(at=value))
        found = list(connection.execute(select(table.c.at)).scalars())
        with pytest.raises(Exception, match="without a zone"):
            connection.execute(insert(table).values(at=datetime(2026, 3, 1)))  # noqa: DTZ001

    engine.dispose()
    assert found == [given_at, None]
    assert found[0] is not None and found[0].tzinfo is UTC


def test_ids_are_fresh_uuids_and_the_clock_is_aware() -> None:
    clock = SystemClock()
    ids = SystemIds(clock)
    made = {ids.new() for _ in range(1000)}

    assert len(made) == 1000
    assert all(is_uuid(text) for text in made)
    assert clock.now().tzinfo is UTC


def test_a_password_is_verified_and_a_text_that_is_no_hash_never() -> None:
    passwords = Argon2Passwords(CHEAP)
    made = passwords.hash("correct horse")

    assert made.startswith("$argon2id$")
    assert passwords.verify("correct horse", made)
    assert not passwords.verify("wrong horse", made)
    assert not passwords.verify("correct horse", "")
    assert not passwords.verify("correct horse", "plain")
    assert passwords.decoy() == passwords.decoy()
    assert not passwords.verify("", passwords.decoy())
