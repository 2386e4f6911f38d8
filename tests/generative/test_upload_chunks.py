"""Any sequence of chunks gives the file."""

from __future__ import annotations

import hashlib
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiangji_app.storage.blobs import FileBlobs
from qiangji_app.storage.keys import new_keys
from qiangji_datasets.errors import Conflict

KEYS = new_keys()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(min_size=1, max_size=300),
    cuts=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 120)), max_size=12),
)
def test_any_sequence_of_repeated_and_overlapping_chunks_gives_the_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[tuple[int, int]]
) -> None:
    blobs = FileBlobs(tmp_path_factory.mktemp("b") / "blobs", KEYS, reserve_bytes=0)
    upload_id = str(uuid.uuid4())
    blobs.start(upload_id, len(data))
    received = 0
    for offset, length in [*cuts, (0, len(data))]:
        chunk = data[offset : offset + length]
        if offset <= received:
            received = blobs.append(upload_id, offset, chunk)
        else:
            with pytest.raises(Conflict) as caught:
                blobs.append(upload_id, offset, chunk)
            assert caught.value.params == {"received": received}

    assert received == blobs.received(upload_id) == len(data)
    blobs.finish(upload_id, sha256(data))
    assert blobs.get(sha256(data)) == data
