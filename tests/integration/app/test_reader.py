"""Reading stored files: what is the file's fault and what is the installation's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dicom_builder import film
from support.hostile_readers import misbehave

from qiangji_app.domain.case import RecordingState
from qiangji_app.errors import mapping_of
from qiangji_app.reader import LocalReader
from qiangji_datasets.errors import InputRejected, SystemFault
from qiangji_datasets.formats.pool import ReaderPool
from qiangji_inference.engine import Engine


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine([])


@pytest.fixture(scope="module")
def pool() -> Iterator[ReaderPool]:
    with ReaderPool(1, 512, 60.0, reader=misbehave) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "code"), [("kill", "file.reader_killed"), ("greedy", "file.reader_memory")]
)
def test_a_reader_that_dies_fails_the_triage_and_does_not_refuse_the_file(
    pool: ReaderPool, engine: Engine, name: str, code: str
) -> None:
    found = LocalReader(pool, engine).triage(Path(name), stated={})

    declined = found.reading["declined"]
    assert found.state is RecordingState.STORED
    assert found.reading["status"] == "failed"
    assert isinstance(declined, list)
    assert [row["code"] for row in declined] == [code]
    assert declined[0]["params"]


def test_a_reader_that_hangs_fails_the_triage_and_says_after_how_long(engine: Engine) -> None:
    with ReaderPool(1, 512, 1.0, reader=misbehave) as pool:
        found = LocalReader(pool, engine).triage(Path("hang"), stated={})

    assert (found.state, found.reading["status"]) == (RecordingState.STORED, "failed")
    assert found.reading["declined"] == [
        {
            "bundle": "",
            "code": "file.reader_timeout",
            "severity": "warn",
            "params": {"seconds": 1.0},
        }
    ]


def test_a_file_that_is_bad_itself_stays_refused(pool: ReaderPool, engine: Engine) -> None:
    found = LocalReader(pool, engine).triage(Path("refuse"), stated={})

    assert found.state is RecordingState.REFUSED


def test_a_reader_that_was_killed_once_gets_a_second_try(
    pool: ReaderPool, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "killonce.dcm"
    path.write_bytes(film())

    found = LocalReader(pool, engine).triage(path, stated={})

    assert found.state is RecordingState.READ


def test_a_viewer_waits_for_a_busy_reader_only_so_long(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "good.dcm"
    path.write_bytes(film())
    with ReaderPool(1, 512, 2.0, reader=misbehave) as pool:
        reader = LocalReader(pool, engine, wait_s=0.2)
        stuck = pool.submit(Path("hang"))

        with pytest.raises(SystemFault) as busy:
            reader.decode(path, stated={})

        assert busy.value.code == "file.reader_busy"
        assert mapping_of(busy.value).http == 503
        assert isinstance(stuck.exception(), InputRejected)
        assert LocalReader(pool, engine).decode(path, stated={}) is not None


def test_viewers_beyond_the_places_are_told_at_once(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "good.dcm"
    path.write_bytes(film())
    with ReaderPool(1, 512, 60.0, reader=misbehave) as pool:
        reader = LocalReader(pool, engine, places=0)

        with pytest.raises(SystemFault, match=r"file\.reader_busy"):
            reader.decode(path, stated={})
