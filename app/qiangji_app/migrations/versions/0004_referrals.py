"""Two-way referral: referrals, and the follow-ups that stay due after them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def upgrade() -> None:
    """Add both tables; there were no referrals before."""
    _referrals()
    _follow_ups()


def _referrals() -> None:
    op.create_table(
        "referral",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        _text("id", 64),
        _text("direction", 8),
        _text("state", 16),
        _text("from_site_id", 64),
        _text("target_site_id", 64),
        _text("home_site_id", 64),
        _text("person_id", 64),
        _text("urgency", 16),
        _text("past_targets", 800),
        _instant("created_at", nullable=False),
        _text("created_by", 64),
        sa.Column("revision", sa.Integer(), nullable=False),
        _instant("requested_at"),
        _instant("answered_at"),
        _instant("arrived_at"),
        _instant("down_at"),
        _instant("ended_at"),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("revision >= 0", name="ck_referral_revision"),
        sa.CheckConstraint("direction IN ('up', 'down')", name="ck_referral_direction"),
        sa.CheckConstraint(
            "state IN ('draft', 'requested', 'redirected', 'accepted', 'declined', 'arrived', "
            "'in_care', 'referred_down', 'closed', 'cancelled')",
            name="ck_referral_state",
        ),
        sa.CheckConstraint(
            "direction = 'down' OR state IN ('draft', 'cancelled') OR requested_at IS NOT NULL",
            name="ck_referral_requested_once",
        ),
        sa.CheckConstraint(
            "state <> 'referred_down' OR down_at IS NOT NULL", name="ck_referral_down_once"
        ),
        sa.ForeignKeyConstraint(["from_site_id"], ["site.id"], name="fk_referral_from_site_id"),
        sa.ForeignKeyConstraint(["target_site_id"], ["site.id"], name="fk_referral_target_site_id"),
        sa.ForeignKeyConstraint(["home_site_id"], ["site.id"], name="fk_referral_home_site_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_referral_person_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_referral"),
        sa.UniqueConstraint("id", name="uq_referral_id"),
    )
    op.create_index("ix_referral_person_id", "referral", ["person_id"])
    op.create_index("ix_referral_target", "referral", ["target_site_id", "state"])
    op.create_index("ix_referral_from", "referral", ["from_site_id", "state"])


def _follow_ups() -> None:
    op.create_table(
        "referral_follow_up",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        _text("id", 64),
        _text("referral_id", 64),
        _text("person_id", 64),
        _text("site_id", 64),
        _text("kind", 16),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _text("outcome", 16),
        _instant("done_at"),
        _text("done_by", 64),
        _text("void_reason", 16),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("attempts >= 0", name="ck_referral_follow_up_attempts"),
        sa.CheckConstraint("kind IN ('emergency', 'plan')", name="ck_referral_follow_up_kind"),
        sa.CheckConstraint("(done_by = '') = (done_at IS NULL)", name="ck_referral_follow_up_done"),
        sa.ForeignKeyConstraint(
            ["referral_id"], ["referral.id"], name="fk_referral_follow_up_referral_id"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name="fk_referral_follow_up_person_id"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_referral_follow_up_site_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_referral_follow_up"),
        sa.UniqueConstraint("id", name="uq_referral_follow_up_id"),
    )
    op.create_index("ix_referral_follow_up_referral_id", "referral_follow_up", ["referral_id"])
    op.create_index("ix_referral_follow_up_due", "referral_follow_up", ["site_id", "due_on"])
