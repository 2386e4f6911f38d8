"""Visits and advice, registers with follow-ups and plans, clocks of notifiable diseases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KINDS = "kind IN ('hypertension', 'diabetes', 'copd', 'elderly', 'pregnant', 'child')"
_INSTANT = sa.DateTime(timezone=True)


def _text(name: str, length: int = 200) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _keys() -> tuple[sa.Column[int], sa.Column[str], sa.Column[str], sa.Column[str]]:
    """Columns that every table of this revision has."""
    sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return (
        sa.Column("seq", sequence, primary_key=True, autoincrement=True),
        _text("id", 64),
        sa.Column("person_id", sa.String(64), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("site_id", sa.String(64), sa.ForeignKey("site.id"), nullable=False),
    )


def _both(who: str, when: str) -> str:
    return f"({who} = '') = ({when} IS NULL)"


def upgrade() -> None:
    """Add six tables; nothing that was stored before changes."""
    _visits()
    _registers()
    _dues()
    for table in ("visit", "advice", "enrolment", "follow_up", "plan", "disease_report"):
        op.create_index(f"ix_{table}_person_id", table, ["person_id"])


def _visits() -> None:
    op.create_table(
        "visit",
        *_keys(),
        _text("doctor_id", 64),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("id", name="uq_visit_id"),
        sa.CheckConstraint("revision >= 0", name=op.f("ck_visit_revision")),
        sa.CheckConstraint("doctor_id <> ''", name=op.f("ck_visit_doctor")),
    )
    op.create_index("ix_visit_site", "visit", ["site_id", "at"])
    op.create_table(
        "advice",
        *_keys(),
        sa.Column("visit_id", sa.String(64), nullable=False),
        sa.Column("given_at", _INSTANT, nullable=False),
        *(_text(name) for name in ("rule", "pack", "edition")),
        _text("version", 64),
        *(_text(name, 16) for name in ("outcome", "urgency")),
        *(_text(name, 64) for name in ("topic", "inputs_sha256")),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=False),
        _text("decision", 16),
        _text("decided_by", 64),
        sa.Column("decided_at", _INSTANT),
        _text("reason_code", 32),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"]),
        sa.UniqueConstraint("id", name="uq_advice_id"),
        sa.UniqueConstraint(
            "visit_id",
            "rule",
            "version",
            "inputs_sha256",
            name="uq_advice_visit_id_rule_version_inputs_sha256",
        ),
        sa.CheckConstraint(
            "decision IN ('open', 'accepted', 'overridden')", name=op.f("ck_advice_decision")
        ),
        sa.CheckConstraint(_both("decided_by", "decided_at"), name=op.f("ck_advice_decided")),
        sa.CheckConstraint(
            "(decision = 'open') = (decided_by = '')", name=op.f("ck_advice_decided_by_somebody")
        ),
        sa.CheckConstraint(
            "decision <> 'overridden' OR reason_code <> ''", name=op.f("ck_advice_overridden_why")
        ),
    )
    op.create_index("ix_advice_visit_id", "advice", ["visit_id"])


def _registers() -> None:
    op.create_table(
        "enrolment",
        *_keys(),
        _text("kind", 16),
        sa.Column("enrolled_at", _INSTANT, nullable=False),
        _text("enrolled_by", 64),
        sa.Column("since", sa.Date()),
        sa.Column("sealed_number", sa.LargeBinary(), nullable=False),
        sa.Column("next_due", sa.Date()),
        sa.Column("ended_at", _INSTANT),
        _text("ended_by", 64),
        _text("end_reason", 32),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("id", name="uq_enrolment_id"),
        sa.CheckConstraint(_KINDS, name=op.f("ck_enrolment_kind")),
        sa.CheckConstraint(_both("ended_by", "ended_at"), name=op.f("ck_enrolment_end")),
    )
    is_open = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_enrolment_open",
        "enrolment",
        ["person_id", "kind"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("ix_enrolment_due", "enrolment", ["site_id", "kind", "next_due"])
    op.create_table(
        "follow_up",
        *_keys(),
        sa.Column("enrolment_id", sa.String(64), nullable=False),
        _text("kind", 16),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        _text("recorded_by", 64),
        _text("standard"),
        sa.Column("sealed_fields", sa.LargeBinary(), nullable=False),
        sa.Column("category", sa.String(24)),
        sa.Column("is_controlled", sa.Boolean()),
        sa.Column("is_referred", sa.Boolean(), nullable=False),
        sa.Column("next_due", sa.Date()),
        _text("visit_id", 64),
        sa.ForeignKeyConstraint(["enrolment_id"], ["enrolment.id"]),
        sa.UniqueConstraint("id", name="uq_follow_up_id"),
        sa.CheckConstraint(_KINDS, name=op.f("ck_follow_up_kind")),
        sa.CheckConstraint(
            "category IN ('satisfied', 'unsatisfied', 'adverse_reaction', 'complication')",
            name=op.f("ck_follow_up_category"),
        ),
    )
    op.create_index("ix_follow_up_enrolment_id", "follow_up", ["enrolment_id"])
    op.create_index("ix_follow_up_site", "follow_up", ["site_id", "kind", "day"])


def _dues() -> None:
    op.create_table(
        "plan",
        *_keys(),
        _text("kind", 16),
        _text("topic", 64),
        sa.Column("due_on", sa.Date(), nullable=False),
        _text("ref", 64),
        sa.Column("made_at", _INSTANT, nullable=False),
        _text("made_by", 64),
        sa.Column("done_at", _INSTANT),
        _text("done_by", 64),
        sa.UniqueConstraint("id", name="uq_plan_id"),
        sa.CheckConstraint("kind IN ('register', 'advice')", name=op.f("ck_plan_kind")),
        sa.CheckConstraint(_both("done_by", "done_at"), name=op.f("ck_plan_done")),
    )
    op.create_index("ix_plan_due", "plan", ["site_id", "due_on"])
    op.create_index("ix_plan_ref", "plan", ["ref"])
    op.create_table(
        "disease_report",
        *_keys(),
        sa.Column("case_id", sa.String(64), sa.ForeignKey("clinical_case.id"), nullable=False),
        _text("disease", 32),
        sa.Column("report_version", sa.Integer(), nullable=False),
        sa.Column("began_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=False),
        _text("filer_id", 64),
        sa.Column("filed_at", _INSTANT),
        sa.Column("arrived_on", sa.Date()),
        _text("arrived_by", 64),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("id", name="uq_disease_report_id"),
        sa.UniqueConstraint("case_id", "disease", name="uq_disease_report_case_id_disease"),
        sa.CheckConstraint(
            "filed_at IS NULL OR filer_id <> ''", name=op.f("ck_disease_report_filed_by_somebody")
        ),
        sa.CheckConstraint(
            _both("arrived_by", "arrived_on"), name=op.f("ck_disease_report_arrival")
        ),
    )
    op.create_index("ix_disease_report_site", "disease_report", ["site_id", "filed_at"])
