"""Requests that went up together: whence a case was split; what a file was said to show."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns; no case of before was split, nothing was said of any file."""
    op.add_column(
        "clinical_case",
        sa.Column("split_from", sa.String(64), nullable=False, server_default=""),
    )
    op.create_index("ix_clinical_case_split_from", "clinical_case", ["split_from"])
    op.add_column("upload", sa.Column("modality", sa.String(16), nullable=False, server_default=""))
