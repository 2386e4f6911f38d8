"""Uploads under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from qiangji_app.ports import Upload
from qiangji_app.storage.crypto import FieldCipher
from qiangji_app.storage.rows import Rows, Values
from qiangji_app.storage.tables import upload
from qiangji_datasets.errors import NotFound


class SqlUploads:
    """Uploads of one transaction."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, upload_id: str) -> Upload | None:
        """One upload."""
        statement = select(upload).where(upload.c.upload_id == upload_id)
        return self._rows.one(statement, self._to_upload)

    def add(self, added: Upload) -> None:
        """Add an upload.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(upload, _values(added, self._rows.cipher))

    def save(self, changed: Upload) -> None:
        """Replace an upload.

        Raises
        ------
        NotFound
            ``upload.not_found``.
        """
        statement = update(upload).where(upload.c.upload_id == changed.upload_id)
        if not self._rows.run(statement.values(**_values(changed, self._rows.cipher))):
            raise NotFound("upload.not_found")

    def of_case(self, case_id: str) -> Sequence[Upload]:
        """Uploads of a case in the order they were begun."""
        statement = select(upload).where(upload.c.case_id == case_id).order_by(upload.c.seq)
        return self._rows.all(statement, self._to_upload)

    def receiving_since_before(self, at: datetime) -> Sequence[Upload]:
        """Unfinished uploads that were begun before an instant: candidates for giving up."""
        statement = (
            select(upload)
            .where(upload.c.state == "receiving", upload.c.created_at < at)
            .order_by(upload.c.seq)
        )
        return self._rows.all(statement, self._to_upload)

    def _to_upload(self, row: Row[Any]) -> Upload:
        fields = dict(row._mapping)
        del fields["seq"]
        sealed = fields.pop("sealed_file_name")
        name = self._rows.cipher.open(sealed, _context(row.upload_id))
        return Upload(**fields, file_name=name)


def _values(item: Upload, cipher: FieldCipher) -> Values:
    values = asdict(item)
    name = values.pop("file_name")
    return values | {"sealed_file_name": cipher.seal(name, _context(item.upload_id))}


def _context(upload_id: str) -> str:
    return f"upload.sealed_file_name:{upload_id}"
