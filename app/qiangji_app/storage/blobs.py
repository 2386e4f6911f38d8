"""Content-addressed, encrypted files: on disk and read back before they exist for anyone."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from qiangji_app.domain.ids import is_uuid
from qiangji_app.storage import frames
from qiangji_app.storage.disk import fsync_folder, no_space_as_fault, open_private
from qiangji_app.storage.frames import Extent, Frames
from qiangji_app.storage.keys import Keys
from qiangji_app.storage.scratch import Scratch
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, StorageFault

#: Space that uploads leave to the database, so that reading and signing go on when they stop.
RESERVE_BYTES: Final = 200 * 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART = ".part"  # on its way
_PLACED = ".placed"  # second name of a file in place, until the upload is forgotten


class FileBlobs:
    """See ``ports.Blobs``.

    ``incoming/<upload id>.part`` grows frame by frame and survives a restart; a finished file is
    ``ab/cd/<sha256 of the plain bytes>``, and ``<upload id>.placed`` for a day.

    Parameters
    ----------
    folder
        Within the data folder.
    keys
        The key ring.
    reserve_bytes
        Free space below which nothing is accepted.
    scratch
        Where plain copies for reader processes go; memory when there is some.
    """

    def __init__(
        self,
        folder: Path,
        keys: Keys,
        *,
        reserve_bytes: int = RESERVE_BYTES,
        scratch: Scratch | None = None,
    ) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._keys = keys
        self._reserve = reserve_bytes
        self._scratch = scratch or Scratch()
        self._extents: dict[str, Extent] = {}
        for path in (folder, self._incoming):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            fsync_folder(path.parent)

    # --- uploads

    def start(self, upload_id: str, size: int) -> None:
        """Make room for an upload of so many bytes; nothing happens to one that was begun.

        Raises
        ------
        StorageFault
            ``storage.full``.
        InputRejected
            ``upload.bad_id``: no UUID.
        """
        if self._present(upload_id) is None:
            self._require_space(size)
            self._write_header(self._part(upload_id))

    def append(self, upload_id: str, offset: int, chunk: bytes) -> int:
        """Write a chunk at an offset of the plain bytes; returns how many are on disk.

        Bytes that are there already are skipped, so a repeated chunk does no harm. A part that
        was given up begins anew.

        Raises
        ------
        Conflict
            ``upload.offset``: there is a gap; ``received`` says where to go on.
            ``upload.finished``: more bytes for a file that is in place.
        StorageFault
            ``storage.full``, before anything of the chunk is accepted.
        """
        self.start(upload_id, len(chunk))
        with self._locked(upload_id) as (path, file):
            extent = self._extent(upload_id, file)
            if not 0 <= offset <= extent.plain:
                raise Conflict("upload.offset", received=extent.plain)
            fresh = chunk[extent.plain - offset :]
            if fresh and path.suffix == _PLACED:
                raise Conflict("upload.finished")
            if fresh:
                self._require_space(len(fresh))
                extent = self._grow(file, extent, fresh)
                self._extents[upload_id] = extent
            return extent.plain

    def received(self, upload_id: str) -> int:
        """Plain bytes on disk; 0 when nothing was begun."""
        if self._present(upload_id) is None:
            return 0
        with self._locked(upload_id) as (_, file):
            return self._extent(upload_id, file).plain

    def touched_at(self, upload_id: str) -> datetime | None:
        """When the last bytes of an upload came; None when nothing is there."""
        path = self._present(upload_id)
        try:
            return None if path is None else datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except FileNotFoundError:  # finished or given up this moment
            return None

    def finish(self, upload_id: str, sha256: str) -> None:
        """Check, make permanent, read back.

        File fsync, rename, folder fsync; then the bytes come back from the disk and are compared.
        A repeat after a crash finds the file in place and only reads it back.

        Raises
        ------
        InputRejected
            ``upload.checksum``: other bytes came than were announced; the part is dropped.
        NotFound
            ``upload.not_started``: nothing was begun.
        StorageFault
            ``storage.read_back``: the disk returns other bytes than were written.
        """
        target = self._target(sha256)
        with self._locked(upload_id) as (path, file):
            self._extent(upload_id, file)  # cuts an end torn by a crash
            if frames.plain_sha256(self._keys, file) != sha256:
                self.abandon(upload_id)
                raise InputRejected("upload.checksum")
            if path.suffix == _PART:
                # A second name: after a crash before the commit the upload is still known.
                placed = path.with_suffix(_PLACED)
                placed.unlink(missing_ok=True)
                placed.hardlink_to(path)
                self._place(file, path, target)
        self._extents.pop(upload_id, None)
        self._read_back(target, sha256)

    def abandon(self, upload_id: str) -> None:
        """Forget an upload; a file that is in place stays."""
        part = self._part(upload_id)
        for path in (part, part.with_suffix(_PLACED)):
            path.unlink(missing_ok=True)
        self._extents.pop(upload_id, None)

    # --- whole files

    def put(self, data: bytes) -> str:
        """Store bytes; returns their sha256.

        Raises
        ------
        StorageFault
            ``storage.full``, ``storage.read_back``.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        self._require_space(len(data))
        path = self._incoming / f"put-{secrets.token_hex(16)}{_PART}"
        try:
            self._write_header(path)
            with path.open("r+b", buffering=0) as file:
                self._grow(file, Extent(0, frames.HEADER_BYTES), data)
                self._place(file, path, self._target(sha256))
        finally:
            path.unlink(missing_ok=True)
        self._read_back(self._target(sha256), sha256)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The plain bytes.

        Raises
        ------
        StorageFault
            ``storage.blob_missing``, ``storage.blob_damaged``.
        """
        return b"".join(self._plain(sha256))

    @contextmanager
    def plain_path(self, sha256: str) -> Iterator[Path]:
        """A private decrypted copy for a reader process, in memory if possible; removed after.

        Raises
        ------
        StorageFault
            ``storage.blob_missing``, ``storage.blob_damaged``, ``storage.full``.
        """
        size = self._existing(sha256).stat().st_size
        with self._scratch.file(size) as (path, file):
            with no_space_as_fault():
                for part in self._plain(sha256):
                    file.write(part)
                file.flush()
            yield path

    # --- housekeeping

    def collect_orphans(self, referenced: frozenset[str], older_than: datetime) -> int:
        """Remove files nobody refers to and parts nobody went on with; returns how many.

        Only those last written before ``older_than`` (a day ago), because a file is in place
        before the row that refers to it is committed.
        """
        limit = older_than.timestamp()
        candidates = [path for path in self._folder.glob("??/??/*") if path.name not in referenced]
        candidates += self._incoming.iterdir()
        return sum(self._remove_older(path, limit) for path in candidates)

    def free_bytes(self) -> int:
        """Bytes that can still be accepted: free space less the reserve, 0 when below it."""
        state = os.statvfs(self._folder)
        return max(0, state.f_bavail * state.f_frsize - self._reserve)

    # --- steps of the above

    def _require_space(self, size: int) -> None:
        if self.free_bytes() < size:
            raise StorageFault("storage.full")

    def _write_header(self, path: Path) -> None:
        """Make a part file; of two that begin at once the first one's stays."""
        draft = path.with_name(f"{secrets.token_hex(16)}.draft")
        try:
            with no_space_as_fault(), draft.open("xb", buffering=0) as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(frames.new_header(self._keys))
                os.fsync(file.fileno())
                path.hardlink_to(draft)  # fails where a rename would replace
        except FileExistsError:
            return
        finally:
            draft.unlink(missing_ok=True)
        fsync_folder(self._incoming)

    def _grow(self, file: BinaryIO, extent: Extent, plain: bytes) -> Extent:
        """Append frames and fsync; a failure leaves the file as it was."""
        end = extent.file
        try:
            with no_space_as_fault():
                for frame in Frames(self._keys, frames.read_header(file)).seal(plain, extent.plain):
                    file.seek(end)
                    _write_all(file, frame)
                    end += len(frame)
                os.fsync(file.fileno())
        except StorageFault:
            file.truncate(extent.file)
            raise
        return Extent(extent.plain + len(plain), end)

    def _extent(self, upload_id: str, file: BinaryIO) -> Extent:
        """Where the upload stands; what a crash cut short behind it is removed."""
        size = os.fstat(file.fileno()).st_size
        known = self._extents.get(upload_id)
        if known is not None and known.file == size:
            return known
        found = frames.whole_extent(file, size)
        if found.file < size:
            file.truncate(found.file)
        self._extents[upload_id] = found
        return found

    def _place(self, file: BinaryIO, path: Path, target: Path) -> None:
        """File fsync, rename, folder fsync; the order is the promise of the whole module."""
        self._make_folder(target.parent)
        with self._collecting(fcntl.LOCK_SH):
            os.utime(file.fileno())  # young again: a collector that looks now leaves it alone
            os.fsync(file.fileno())
            path.replace(target)
            fsync_folder(target.parent)
        fsync_folder(self._incoming)

    def _make_folder(self, folder: Path) -> None:
        for path in (folder.parent, folder):
            if not path.exists():
                with no_space_as_fault():
                    path.mkdir(mode=0o700, exist_ok=True)
                    fsync_folder(path.parent)

    def _read_back(self, target: Path, sha256: str) -> None:
        with target.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # from disk, not cache
            try:
                is_same = frames.plain_sha256(self._keys, file) == sha256
            except StorageFault:
                is_same = False
        if not is_same:
            raise StorageFault("storage.read_back")

    def _plain(self, sha256: str) -> Iterator[bytes]:
        digest = hashlib.sha256()
        with self._existing(sha256).open("rb") as file:
            for part in Frames(self._keys, frames.read_header(file)).open(file):
                digest.update(part)
                yield part
        if digest.hexdigest() != sha256:
            raise StorageFault("storage.blob_damaged")

    def _existing(self, sha256: str) -> Path:
        path = self._target(sha256)
        if not path.exists():
            raise StorageFault("storage.blob_missing", sha256=sha256)
        return path

    def _target(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise InputRejected("upload.bad_sha256")
        return self._folder / sha256[:2] / sha256[2:4] / sha256

    def _part(self, upload_id: str) -> Path:
        if not is_uuid(upload_id):
            raise InputRejected("upload.bad_id")
        return self._incoming / f"{upload_id}{_PART}"

    def _present(self, upload_id: str) -> Path | None:
        part = self._part(upload_id)
        return next((path for path in (part, part.with_suffix(_PLACED)) if path.exists()), None)

    @contextmanager
    def _locked(self, upload_id: str) -> Iterator[tuple[Path, BinaryIO]]:
        """The file of an upload, ours alone among threads and processes."""
        path = self._present(upload_id)
        if path is None:
            raise NotFound("upload.not_started")
        try:
            file = path.open("r+b", buffering=0)
        except FileNotFoundError:
            raise Conflict("upload.busy") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if self._present(upload_id) != path:  # finished or given up while we waited
                raise Conflict("upload.busy")
            yield path, file

    @contextmanager
    def _collecting(self, mode: int) -> Iterator[None]:
        with open_private(self._folder / ".collect") as lock:
            fcntl.flock(lock, mode)
            yield

    def _remove_older(self, path: Path, limit: float) -> bool:
        """Look and remove in one step, so that a file put in place meanwhile is not lost."""
        with self._collecting(fcntl.LOCK_EX):
            try:
                if path.stat().st_mtime >= limit:
                    return False
            except FileNotFoundError:
                return False
            path.unlink()
            return True


def _write_all(file: BinaryIO, data: bytes) -> None:
    """Unbuffered files may write less than they were given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
