"""Killed processes, full disks and the order of system calls: an accepted upload is on disk."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from support.crash import ForkedVictim, kill_at_random
from support.storage_box import Box, add_case, open_box, signed
from support.upload_worker import CASE, acknowledged, parcel, run, upload

from qiangji_app.storage.verify import verify_log
from qiangji_datasets.errors import NotFound, StorageFault

_TESTS = Path(__file__).parents[1]
_KILLS = 50


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    opened = open_box(tmp_path)
    add_case(opened)
    yield opened
    opened.store.close()


def _stored_once(box: Box, numbers: list[int]) -> None:
    """Each of these is there exactly once, whole; and nothing half is there."""
    with box.store.read() as unit:
        recordings = list(unit.cases.recordings(CASE))
        events = [item.payload["recording"] for item in unit.events.of_case(CASE)]
    ids = [item.id for item in recordings]
    assert len(ids) == len(set(ids))
    assert sorted(ids) == sorted(map(str, events))
    for number in numbers:
        item = parcel(number)
        assert ids.count(item.upload_id) == 1
        assert box.blobs.get(item.sha256) == item.data
    for item_stored in recordings:
        assert len(box.blobs.get(item_stored.blob_sha256)) == item_stored.size


def test_every_acknowledged_upload_survives_fifty_kills_and_none_is_half_there(
    box: Box, tmp_path: Path
) -> None:
    acks = tmp_path / "acks"
    start = partial(ForkedVictim.start, run, str(tmp_path), str(acks), 1000)

    kill_at_random(start, kills=_KILLS, window_s=0.25, rng=random.Random(7))

    _stored_once(box, acknowledged(acks))
    run(str(tmp_path), str(acks), 50)  # the client repeats what was not answered
    numbers = acknowledged(acks)
    assert numbers == list(range(len(numbers)))
    _stored_once(box, numbers)
    assert verify_log(box.store.engines, box.keys, box.store.heads_file).problems == ()


_CALL = re.compile(r"^\d+\s+(?P<call>\w+)\((?P<arguments>.*)\)\s*=\s*(?P<result>-?\d+)")


def _calls(trace: Path) -> list[tuple[str, str]]:
    found = (_CALL.match(line) for line in trace.read_text("utf-8", "replace").splitlines())
    return [(hit["call"], hit["arguments"]) for hit in found if hit and hit["result"] != "-1"]


def _last(calls: list[tuple[str, str]], pattern: str) -> int:
    found = [
        index
        for index, (call, arguments) in enumerate(calls)
        if re.search(pattern, f"{call} {arguments}")
    ]
    assert found, f"no call like {pattern}"
    return found[-1]


@pytest.mark.system
def test_system_calls_come_in_the_promised_order(box: Box, tmp_path: Path) -> None:
    """File fsync, rename, folder fsync, commit (fsync of the database's log), answer."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed (apt-get install strace)")
    trace, acks = tmp_path / "trace", tmp_path / "acks"
    names = "trace=fsync,fdatasync,rename,renameat,renameat2,write"
    command = [strace, "-f", "-y", "-s", "16", "-e", names, "-o", str(trace), sys.executable]
    command += ["-m", "support.upload_worker", str(tmp_path), str(acks), "1"]
    done = subprocess.run(command, cwd=_TESTS, capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr

    item = parcel(0)
    folder = f"blobs/{item.sha256[:2]}/{item.sha256[2:4]}"
    calls = _calls(trace)
    answer = _last(calls, rf"^write \d+<{acks}>")
    before = calls[:answer]
    steps = [
        _last(before, rf"^fsync .*{item.upload_id}\.part>"),
        _last(before, rf"^rename.*{item.upload_id}\.part.*{folder}/{item.sha256}"),
        _last(before, rf"^fsync .*{folder}>"),
        _last(before, r"^f(data)?sync .*qiangji\.db-wal>"),
        answer,
    ]
    assert steps == sorted(steps)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "data"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(box: Box) -> tuple[str, int]:
    """Upload until refused; returns the refused upload and how much of it is on disk."""
    upload_id = ""
    with pytest.raises(StorageFault, match=r"storage\.full"):
        for _ in range(100):
            upload_id = str(uuid.uuid4())
            box.blobs.start(upload_id, 1_000_000)
            box.blobs.append(upload_id, 0, os.urandom(1_000_000))
    return upload_id, box.blobs.received(upload_id)


@pytest.mark.system
def test_a_full_disk_refuses_uploads_before_acceptance_and_signing_goes_on(
    small_disk: Path,
) -> None:
    box = open_box(small_disk, reserve_bytes=6 * 2**20)
    add_case(box)

    _, received = _fill(box)

    assert received == 0
    assert box.blobs.free_bytes() < 1_000_000
    for version in range(1, 51):
        with box.store.begin() as unit:
            unit.cases.add_signed(signed(version=version))
            unit.events.append(type="case.signed", actor_id="s1", case_id="c1")
            unit.commit()
    with box.store.read() as unit:
        assert len(unit.cases.signed("c1")) == 50
    with pytest.raises(StorageFault, match=r"storage\.full"):
        box.blobs.put(b"x" * 1_000_000)
    box.store.close()


@pytest.mark.system
def test_no_space_at_all_loses_nothing_and_work_goes_on_when_there_is_some_again(
    small_disk: Path,
) -> None:
    box = open_box(small_disk)
    add_case(box)
    kept = box.blobs.put(b"kept")
    ballast = small_disk / "data" / "ballast"
    with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))

    with pytest.raises(StorageFault, match=r"storage\.full"):
        box.blobs.put(os.urandom(100_000))
    with pytest.raises(StorageFault, match=r"storage\.full"), box.store.begin() as unit:
        for version in range(1, 200):
            unit.cases.add_signed(signed(version=version))
        unit.commit()

    assert box.blobs.get(kept) == b"kept"
    ballast.unlink()
    with box.store.begin() as unit:
        assert unit.cases.signed("c1") == []
        unit.cases.add_signed(signed())
        unit.commit()
    box.store.close()


