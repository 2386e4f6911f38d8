"""Tables of the database. Identity is in ``person*`` only; ``sealed*`` columns are encrypted."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from qiangji_app.domain.workflow import State
from qiangji_app.storage.columns import (
    both_or_neither as _both_or_neither,
)
from qiangji_app.storage.columns import (
    id_column as _id,
)
from qiangji_app.storage.columns import (
    metadata,
)
from qiangji_app.storage.columns import (
    one_of as _one_of,
)
from qiangji_app.storage.columns import (
    sequence as _seq,
)
from qiangji_app.storage.columns import (
    text_column as _text,
)
from qiangji_app.storage.times import UtcInstant

#: The Alembic revision these tables belong to.
REVISION: Final = "0006"

node = Table(
    "node",
    metadata,
    Column("id", String(64), primary_key=True),
    _text("key_check", 64),
    Column("created_at", UtcInstant, nullable=False),
)

chain_head = Table(
    "chain_head",
    metadata,
    Column("node_id", ForeignKey("node.id"), primary_key=True),
    Column("chain", String(16), primary_key=True),
    Column("node_seq", BigInteger, nullable=False),
    _text("hash", 64),
    _text("mac", 64),
    CheckConstraint("node_seq >= 0", name="node_seq"),
)

event = Table(
    "event",
    metadata,
    Column("node_id", String(64), primary_key=True),
    Column("chain", String(16), primary_key=True),
    Column("node_seq", BigInteger, primary_key=True, autoincrement=False),
    _id(),
    _text("prev_hash", 64),
    _text("hash", 64),
    Column("at", UtcInstant, nullable=False),
    _text("actor_id", 64),
    _text("case_id", 64),
    _text("type", 64),
    Column("schema_version", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    UniqueConstraint("id"),
    CheckConstraint("node_seq > 0", name="node_seq"),
    _one_of("chain", ("changes", "reads"), "chain"),
    Index("ix_event_case_id", "case_id", "chain"),
)

person = Table(
    "person",
    metadata,
    _seq(),
    _id(),
    Column("created_at", UtcInstant, nullable=False),
    Column("erased_at", UtcInstant),
    UniqueConstraint("id"),
)

person_identity = Table(
    "person_identity",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

person_lookup = Table(
    "person_lookup",
    metadata,
    Column("person_id", ForeignKey("person.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    _text("digest", 64),
    Index("ix_person_lookup_digest", "kind", "digest"),
)

site = Table(
    "site",
    metadata,
    _seq(),
    _id(),
    _text("name"),
    _text("kind", 16),
    Column("parent_id", ForeignKey("site.id")),
    _text("phone", 64),
    _text("time_zone", 64),
    Column("is_active", Boolean, nullable=False),
    UniqueConstraint("id"),
    CheckConstraint("parent_id IS NULL OR parent_id <> id", name="not_own_parent"),
)

account = Table(
    "account",
    metadata,
    _seq(),
    _id(),
    _text("login"),
    _text("display_name"),
    _text("password_hash"),
    _text("roles", 400),
    _text("site_id", 64),
    _text("licence_number"),
    _text("sign_modalities"),
    Column("is_active", Boolean, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    Column("failed_logins", Integer, nullable=False),
    Column("locked_until", UtcInstant),
    _text("language", 8),
    Column("temporary_until", UtcInstant),
    UniqueConstraint("id"),
    UniqueConstraint("login"),
    CheckConstraint("failed_logins >= 0", name="failed_logins"),
    CheckConstraint("login <> ''", name="login"),
)

session = Table(
    "session",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("user_id", ForeignKey("account.id"), nullable=False, index=True),
    _text("csrf_token"),
    Column("created_at", UtcInstant, nullable=False),
    Column("last_seen_at", UtcInstant, nullable=False),
    Column("unlocked_until", UtcInstant),
)

clinical_case = Table(
    "clinical_case",
    metadata,
    _seq(),
    _id(),
    Column("site_id", ForeignKey("site.id"), nullable=False),
    Column("person_id", ForeignKey("person.id"), nullable=False, index=True),
    _text("modality", 16),
    _text("state", 16),
    Column("created_at", UtcInstant, nullable=False),
    _text("created_by", 64),
    Column("revision", Integer, nullable=False),
    Column("submitted_at", UtcInstant),
    _text("claimed_by", 64),
    Column("claimed_at", UtcInstant),
    _text("triage", 16),
    Column("urgency_level", Integer, nullable=False),
    Column("urgency_reasons", Text, nullable=False),
    _text("requested", 16),
    Column("onset_at", UtcInstant),
    Column("sealed_text", LargeBinary, nullable=False),
    Column("report_version", Integer, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    Column("split_from", String(64), nullable=False, index=True),
    UniqueConstraint("id"),
    CheckConstraint("revision >= 0", name="revision"),
    CheckConstraint("report_version >= 0", name="report_version"),
    _one_of("state", tuple(state.value for state in State), "state"),
    _both_or_neither("claimed_by", "claimed_at", "claim"),
    CheckConstraint("state <> 'claimed' OR claimed_by <> ''", name="claimed_by_somebody"),
    CheckConstraint(
        "state IN ('draft', 'withdrawn') OR submitted_at IS NOT NULL", name="submitted_once"
    ),
    CheckConstraint(
        "state NOT IN ('signed', 'acknowledged', 'closed') OR report_version > 0",
        name="result_has_report",
    ),
    Index("ix_clinical_case_worklist", "state", "urgency_level", "submitted_at"),
    Index("ix_clinical_case_site", "site_id", "state"),
)


def _case() -> Column[str]:
    return Column("case_id", ForeignKey("clinical_case.id"), nullable=False, index=True)


recording = Table(
    "recording",
    metadata,
    _seq(),
    _id(),
    _case(),
    Column("blob_sha256", String(64), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("sealed_file_name", LargeBinary, nullable=False),
    _text("state", 16),
    Column("received_at", UtcInstant, nullable=False),
    Column("acquired_at", UtcInstant),
    _text("modality", 16),
    Column("sealed_facts", LargeBinary, nullable=False),
    Column("sealed_reading", LargeBinary, nullable=False),
    _text("map_blob_sha256", 64),
    UniqueConstraint("id"),
    CheckConstraint("size >= 0", name="size"),
    CheckConstraint("length(blob_sha256) = 64", name="blob_sha256"),
)

finding = Table(
    "finding",
    metadata,
    _seq(),
    _id(),
    _case(),
    Column("recording_id", ForeignKey("recording.id"), nullable=False, index=True),
    _text("source", 16),
    _text("label", 64),
    Column("probability", Float(53)),
    _text("flag", 16),
    _text("operating_point"),
    _text("bundle_name"),
    _text("bundle_version", 64),
    _text("bundle_sha256", 64),
    _text("code_system"),
    _text("code", 64),
    _text("suppressed_by", 64),
    _text("verdict", 16),
    _text("verdict_by", 64),
    Column("verdict_at", UtcInstant),
    _text("verdict_label", 64),
    UniqueConstraint("id"),
    CheckConstraint("probability IS NULL OR probability BETWEEN 0 AND 1", name="probability"),
    _both_or_neither("verdict_by", "verdict_at", "verdict"),
    CheckConstraint("(verdict = 'open') = (verdict_by = '')", name="verdict_by_somebody"),
)

draft_report = Table(
    "draft_report",
    metadata,
    Column("case_id", ForeignKey("clinical_case.id"), primary_key=True),
    _text("author_id", 64),
    Column("sealed_content", LargeBinary, nullable=False),
    Column("saved_at", UtcInstant, nullable=False),
    Column("amends_version", Integer, nullable=False),
    CheckConstraint("amends_version >= 0", name="amends_version"),
    CheckConstraint("author_id <> ''", name="author"),
)

signed_report = Table(
    "signed_report",
    metadata,
    Column("case_id", ForeignKey("clinical_case.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("sealed_content", LargeBinary, nullable=False),
    _text("signer_id", 64),
    _text("signer_name"),
    _text("signer_licence"),
    Column("signed_at", UtcInstant, nullable=False),
    Column("recording_sha256", Text, nullable=False),
    _text("content_sha256", 64),
    Column("ai_assisted", Boolean, nullable=False),
    Column("superseded_by", Integer, nullable=False),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint("superseded_by = 0 OR superseded_by > version", name="superseded_by"),
    CheckConstraint("signer_id <> ''", name="signer"),
    CheckConstraint("length(content_sha256) = 64", name="content_sha256"),
)

acknowledgement = Table(
    "acknowledgement",
    metadata,
    _seq(),
    _id("case_id"),
    Column("report_version", Integer, nullable=False),
    _text("user_id", 64),
    Column("at", UtcInstant, nullable=False),
    Column("sealed_note", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["case_id", "report_version"], ["signed_report.case_id", "signed_report.version"]
    ),
    UniqueConstraint("case_id", "report_version", "user_id"),
)

critical_call = Table(
    "critical_call",
    metadata,
    _seq(),
    _id(),
    _case(),
    _text("raised_by", 64),
    Column("raised_at", UtcInstant, nullable=False),
    _text("code", 64),
    Column("sealed_text", LargeBinary, nullable=False),
    _text("outcome", 32),
    _text("confirmed_by", 64),
    Column("confirmed_at", UtcInstant),
    UniqueConstraint("id"),
    CheckConstraint("raised_by <> ''", name="raised_by"),
    _both_or_neither("confirmed_by", "confirmed_at", "confirmation"),
)

message = Table(
    "message",
    metadata,
    _seq(),
    _id(),
    _case(),
    _text("author_id", 64),
    Column("at", UtcInstant, nullable=False),
    _text("kind", 16),
    _text("reason_code", 64),
    Column("sealed_text", LargeBinary, nullable=False),
    UniqueConstraint("id"),
)

upload = Table(
    "upload",
    metadata,
    _seq(),
    _id("upload_id"),
    _case(),
    _text("recording_id", 64),
    _text("user_id", 64),
    _text("site_id", 64),
    Column("sealed_file_name", LargeBinary, nullable=False),
    _text("modality", 16),
    Column("size", BigInteger, nullable=False),
    _text("sha256", 64),
    Column("received", BigInteger, nullable=False),
    _text("state", 16),
    _text("error_code", 64),
    Column("created_at", UtcInstant, nullable=False),
    UniqueConstraint("upload_id"),
    _one_of("state", ("receiving", "stored", "failed"), "state"),
    CheckConstraint("received BETWEEN 0 AND size", name="received"),
    CheckConstraint("state <> 'stored' OR received = size", name="stored_whole"),
    CheckConstraint("state <> 'failed' OR error_code <> ''", name="failed_why"),
)

job = Table(
    "job",
    metadata,
    _seq(),
    _text("kind", 64),
    _text("key"),
    Column("due_at", UtcInstant, nullable=False),
    Column("leased_until", UtcInstant),
    Column("is_wanted_again", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    _text("error_code", 64),
    UniqueConstraint("kind", "key"),
    CheckConstraint("attempts >= 0", name="attempts"),
    Index("ix_job_due", "kind", "due_at"),
)
