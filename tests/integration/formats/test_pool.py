"""The reader pool with real processes that are killed, hang, or eat memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.dicom_builder import film
from support.hostile_readers import misbehave

from qiangji_datasets.errors import InputRejected, SystemFault
from qiangji_datasets.formats import Stated, read_path
from qiangji_datasets.formats.pool import ReaderPool
from qiangji_datasets.records import CellImage, Modality, Radiograph


@pytest.fixture(scope="module")
def pool() -> Iterator[ReaderPool]:
    with ReaderPool(2, 512, 60.0, reader=misbehave) as running:
        yield running


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.dcm"
    path.write_bytes(film())
    return path


def _refusal(pool: ReaderPool, name: str) -> InputRejected:
    with pytest.raises(InputRejected) as refused:
        pool.read(Path(name))
    return refused.value


def test_a_record_crosses_the_border_unchanged(pool: ReaderPool, good: Path) -> None:
    ours, theirs = read_path(good), pool.read(good)

    assert isinstance(ours, Radiograph) and isinstance(theirs, Radiograph)
    np.testing.assert_array_equal(ours.pixels, theirs.pixels)
    assert theirs.pixels.dtype == ours.pixels.dtype and not theirs.pixels.flags.writeable
    assert (theirs.person, theirs.ids, theirs.windows) == (ours.person, ours.ids, ours.windows)


def test_a_large_film_crosses_unchanged_and_read_only(pool: ReaderPool, tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 4096, (1100, 901)).astype(np.uint16)
    path = tmp_path / "large.dcm"
    path.write_bytes(film(pixels))

    records = [pool.read(path) for _ in range(3)]

    for record in records:
        assert isinstance(record, Radiograph) and not record.pixels.flags.writeable
        np.testing.assert_array_equal(record.pixels, pixels)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("kill", "file.reader_killed"),
        ("greedy", "file.reader_memory"),
        ("bug", "file.reader_failed"),
        ("refuse", "film.too_large"),
    ],
)
def test_a_worker_that_goes_wrong_costs_its_own_file_only(
    pool: ReaderPool, good: Path, name: str, code: str
) -> None:
    futures = [pool.submit(path) for path in (good, Path(name), good, Path(name), good)]

    codes = [future.exception() for future in futures]

    assert [getattr(fault, "code", None) for fault in codes] == [None, code, None, code, None]


def test_a_worker_that_hangs_is_stopped_in_time(good: Path) -> None:
    with ReaderPool(1, 512, 5.0, reader=misbehave) as pool:
        futures = [pool.submit(path) for path in (Path("hang"), good)]

        stuck = futures[0].exception()

        assert isinstance(stuck, InputRejected)
        assert (stuck.code, stuck.params) == ("file.reader_timeout", {"seconds": 5.0})
        assert isinstance(futures[1].result(), Radiograph)


def test_a_refusal_keeps_its_values(pool: ReaderPool) -> None:
    assert _refusal(pool, "refuse").params == {"rows": 1, "columns": 2}


def test_a_fault_in_a_reader_tells_its_kind_and_no_patient(pool: ReaderPool) -> None:
    assert _refusal(pool, "bug").params == {"kind": "ZeroDivisionError"}


def test_a_missing_file_is_refused(pool: ReaderPool, tmp_path: Path) -> None:
    assert _refusal(pool, str(tmp_path / "none.dcm")).code == "file.not_found"


def test_a_closed_pool_finishes_its_jobs_and_takes_no_more(good: Path) -> None:
    pool = ReaderPool(1, 512, 10.0)
    futures = [pool.submit(good) for _ in range(5)]

    pool.close()
    pool.close()

    assert all(isinstance(future.result(), Radiograph) for future in futures)
    with pytest.raises(SystemFault):
        pool.submit(good)


@pytest.mark.parametrize(("workers", "memory", "timeout"), [(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)])
def test_a_pool_without_room_or_time_is_not_made(workers: int, memory: int, timeout: float) -> None:
    with pytest.raises(ValueError, match="workers"):
        ReaderPool(workers, memory, timeout)


def test_a_picture_stated_to_be_a_cell_crosses_the_border_unchanged(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "cell", "PNG")

    with ReaderPool(workers=1, memory_mb=512, timeout_s=60) as cells:
        found = cells.read(tmp_path / "cell", Stated(modality=Modality.PAP))

    assert isinstance(found, CellImage)
    assert (found.pixels == pixels).all()
