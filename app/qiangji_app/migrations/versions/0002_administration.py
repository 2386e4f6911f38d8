"""Passwords that must be replaced; sites that are no longer active."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns; every account keeps its password, every site stays active."""
    op.add_column(
        "account", sa.Column("temporary_until", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "site", sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true())
    )
