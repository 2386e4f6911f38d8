"""First schema: node and chains, persons, accounts, cases, uploads, jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Signed content never changes; only the mark that a later version took its place may be set.
_SIGNED_COLUMNS = (
    "case_id, version, sealed_content, signer_id, signer_name, signer_licence, signed_at, "
    "recording_sha256, content_sha256, ai_assisted"
)
# Trigger name, act and table that are refused.
_FROZEN = (
    ("event_no_update", "UPDATE", "event"),
    ("event_no_delete", "DELETE", "event"),
    ("signed_report_no_update", f"UPDATE OF {_SIGNED_COLUMNS}", "signed_report"),
    ("signed_report_no_delete", "DELETE", "signed_report"),
)


def upgrade() -> None:
    """Create everything."""
    _create_tables()
    _freeze()


def _freeze() -> None:
    """Append-only tables refuse changes by the program; the hash chain shows all others."""
    if op.get_bind().dialect.name == "sqlite":
        for name, act, table in _FROZEN:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION qiangji_frozen() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for name, act, table in _FROZEN:
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION qiangji_frozen()"
        )


def _create_tables() -> None:
    op.create_table(
        "account",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("login", sa.String(length=200), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("roles", sa.String(length=400), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("licence_number", sa.String(length=200), nullable=False),
        sa.Column("sign_modalities", sa.String(length=200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("failed_logins", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.CheckConstraint("login <> ''", name="ck_account_login"),
        sa.CheckConstraint("failed_logins >= 0", name="ck_account_failed_logins"),
        sa.PrimaryKeyConstraint("seq", name="pk_account"),
        sa.UniqueConstraint("id", name="uq_account_id"),
        sa.UniqueConstraint("login", name="uq_account_login"),
    )
    op.create_table(
        "event",
        sa.Column("node_id", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.String(length=16), nullable=False),
        sa.Column("node_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.CheckConstraint("chain IN ('changes', 'reads')", name="ck_event_chain"),
        sa.CheckConstraint("node_seq > 0", name="ck_event_node_seq"),
        sa.PrimaryKeyConstraint("node_id", "chain", "node_seq", name="pk_event"),
        sa.UniqueConstraint("id", name="uq_event_id"),
    )
    op.create_index("ix_event_case_id", "event", ["case_id", "chain"], unique=False)
    op.create_table(
        "job",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_wanted_again", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=False),
        sa.CheckConstraint("attempts >= 0", name="ck_job_attempts"),
        sa.PrimaryKeyConstraint("seq", name="pk_job"),
        sa.UniqueConstraint("kind", "key", name="uq_job_kind_key"),
    )
    op.create_index("ix_job_due", "job", ["kind", "due_at"], unique=False)
    op.create_table(
        "node",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key_check", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_node"),
    )
    op.create_table(
        "person",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_person"),
        sa.UniqueConstraint("id", name="uq_person_id"),
    )
    op.create_table(
        "site",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("parent_id", sa.String(length=64), nullable=True),
        sa.Column("phone", sa.String(length=64), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.CheckConstraint("parent_id IS NULL OR parent_id <> id", name="ck_site_not_own_parent"),
        sa.ForeignKeyConstraint(["parent_id"], ["site.id"], name="fk_site_parent_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_site"),
        sa.UniqueConstraint("id", name="uq_site_id"),
    )
    op.create_table(
        "chain_head",
        sa.Column("node_id", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.String(length=16), nullable=False),
        sa.Column("node_seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.CheckConstraint("node_seq >= 0", name="ck_chain_head_node_seq"),
        sa.ForeignKeyConstraint(["node_id"], ["node.id"], name="fk_chain_head_node_id"),
        sa.PrimaryKeyConstraint("node_id", "chain", name="pk_chain_head"),
    )
    op.create_table(
        "clinical_case",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("triage", sa.String(length=16), nullable=False),
        sa.Column("urgency_level", sa.Integer(), nullable=False),
        sa.Column("urgency_reasons", sa.Text(), nullable=False),
        sa.Column("requested", sa.String(length=16), nullable=False),
        sa.Column("onset_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column("report_version", sa.Integer(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(claimed_by = '') = (claimed_at IS NULL)", name="ck_clinical_case_claim"
        ),
        sa.CheckConstraint(
            "state <> 'claimed' OR claimed_by <> ''", name="ck_clinical_case_claimed_by_somebody"
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'claimed', 'returned', "
            "'signed', 'acknowledged', 'closed', 'withdrawn')",
            name="ck_clinical_case_state",
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'withdrawn') OR submitted_at IS NOT NULL",
            name="ck_clinical_case_submitted_once",
        ),
        sa.CheckConstraint(
            "state NOT IN ('signed', 'acknowledged', 'closed') OR report_version > 0",
            name="ck_clinical_case_result_has_report",
        ),
        sa.CheckConstraint("report_version >= 0", name="ck_clinical_case_report_version"),
        sa.CheckConstraint("revision >= 0", name="ck_clinical_case_revision"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_clinical_case_person_id"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_clinical_case_site_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_clinical_case"),
        sa.UniqueConstraint("id", name="uq_clinical_case_id"),
    )
    op.create_index(("ix_clinical_case_person_id"), "clinical_case", ["person_id"], unique=False)
    op.create_index("ix_clinical_case_site", "clinical_case", ["site_id", "state"], unique=False)
    op.create_index(
        "ix_clinical_case_worklist",
        "clinical_case",
        ["state", "urgency_level", "submitted_at"],
        unique=False,
    )
    op.create_table(
        "person_identity",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_person_identity_person_id"),
        sa.PrimaryKeyConstraint("person_id", name="pk_person_identity"),
    )
    op.create_table(
        "person_lookup",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_person_lookup_person_id"),
        sa.PrimaryKeyConstraint("person_id", "kind", name="pk_person_lookup"),
    )
    op.create_index("ix_person_lookup_digest", "person_lookup", ["kind", "digest"], unique=False)
    op.create_table(
        "session",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("csrf_token", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("unlocked_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["account.id"], name="fk_session_user_id"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_session"),
    )
    op.create_index(("ix_session_user_id"), "session", ["user_id"], unique=False)
    op.create_table(
        "critical_call",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("raised_by", sa.String(length=64), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("confirmed_by", sa.String(length=64), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(confirmed_by = '') = (confirmed_at IS NULL)", name="ck_critical_call_confirmation"
        ),
        sa.CheckConstraint("raised_by <> ''", name="ck_critical_call_raised_by"),
        sa.ForeignKeyConstraint(["case_id"], ["clinical_case.id"], name="fk_critical_call_case_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_critical_call"),
        sa.UniqueConstraint("id", name="uq_critical_call_id"),
    )
    op.create_index(("ix_critical_call_case_id"), "critical_call", ["case_id"], unique=False)
    op.create_table(
        "draft_report",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("author_id", sa.String(length=64), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amends_version", sa.Integer(), nullable=False),
        sa.CheckConstraint("author_id <> ''", name="ck_draft_report_author"),
        sa.CheckConstraint("amends_version >= 0", name="ck_draft_report_amends_version"),
        sa.ForeignKeyConstraint(["case_id"], ["clinical_case.id"], name="fk_draft_report_case_id"),
        sa.PrimaryKeyConstraint("case_id", name="pk_draft_report"),
    )
    op.create_table(
        "message",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("author_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason_code", sa.String(length=64), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["clinical_case.id"], name="fk_message_case_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_message"),
        sa.UniqueConstraint("id", name="uq_message_id"),
    )
    op.create_index(("ix_message_case_id"), "message", ["case_id"], unique=False)
    op.create_table(
        "recording",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("blob_sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sealed_file_name", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("sealed_facts", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_reading", sa.LargeBinary(), nullable=False),
        sa.Column("map_blob_sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint("length(blob_sha256) = 64", name="ck_recording_blob_sha256"),
        sa.CheckConstraint("size >= 0", name="ck_recording_size"),
        sa.ForeignKeyConstraint(["case_id"], ["clinical_case.id"], name="fk_recording_case_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_recording"),
        sa.UniqueConstraint("id", name="uq_recording_id"),
    )
    op.create_index(("ix_recording_blob_sha256"), "recording", ["blob_sha256"], unique=False)
    op.create_index(("ix_recording_case_id"), "recording", ["case_id"], unique=False)
    op.create_table(
        "signed_report",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=False),
        sa.Column("signer_id", sa.String(length=64), nullable=False),
        sa.Column("signer_name", sa.String(length=200), nullable=False),
        sa.Column("signer_licence", sa.String(length=200), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recording_sha256", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("ai_assisted", sa.Boolean(), nullable=False),
        sa.Column("superseded_by", sa.Integer(), nullable=False),
        sa.CheckConstraint("signer_id <> ''", name="ck_signed_report_signer"),
        sa.CheckConstraint("length(content_sha256) = 64", name="ck_signed_report_content_sha256"),
        sa.CheckConstraint(
            "superseded_by = 0 OR superseded_by > version", name="ck_signed_report_superseded_by"
        ),
        sa.CheckConstraint("version > 0", name="ck_signed_report_version"),
        sa.ForeignKeyConstraint(["case_id"], ["clinical_case.id"], name="fk_signed_report_case_id"),
        sa.PrimaryKeyConstraint("case_id", "version", name="pk_signed_report"),
    )
    op.create_table(
        "upload",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("upload_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("recording_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("sealed_file_name", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error_code", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state <> 'failed' OR error_code <> ''", name="ck_upload_failed_why"),
        sa.CheckConstraint("state <> 'stored' OR received = size", name="ck_upload_stored_whole"),
        sa.CheckConstraint("state IN ('receiving', 'stored', 'failed')", name="ck_upload_state"),
        sa.CheckConstraint("received BETWEEN 0 AND size", name="ck_upload_received"),
        sa.ForeignKeyConstraint(["case_id"], ["clinical_case.id"], name="fk_upload_case_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_upload"),
        sa.UniqueConstraint("upload_id", name="uq_upload_upload_id"),
    )
    op.create_index(("ix_upload_case_id"), "upload", ["case_id"], unique=False)
    op.create_table(
        "acknowledgement",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("report_version", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_note", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id", "report_version"],
            ["signed_report.case_id", "signed_report.version"],
            name="fk_acknowledgement_case_id_report_version",
        ),
        sa.PrimaryKeyConstraint("seq", name="pk_acknowledgement"),
        sa.UniqueConstraint(
            "case_id",
            "report_version",
            "user_id",
            name="uq_acknowledgement_case_id_report_version_user_id",
        ),
    )
    op.create_table(
        "finding",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("recording_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("probability", sa.Float(precision=53), nullable=True),
        sa.Column("flag", sa.String(length=16), nullable=False),
        sa.Column("operating_point", sa.String(length=200), nullable=False),
        sa.Column("bundle_name", sa.String(length=200), nullable=False),
        sa.Column("bundle_version", sa.String(length=64), nullable=False),
        sa.Column("bundle_sha256", sa.String(length=64), nullable=False),
        sa.Column("code_system", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("suppressed_by", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("verdict_by", sa.String(length=64), nullable=False),
        sa.Column("verdict_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict_label", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "(verdict = 'open') = (verdict_by = '')", name="ck_finding_verdict_by_somebody"
        ),
        sa.CheckConstraint("(verdict_by = '') = (verdict_at IS NULL)", name="ck_finding_verdict"),
        sa.CheckConstraint(
            "probability IS NULL OR probability BETWEEN 0 AND 1", name="ck_finding_probability"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["clinical_case.id"], name="fk_finding_case_id"),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name="fk_finding_recording_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_finding"),
        sa.UniqueConstraint("id", name="uq_finding_id"),
    )
    op.create_index(("ix_finding_case_id"), "finding", ["case_id"], unique=False)
    op.create_index(("ix_finding_recording_id"), "finding", ["recording_id"], unique=False)
