"""A process that uploads files one after the other and acknowledges each: the killed one.

``python -m support.upload_worker FOLDER ACKS COUNT`` goes on where the acknowledgements end, as a
client does that repeats whatever was not answered.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qiangji_app.domain.case import Recording, RecordingState
from qiangji_app.ports import Upload
from support.storage_box import NOW, Box, open_box

_CHUNK = 64 * 1024
CASE = "c1"


class Ready(Protocol):
    """Set when the worker begins."""

    def set(self) -> None: ...


@dataclass(frozen=True)
class Parcel:
    """What one upload carries; the same number is always the same parcel."""

    upload_id: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def parcel(number: int) -> Parcel:
    """The upload of a number."""
    rng = random.Random(number)
    data = rng.randbytes(rng.randint(1, 300_000))
    return Parcel(str(uuid.UUID(int=rng.getrandbits(128), version=4)), data)


def upload(box: Box, item: Parcel) -> None:
    """Send what is missing, finish, commit; a repeat changes nothing."""
    box.blobs.start(item.upload_id, len(item.data))
    received = box.blobs.received(item.upload_id)
    while received < len(item.data):
        chunk = item.data[received : received + _CHUNK]
        received = box.blobs.append(item.upload_id, received, chunk)
    box.blobs.finish(item.upload_id, item.sha256)
    with box.store.begin() as unit:
        if unit.uploads.get(item.upload_id) is None:
            unit.uploads.add(_row(item))
            unit.cases.add_recording(
                Recording(
                    id=item.upload_id,
                    case_id=CASE,
                    blob_sha256=item.sha256,
                    size=len(item.data),
                    file_name="a.dcm",
                    state=RecordingState.STORED,
                    received_at=NOW,
                )
            )
            unit.events.append(
                type="recording.stored",
                actor_id="u1",
                case_id=CASE,
                payload={"recording": item.upload_id},
            )
        unit.commit()


def _row(item: Parcel) -> Upload:
    return Upload(
        upload_id=item.upload_id,
        case_id=CASE,
        recording_id=item.upload_id,
        user_id="u1",
        site_id="town",
        file_name="a.dcm",
        size=len(item.data),
        sha256=item.sha256,
        received=len(item.data),
        state="stored",
        error_code="",
        created_at=NOW,
    )


def acknowledged(acks: Path) -> list[int]:
    """Numbers that were answered."""
    return [int(line) for line in acks.read_text("ascii").split()] if acks.exists() else []


def run(folder: str, acks: str, count: int, ready: Ready | None = None) -> None:
    """Upload so many parcels and acknowledge each one."""
    box = open_box(Path(folder))
    first = len(acknowledged(Path(acks)))
    answers = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if ready is not None:
        ready.set()
    for number in range(first, first + count):
        upload(box, parcel(number))
        os.write(answers, f"{number}\n".encode("ascii"))
    os.close(answers)
    box.store.close()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]))