def test_running_out_of_space_within_a_chunk_keeps_what_was_acknowledged(
    small_disk: Path,
) -> None:
    """Free space is checked first; here another program takes it between check and write."""
    unchecked = -(2**40)
    box = open_box(small_disk, reserve_bytes=unchecked)
    upload_id = str(uuid.uuid4())
    data = os.urandom(12 * 2**20)
    box.blobs.start(upload_id, 0)
    assert box.blobs.append(upload_id, 0, data[: 2**20]) == 2**20
    ballast = small_disk / "data" / "ballast"
    ballast.write_bytes(bytes(8 * 2**20))

    with pytest.raises(StorageFault, match=r"storage\.full"):
        box.blobs.append(upload_id, 2**20, data[2**20 :])

    ballast.unlink()
    assert box.blobs.received(upload_id) == 2**20
    assert box.blobs.append(upload_id, 2**20, data[2**20 : 3 * 2**20]) == 3 * 2**20
    box.store.close()


def test_sqlite_waits_for_the_disk_and_writers_begin_with_the_lock(box: Box) -> None:
    def ask(name: str) -> object:
        with box.store.engines.write.connect() as connection:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
    assert [ask(name) for name in names] == ["wal", 2, 1, 1, 30_000]  # 2: FULL
    with box.store.begin():
        other = sqlite3.connect(box.database, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_an_upload_goes_on_after_a_restart(box: Box, tmp_path: Path) -> None:
    item = parcel(3)
    box.blobs.start(item.upload_id, len(item.data))
    box.blobs.append(item.upload_id, 0, item.data[:1000])

    again = open_box(tmp_path)
    assert again.blobs.received(item.upload_id) == 1000
    upload(again, item)
    upload(again, item)

    _stored_once(again, [3])
    again.store.close()


def test_a_crash_between_rename_and_commit_is_mended_by_the_clients_repeat(
    box: Box, tmp_path: Path
) -> None:
    item = parcel(4)
    box.blobs.start(item.upload_id, len(item.data))
    box.blobs.append(item.upload_id, 0, item.data)
    box.blobs.finish(item.upload_id, item.sha256)

    again = open_box(tmp_path)
    assert again.blobs.received(item.upload_id) == len(item.data)
    assert again.blobs.append(item.upload_id, 0, item.data[:5]) == len(item.data)
    upload(again, item)

    _stored_once(again, [4])
    again.store.close()


def test_orphans_and_given_up_parts_go_after_a_day_and_nothing_else(box: Box) -> None:
    kept, orphan, young = (box.blobs.put(text) for text in (b"kept", b"orphan", b"young"))
    part = str(uuid.uuid4())
    box.blobs.start(part, 10)
    now = datetime.now(UTC)
    old = (now - timedelta(days=2)).timestamp()
    blobs = box.folder / "data" / "blobs"
    for path in (*blobs.rglob(kept), *blobs.rglob(orphan), *blobs.rglob(f"{part}.part")):
        os.utime(path, (old, old))

    removed = box.blobs.collect_orphans(frozenset({kept}), now - timedelta(days=1))

    assert removed == 2
    assert box.blobs.get(kept) == b"kept"
    assert box.blobs.get(young) == b"young"
    with pytest.raises(StorageFault, match=r"storage\.blob_missing"):
        box.blobs.get(orphan)
    assert box.blobs.received(part) == 0
    with pytest.raises(NotFound):
        box.blobs.finish(part, kept)


def test_all_that_is_written_is_readable_by_its_owner_only(box: Box) -> None:
    box.blobs.put(b"private")
    for path in [*box.folder.joinpath("data").rglob("*"), *box.folder.joinpath("keys").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
