"""Content-addressed files: idempotent uploads, damage, size in memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tracemalloc
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qiangji_app.storage.blobs import FileBlobs
from qiangji_app.storage.frames import FRAME_BYTES, HEADER_BYTES
from qiangji_app.storage.keys import new_keys
from qiangji_app.storage.scratch import Scratch
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, StorageFault

KEYS = new_keys()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs", KEYS, reserve_bytes=0)


def stored(folder: Path, digest: str) -> Path:
    return folder / "blobs" / digest[:2] / digest[2:4] / digest


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1])
def test_bytes_come_back_and_are_not_in_the_file(
    blobs: FileBlobs, tmp_path: Path, size: int
) -> None:
    data = b"DICM PatientName" * (size // 16) + b"x" * (size % 16)

    digest = blobs.put(data)

    assert digest == sha256(data)
    assert blobs.get(digest) == data
    assert b"PatientName" not in stored(tmp_path, digest).read_bytes()
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def test_the_same_bytes_are_one_file_and_a_repeat_mends_a_damaged_one(
    blobs: FileBlobs, tmp_path: Path
) -> None:
    digest = blobs.put(b"once")
    stored(tmp_path, digest).write_bytes(b"damaged")

    assert blobs.put(b"once") == digest
    assert blobs.get(digest) == b"once"


def test_a_part_cut_at_any_byte_goes_on_where_its_last_whole_frame_ended(
    blobs: FileBlobs, tmp_path: Path
) -> None:
    data, upload_id = os.urandom(90), str(uuid.uuid4())
    part = tmp_path / "blobs" / "incoming" / f"{upload_id}.part"
    blobs.start(upload_id, 90)
    for offset in (0, 30, 60):
        blobs.append(upload_id, offset, data[offset : offset + 30])
    whole = part.read_bytes()
    frame = (len(whole) - HEADER_BYTES) // 3

    for size in range(HEADER_BYTES, len(whole) + 1):
        part.write_bytes(whole[:size])
        fresh = FileBlobs(tmp_path / "blobs", KEYS, reserve_bytes=0)
        received = fresh.received(upload_id)
        assert received == 30 * ((size - HEADER_BYTES) // frame)
        assert fresh.append(upload_id, received, data[received:]) == 90
    blobs.finish(upload_id, sha256(data))
    assert blobs.get(sha256(data)) == data


def test_other_bytes_than_announced_are_refused_and_the_upload_begins_anew(
    blobs: FileBlobs,
) -> None:
    upload_id = str(uuid.uuid4())
    blobs.append(upload_id, 0, b"spoilt")

    with pytest.raises(InputRejected, match=r"upload\.checksum"):
        blobs.finish(upload_id, sha256(b"intact"))

    assert blobs.received(upload_id) == 0
    blobs.append(upload_id, 0, b"intact")
    blobs.finish(upload_id, sha256(b"intact"))
    blobs.finish(upload_id, sha256(b"intact"))
    assert blobs.received(upload_id) == 6
    with pytest.raises(Conflict, match=r"upload\.finished"):
        blobs.append(upload_id, 6, b"more")
    with pytest.raises(InputRejected, match=r"upload\.checksum"):
        blobs.finish(upload_id, sha256(b"another"))
    assert blobs.get(sha256(b"intact")) == b"intact"


def test_an_abandoned_upload_is_gone(blobs: FileBlobs) -> None:
    upload_id = str(uuid.uuid4())
    blobs.append(upload_id, 0, b"begun")

    blobs.abandon(upload_id)
    blobs.abandon(upload_id)

    assert blobs.received(upload_id) == 0
    with pytest.raises(NotFound, match=r"upload\.not_started"):
        blobs.finish(upload_id, sha256(b"begun"))


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 36, "a/b", "x\0y"])
def test_a_name_that_is_no_uuid_or_digest_reaches_no_path(blobs: FileBlobs, name: str) -> None:
    for act in (
        lambda: blobs.start(name, 1),
        lambda: blobs.append(name, 0, b"x"),
        lambda: blobs.received(name),
        lambda: blobs.abandon(name),
        lambda: blobs.finish(str(uuid.uuid4()), name),
        lambda: blobs.get(name),
    ):
        with pytest.raises(InputRejected, match=r"upload\.bad_"):
            act()


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


def _swap_frames(data: bytes) -> bytes:
    half = HEADER_BYTES + (len(data) - HEADER_BYTES) // 2
    return data[:HEADER_BYTES] + data[half:] + data[HEADER_BYTES:half]


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        _swap_frames,
        lambda data: data[:-1],
        lambda data: data[: HEADER_BYTES + (len(data) - HEADER_BYTES) // 2],  # a whole frame less
        lambda data: data[:HEADER_BYTES],
        lambda data: data[: HEADER_BYTES + 2],
        lambda data: data + b"\0\0\0\0",
        lambda data: data[:0],
        lambda data: b"QJB2" + data[4:],
    ],
)
def test_damage_on_disk_is_found(
    blobs: FileBlobs, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    digest = blobs.put(os.urandom(2 * FRAME_BYTES))
    path = stored(tmp_path, digest)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(StorageFault, match=r"storage\.blob_damaged"):
        blobs.get(digest)
    with (
        pytest.raises(StorageFault, match=r"storage\.blob_damaged"),
        blobs.plain_path(digest),
    ):
        pytest.fail("a damaged file must not reach a reader")


def test_a_missing_file_is_said_to_be_missing(blobs: FileBlobs) -> None:
    with pytest.raises(StorageFault, match=r"storage\.blob_missing"):
        blobs.get(sha256(b"never stored"))


def test_nothing_is_accepted_below_the_reserve(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs", KEYS, reserve_bytes=2**60)
    upload_id = str(uuid.uuid4())

    assert blobs.free_bytes() == 0
    for act in (
        lambda: blobs.start(upload_id, 10),
        lambda: blobs.append(upload_id, 0, b"x"),
        lambda: blobs.put(b"x"),
    ):
        with pytest.raises(StorageFault, match=r"storage\.full"):
            act()
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []


def test_a_plain_copy_is_private_and_gone_afterwards(blobs: FileBlobs) -> None:
    digest = blobs.put(b"plain")

    with blobs.plain_path(digest) as path:
        assert path.read_bytes() == b"plain"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.parent.exists()

    with pytest.raises(RuntimeError, match="reader"), blobs.plain_path(digest) as path:
        raise RuntimeError("reader")
    assert not path.parent.exists()


def test_plain_copies_of_a_killed_process_are_removed_at_start(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f"qiangji-plain-{ended.pid}-abc"
    living = tmp_path / f"qiangji-plain-{os.getpid()}-abc"
    foreign = tmp_path / "qiangji-plain-other"
    for folder in (left, living, foreign):
        folder.mkdir()

    Scratch((tmp_path,))

    assert (left.exists(), living.exists(), foreign.exists()) == (False, True, True)


def test_a_scratch_folder_without_room_is_passed_over(tmp_path: Path) -> None:
    with Scratch((tmp_path / "absent", tmp_path)).file(1) as (path, _):
        assert path.is_relative_to(tmp_path)
    with Scratch((tmp_path,)).file(2**60) as (path, _):
        assert path.exists()  # the last one is taken in any case; writing tells


def test_a_large_upload_is_never_whole_in_memory(blobs: FileBlobs) -> None:
    upload_id = str(uuid.uuid4())
    chunk = os.urandom(FRAME_BYTES)
    digest = hashlib.sha256()
    tracemalloc.start()
    for number in range(24):
        blobs.append(upload_id, number * FRAME_BYTES, chunk)
        digest.update(chunk)
    blobs.finish(upload_id, digest.hexdigest())
    with blobs.plain_path(digest.hexdigest()) as path:
        size = path.stat().st_size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size == 24 * FRAME_BYTES
    assert peak < 6 * FRAME_BYTES


def test_two_threads_that_send_the_same_upload_give_one_file(blobs: FileBlobs) -> None:
    data, upload_id = os.urandom(50_000), str(uuid.uuid4())

    def send(_: int) -> None:
        blobs.start(upload_id, len(data))
        received = 0
        while received < len(data):
            received = blobs.append(upload_id, received, data[received : received + 5_000])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))
    blobs.finish(upload_id, sha256(data))

    assert blobs.get(sha256(data)) == data
