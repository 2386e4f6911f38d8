"""Tables of referrals and their follow-ups: texts are sealed, identity is in ``person``."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from qiangji_app.domain.referral_workflow import ReferralState
from qiangji_app.storage.columns import (
    both_or_neither,
    id_column,
    metadata,
    one_of,
    sequence,
)
from qiangji_app.storage.columns import text_column as text
from qiangji_app.storage.times import UtcInstant

referral = Table(
    "referral",
    metadata,
    sequence(),
    id_column(),
    text("direction", 8),
    text("state", 16),
    Column("from_site_id", ForeignKey("site.id"), nullable=False),
    Column("target_site_id", ForeignKey("site.id"), nullable=False),
    Column("home_site_id", ForeignKey("site.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    text("urgency", 16),
    text("past_targets", 800),
    Column("created_at", UtcInstant, nullable=False),
    text("created_by", 64),
    Column("revision", Integer, nullable=False),
    Column("requested_at", UtcInstant),
    Column("answered_at", UtcInstant),
    Column("arrived_at", UtcInstant),
    Column("down_at", UtcInstant),
    Column("ended_at", UtcInstant),
    Column("is_demo", Boolean, nullable=False),
    Column("sealed_text", LargeBinary, nullable=False),
    UniqueConstraint("id"),
    CheckConstraint("revision >= 0", name="revision"),
    one_of("direction", ("up", "down"), "direction"),
    one_of("state", tuple(state.value for state in ReferralState), "state"),
    CheckConstraint(
        "direction = 'down' OR state IN ('draft', 'cancelled') OR requested_at IS NOT NULL",
        name="requested_once",
    ),
    CheckConstraint("state <> 'referred_down' OR down_at IS NOT NULL", name="down_once"),
    Index("ix_referral_target", "target_site_id", "state"),
    Index("ix_referral_from", "from_site_id", "state"),
)

referral_follow_up = Table(
    "referral_follow_up",
    metadata,
    sequence(),
    id_column(),
    Column("referral_id", ForeignKey("referral.id"), nullable=False, index=True),
    Column("person_id", ForeignKey("person.id"), nullable=False),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    text("kind", 16),
    Column("due_on", Date, nullable=False),
    Column("attempts", Integer, nullable=False),
    text("outcome", 16),
    Column("done_at", UtcInstant),
    text("done_by", 64),
    text("void_reason", 16),
    Column("sealed_text", LargeBinary, nullable=False),
    UniqueConstraint("id"),
    CheckConstraint("attempts >= 0", name="attempts"),
    one_of("kind", ("emergency", "plan"), "kind"),
    both_or_neither("done_by", "done_at", "done"),
    Index("ix_referral_follow_up_due", "site_id", "due_on"),
)
