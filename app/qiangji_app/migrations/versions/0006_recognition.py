"""Recognition: who opened a result of another site, who recognised or refused it, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def upgrade() -> None:
    """Add the table; nothing was recognised before."""
    op.create_table(
        "recognition",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        _text("id", 64),
        _text("case_id", 64),
        sa.Column("report_version", sa.Integer(), nullable=False),
        _text("kind", 16),
        _text("user_id", 64),
        _text("site_id", 64),
        _text("case_site_id", 64),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        _text("code", 32),
        _text("basis", 16),
        _text("document", 32),
        _text("referral_id", 64),
        sa.CheckConstraint("report_version > 0", name="ck_recognition_report_version"),
        sa.CheckConstraint(
            "kind IN ('opened', 'recognised', 'refused')", name="ck_recognition_kind"
        ),
        sa.CheckConstraint("basis IN ('', 'referral', 'present')", name="ck_recognition_basis"),
        sa.CheckConstraint("kind <> 'refused' OR code <> ''", name="ck_recognition_refused_why"),
        sa.CheckConstraint(
            "kind <> 'opened' OR (code <> '' AND basis <> '')", name="ck_recognition_opened_why"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["clinical_case.id"], name="fk_recognition_case_id"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_recognition_site_id"),
        sa.ForeignKeyConstraint(["case_site_id"], ["site.id"], name="fk_recognition_case_site_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_recognition"),
        sa.UniqueConstraint("id", name="uq_recognition_id"),
    )
    op.create_index("ix_recognition_case_id", "recognition", ["case_id"])
    op.create_index("ix_recognition_case_site", "recognition", ["case_site_id", "seq"])
