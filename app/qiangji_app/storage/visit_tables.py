"""Tables of visits, advice, registers, follow-ups and notifiable diseases."""

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
    String,
    Table,
    UniqueConstraint,
)

from qiangji_app.domain.register import FollowUpClass, PlanKind, RegisterKind
from qiangji_app.domain.visit import Decision
from qiangji_app.storage.columns import (
    both_or_neither,
    id_column,
    metadata,
    one_of,
    sequence,
    text_column,
)
from qiangji_app.storage.times import UtcInstant


def _person() -> Column[str]:
    return Column("person_id", ForeignKey("person.id"), nullable=False, index=True)


def _site() -> Column[str]:
    return Column("site_id", ForeignKey("site.id"), nullable=False)


def _kind() -> CheckConstraint:
    return one_of("kind", tuple(kind.value for kind in RegisterKind), "kind")


visit = Table(
    "visit",
    metadata,
    sequence(),
    id_column(),
    _person(),
    _site(),
    text_column("doctor_id", 64),
    Column("at", UtcInstant, nullable=False),
    Column("sealed_content", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    UniqueConstraint("id"),
    CheckConstraint("revision >= 0", name="revision"),
    CheckConstraint("doctor_id <> ''", name="doctor"),
    Index("ix_visit_site", "site_id", "at"),
)

advice = Table(
    "advice",
    metadata,
    sequence(),
    id_column(),
    Column("visit_id", ForeignKey("visit.id"), nullable=False, index=True),
    _person(),
    _site(),
    Column("given_at", UtcInstant, nullable=False),
    text_column("rule"),
    text_column("pack"),
    text_column("edition"),
    text_column("version", 64),
    text_column("outcome", 16),
    text_column("urgency", 16),
    text_column("topic", 64),
    text_column("inputs_sha256", 64),
    Column("sealed_content", LargeBinary, nullable=False),
    text_column("decision", 16),
    text_column("decided_by", 64),
    Column("decided_at", UtcInstant),
    text_column("reason_code", 32),
    Column("sealed_reason", LargeBinary, nullable=False),
    UniqueConstraint("id"),
    UniqueConstraint("visit_id", "rule", "version", "inputs_sha256"),
    one_of("decision", tuple(one.value for one in Decision), "decision"),
    both_or_neither("decided_by", "decided_at", "decided"),
    CheckConstraint("(decision = 'open') = (decided_by = '')", name="decided_by_somebody"),
    CheckConstraint("decision <> 'overridden' OR reason_code <> ''", name="overridden_why"),
)

enrolment = Table(
    "enrolment",
    metadata,
    sequence(),
    id_column(),
    _person(),
    _site(),
    text_column("kind", 16),
    Column("enrolled_at", UtcInstant, nullable=False),
    text_column("enrolled_by", 64),
    Column("since", Date),
    Column("sealed_number", LargeBinary, nullable=False),
    Column("next_due", Date),
    Column("ended_at", UtcInstant),
    text_column("ended_by", 64),
    text_column("end_reason", 32),
    Column("is_demo", Boolean, nullable=False),
    UniqueConstraint("id"),
    _kind(),
    both_or_neither("ended_by", "ended_at", "end"),
    Index(
        "uq_enrolment_open",
        "person_id",
        "kind",
        unique=True,
        sqlite_where=Column("ended_at", UtcInstant).is_(None),
        postgresql_where=Column("ended_at", UtcInstant).is_(None),
    ),
    Index("ix_enrolment_due", "site_id", "kind", "next_due"),
)

follow_up = Table(
    "follow_up",
    metadata,
    sequence(),
    id_column(),
    Column("enrolment_id", ForeignKey("enrolment.id"), nullable=False, index=True),
    _person(),
    _site(),
    text_column("kind", 16),
    Column("day", Date, nullable=False),
    Column("recorded_at", UtcInstant, nullable=False),
    text_column("recorded_by", 64),
    text_column("standard"),
    Column("sealed_fields", LargeBinary, nullable=False),
    Column("category", String(24)),
    Column("is_controlled", Boolean),
    Column("is_referred", Boolean, nullable=False),
    Column("next_due", Date),
    text_column("visit_id", 64),
    UniqueConstraint("id"),
    _kind(),
    one_of("category", tuple(one.value for one in FollowUpClass), "category"),
    Index("ix_follow_up_site", "site_id", "kind", "day"),
)

plan = Table(
    "plan",
    metadata,
    sequence(),
    id_column(),
    _person(),
    _site(),
    text_column("kind", 16),
    text_column("topic", 64),
    Column("due_on", Date, nullable=False),
    text_column("ref", 64),
    Column("made_at", UtcInstant, nullable=False),
    text_column("made_by", 64),
    Column("done_at", UtcInstant),
    text_column("done_by", 64),
    UniqueConstraint("id"),
    one_of("kind", tuple(one.value for one in PlanKind), "kind"),
    both_or_neither("done_by", "done_at", "done"),
    Index("ix_plan_due", "site_id", "due_on"),
    Index("ix_plan_ref", "ref"),
)

disease_report = Table(
    "disease_report",
    metadata,
    sequence(),
    id_column(),
    Column("case_id", ForeignKey("clinical_case.id"), nullable=False),
    _person(),
    _site(),
    text_column("disease", 32),
    Column("report_version", Integer, nullable=False),
    Column("began_at", UtcInstant, nullable=False),
    Column("due_at", UtcInstant, nullable=False),
    text_column("filer_id", 64),
    Column("filed_at", UtcInstant),
    Column("arrived_on", Date),
    text_column("arrived_by", 64),
    Column("sealed_text", LargeBinary, nullable=False),
    UniqueConstraint("id"),
    UniqueConstraint("case_id", "disease"),
    CheckConstraint("filed_at IS NULL OR filer_id <> ''", name="filed_by_somebody"),
    both_or_neither("arrived_by", "arrived_on", "arrival"),
    Index("ix_disease_report_site", "site_id", "filed_at"),
)
