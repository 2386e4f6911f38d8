"""Acts of recognition: the table, and reading and writing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    UniqueConstraint,
    select,
)

from qiangji_app.domain.recognition import Basis, RecognitionAct, RecognitionKind
from qiangji_app.ports import RecognitionQuery
from qiangji_app.storage.columns import id_column, metadata, one_of, sequence
from qiangji_app.storage.columns import text_column as text
from qiangji_app.storage.rows import Rows
from qiangji_app.storage.times import UtcInstant

recognition = Table(
    "recognition",
    metadata,
    sequence(),
    id_column(),
    Column("case_id", ForeignKey("clinical_case.id"), nullable=False, index=True),
    Column("report_version", Integer, nullable=False),
    text("kind", 16),
    text("user_id", 64),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("case_site_id", ForeignKey("site.id"), nullable=False),
    Column("at", UtcInstant, nullable=False),
    text("code", 32),
    text("basis", 16),
    text("document", 32),
    text("referral_id", 64),
    UniqueConstraint("id"),
    CheckConstraint("report_version > 0", name="report_version"),
    one_of("kind", tuple(kind.value for kind in RecognitionKind), "kind"),
    one_of("basis", ("", *(basis.value for basis in Basis)), "basis"),
    CheckConstraint("kind <> 'refused' OR code <> ''", name="refused_why"),
    CheckConstraint("kind <> 'opened' OR (code <> '' AND basis <> '')", name="opened_why"),
    Index("ix_recognition_case_site", "case_site_id", "seq"),
)


class SqlRecognitions:
    """Acts of one transaction; see ``ports.Recognitions``."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def get(self, act_id: str) -> RecognitionAct | None:
        """One act."""
        return self._rows.one(select(recognition).where(recognition.c.id == act_id), _to_act)

    def add(self, act: RecognitionAct) -> None:
        """Add an act.

        Raises
        ------
        Conflict
            The id is taken.
        """
        self._rows.insert(
            recognition,
            {
                "id": act.id,
                "case_id": act.case_id,
                "report_version": act.report_version,
                "kind": act.kind.value,
                "user_id": act.user_id,
                "site_id": act.site_id,
                "case_site_id": act.case_site_id,
                "at": act.at,
                "code": act.code,
                "basis": act.basis.value if act.basis else "",
                "document": act.document,
                "referral_id": act.referral_id,
            },
        )

    def find(self, query: RecognitionQuery) -> Sequence[RecognitionAct]:
        """Acts, the newest first."""
        columns = recognition.c
        statement = select(recognition)
        if query.case_site_ids is not None:
            statement = statement.where(columns.case_site_id.in_(query.case_site_ids))
        if query.case_id:
            statement = statement.where(columns.case_id == query.case_id)
        if query.user_id:
            statement = statement.where(columns.user_id == query.user_id)
        if query.since is not None:
            statement = statement.where(columns.at >= query.since)
        statement = statement.order_by(columns.seq.desc()).limit(query.limit)
        return self._rows.all(statement.offset(query.offset), _to_act)


def _to_act(row: Row[Any]) -> RecognitionAct:
    return RecognitionAct(
        id=row.id,
        case_id=row.case_id,
        report_version=row.report_version,
        kind=RecognitionKind(row.kind),
        user_id=row.user_id,
        site_id=row.site_id,
        case_site_id=row.case_site_id,
        at=row.at,
        code=row.code,
        basis=Basis(row.basis) if row.basis else None,
        document=row.document,
        referral_id=row.referral_id,
    )
