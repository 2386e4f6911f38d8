"""What services need from the outside world; storage, clock and inference implement these."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from qiangji_app.domain.account import Account, Session
from qiangji_app.domain.audit import Verification
from qiangji_app.domain.case import (
    Acknowledgement,
    Case,
    CriticalCall,
    Finding,
    Message,
    Recording,
)
from qiangji_app.domain.events import Event, Payload
from qiangji_app.domain.person import Patient
from qiangji_app.domain.recognition import RecognitionAct
from qiangji_app.domain.referral import Referral
from qiangji_app.domain.referral_follow_up import ReferralFollowUp
from qiangji_app.domain.referral_workflow import ReferralState
from qiangji_app.domain.report import DraftReport, SignedReport
from qiangji_app.domain.roles import Site
from qiangji_app.domain.workflow import State
from qiangji_app.visit_ports import Registers, Visits


class Clock(Protocol):
    """Where time comes from; always UTC-aware."""

    def now(self) -> datetime: ...


class Ids(Protocol):
    """Where ids come from (UUIDv7 text)."""

    def new(self) -> str: ...


@dataclass(frozen=True)
class Upload:
    """A file on its way in. ``state`` is receiving, stored or failed.

    ``upload_id`` is made by the client: repeating it is the same upload. ``modality`` is what a
    person said that the file shows; empty where it is left to the reader.
    """

    upload_id: str
    case_id: str
    recording_id: str
    user_id: str
    site_id: str
    file_name: str
    size: int
    sha256: str
    received: int
    state: str
    error_code: str
    created_at: datetime
    modality: str = ""


@dataclass(frozen=True)
class CaseQuery:
    """Which cases to list.

    ``order`` is ``worklist`` (urgency, then waiting), ``newest`` or ``results`` (calls that nobody
    confirmed, then reports that nobody took note of, both by urgency, then all others; the newest
    of each first). ``urgency_at_least`` is an ``UrgencyLevel``; 0 does not filter. ``families``
    are cases: they and all that were split from them.
    """

    site_ids: frozenset[str] | None = None  # None: all sites
    states: frozenset[State] | None = None
    modalities: frozenset[str] | None = None
    claimed_by: str = ""
    person_id: str = ""
    families: frozenset[str] = frozenset()
    urgency_at_least: int = 0
    order: str = "newest"
    limit: int | None = 100  # None: all
    offset: int = 0


@dataclass(frozen=True)
class EventQuery:
    """Which events of a chain to list, the newest first; empty fields do not filter.

    ``type`` is the beginning of an event type, up to a dot: ``case``, ``report.signed``.
    """

    type: str = ""
    actor_id: str = ""
    case_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    offset: int = 0


class Cases(Protocol):
    """Cases and everything attached to them. ``add``/``save`` raise Conflict on a clash."""

    def get(self, case_id: str) -> Case | None: ...
    def add(self, case: Case) -> None: ...
    def save(self, case: Case) -> Case:
        """Store; the revision must be the stored one, and grows by one (returned)."""
        ...

    def find(self, query: CaseQuery) -> Sequence[Case]: ...
    def count(self, query: CaseQuery) -> int: ...
    def recordings(self, case_id: str) -> Sequence[Recording]: ...
    def recording(self, recording_id: str) -> Recording | None: ...
    def add_recording(self, recording: Recording) -> None: ...
    def save_recording(self, recording: Recording) -> None: ...
    def remove_recording(self, recording_id: str) -> None: ...
    def referenced_blobs(self) -> frozenset[str]:
        """sha256 of every blob that a recording needs."""
        ...

    def findings(self, case_id: str) -> Sequence[Finding]: ...
    def replace_findings(self, recording_id: str, findings: Sequence[Finding]) -> None: ...
    def save_finding(self, finding: Finding) -> None: ...
    def finding(self, finding_id: str) -> Finding | None: ...
    def draft(self, case_id: str) -> DraftReport | None: ...
    def save_draft(self, draft: DraftReport) -> None: ...
    def remove_draft(self, case_id: str) -> None: ...
    def signed(self, case_id: str) -> Sequence[SignedReport]: ...
    def add_signed(self, report: SignedReport) -> None:
        """Store a version and mark the one before it superseded."""
        ...

    def acknowledgements(self, case_id: str) -> Sequence[Acknowledgement]: ...
    def add_acknowledgement(self, acknowledgement: Acknowledgement) -> None: ...
    def calls(self, case_id: str) -> Sequence[CriticalCall]: ...
    def open_calls(self, site_ids: frozenset[str] | None) -> Sequence[CriticalCall]: ...
    def call(self, call_id: str) -> CriticalCall | None: ...
    def add_call(self, call: CriticalCall) -> None: ...
    def save_call(self, call: CriticalCall) -> None: ...
    def messages(self, case_id: str) -> Sequence[Message]: ...
    def add_message(self, message: Message) -> None: ...


@dataclass(frozen=True)
class ReferralQuery:
    """Which referrals to list; None does not filter.

    A referral is found where its sender or home is among ``from_site_ids``, or a site that was
    asked among ``target_site_ids``. ``since``: opened, sent or referred down from then on.
    """

    from_site_ids: frozenset[str] | None = None
    target_site_ids: frozenset[str] | None = None
    states: frozenset[ReferralState] | None = None
    person_id: str = ""
    since: datetime | None = None
    limit: int | None = None


@dataclass(frozen=True)
class FollowUpQuery:
    """Which follow-ups to list; ``is_due`` leaves out what is done or void."""

    site_ids: frozenset[str] | None = None
    referral_id: str = ""
    person_id: str = ""
    is_due: bool = False


class Referrals(Protocol):
    """Referrals and their follow-ups. ``add``/``save`` raise Conflict on a clash."""

    def get(self, referral_id: str) -> Referral | None: ...
    def add(self, added: Referral) -> None: ...
    def save(self, changed: Referral) -> Referral:
        """Store; the revision must be the stored one, and grows by one (returned)."""
        ...

    def find(self, query: ReferralQuery) -> Sequence[Referral]: ...
    def follow_up(self, follow_up_id: str) -> ReferralFollowUp | None: ...
    def follow_ups(self, query: FollowUpQuery) -> Sequence[ReferralFollowUp]: ...
    def add_follow_up(self, added: ReferralFollowUp) -> None: ...
    def save_follow_up(self, changed: ReferralFollowUp) -> None: ...


@dataclass(frozen=True)
class RecognitionQuery:
    """Which acts of recognition to list; empty fields do not filter."""

    case_site_ids: frozenset[str] | None = None
    case_id: str = ""
    user_id: str = ""
    since: datetime | None = None
    limit: int = 100
    offset: int = 0


class Recognitions(Protocol):
    """Acts of recognition, append-only."""

    def get(self, act_id: str) -> RecognitionAct | None: ...
    def add(self, act: RecognitionAct) -> None: ...
    def find(self, query: RecognitionQuery) -> Sequence[RecognitionAct]: ...


class Persons(Protocol):
    """The only place of identity; encrypted at rest, found by blind index."""

    def get(self, person_id: str) -> Patient | None:
        """None when unknown or erased."""
        ...

    def add(self, person_id: str, patient: Patient) -> None: ...
    def save(self, person_id: str, patient: Patient) -> None: ...
    def erase(self, person_id: str) -> None:
        """Forget the identity; cases and chains stay valid."""
        ...

    def is_used(self, person_id: str, *, besides: Sequence[str] = ()) -> bool:
        """True when a case, referral, visit or register uses the row; ``besides``: their ids."""
        ...

    def forget_unused(self, person_id: str) -> None:
        """Forget a row that nothing uses any more; nothing happens to one that is in use."""
        ...

    def find_by_id_number(self, id_number: str) -> Sequence[str]: ...
    def find_by_identifier(self, issuer: str, patient_id: str) -> Sequence[str]: ...
    def find_by_name(self, name: str) -> Sequence[str]:
        """Person ids with the same normalised name."""
        ...


class Accounts(Protocol):
    """Accounts, sites and sessions."""

    def get(self, user_id: str) -> Account | None: ...
    def by_login(self, login: str) -> Account | None: ...
    def add(self, account: Account) -> None: ...
    def save(self, account: Account) -> None: ...
    def all(self) -> Sequence[Account]: ...
    def sites(self) -> Sequence[Site]: ...
    def add_site(self, site: Site) -> None: ...
    def save_site(self, site: Site) -> None: ...
    def session(self, token_sha256: str) -> Session | None: ...
    def add_session(self, session: Session) -> None: ...
    def save_session(self, session: Session) -> None: ...
    def touch_session(self, token_sha256: str, at: datetime) -> None:
        """Note when a session was used, and change nothing else of it."""
        ...

    def remove_session(self, token_sha256: str) -> None: ...
    def remove_sessions_of(self, user_id: str) -> None: ...
    def seen_since(self, at: datetime) -> frozenset[str]:
        """Ids of accounts with a session that was used since an instant."""
        ...


class Uploads(Protocol):
    """Uploads under way."""

    def get(self, upload_id: str) -> Upload | None: ...
    def add(self, upload: Upload) -> None: ...
    def save(self, upload: Upload) -> None: ...
    def of_case(self, case_id: str) -> Sequence[Upload]: ...
    def receiving_since_before(self, at: datetime) -> Sequence[Upload]:
        """Unfinished uploads begun before an instant: candidates for giving up."""
        ...


class Events(Protocol):
    """The hash-chained log; written in the transaction of the change."""

    def append(
        self, *, type: str, actor_id: str, case_id: str = "", payload: Payload | None = None
    ) -> Event: ...
    def of_case(self, case_id: str) -> Sequence[Event]: ...
    def find(self, query: EventQuery) -> Sequence[Event]: ...
    def count(self, query: EventQuery) -> int: ...
    def version(self) -> str:
        """Another text whenever an event was appended, on whatever node; cheap to ask."""
        ...


class Jobs(Protocol):
    """Work to do after the transaction: durable, at least once."""

    def add(self, kind: str, key: str) -> None:
        """Queue; the same kind and key twice is one job."""
        ...

    def claim(self, kind: str, now: datetime) -> str | None:
        """Key of the next job that is due, leased for some minutes; None when idle."""
        ...

    def attempts(self, kind: str, key: str) -> int:
        """How often a job was claimed since its worker was last heard of; 0 when there is none."""
        ...

    def done(self, kind: str, key: str) -> None: ...
    def retry(self, kind: str, key: str, at: datetime, error_code: str) -> None: ...


class Unit(Protocol):
    """One transaction: begins immediately, commits only when ``commit`` is called."""

    cases: Cases
    referrals: Referrals
    recognitions: Recognitions
    persons: Persons
    accounts: Accounts
    uploads: Uploads
    events: Events
    reads: Events
    jobs: Jobs
    visits: Visits
    registers: Registers

    def commit(self) -> None: ...


class Store(Protocol):
    """The database."""

    def begin(self) -> AbstractContextManager[Unit]:
        """A write transaction (BEGIN IMMEDIATE on SQLite); rolled back unless committed."""
        ...

    def read(self) -> AbstractContextManager[Unit]:
        """A read-only snapshot."""
        ...

    def verify(self) -> Verification:
        """Check both chains, the heads written elsewhere, and every signed report."""
        ...


class Blobs(Protocol):
    """Content-addressed, encrypted files, fsynced before they exist."""

    def start(self, upload_id: str, size: int) -> None:
        """Make room for ``size`` bytes; StorageFault ``storage.full`` when there is none."""
        ...

    def append(self, upload_id: str, offset: int, chunk: bytes) -> int:
        """Write a chunk at an offset; returns bytes on disk after fsync.

        Raises StorageFault ``storage.full`` before anything is accepted when space is short.
        """
        ...

    def received(self, upload_id: str) -> int: ...
    def touched_at(self, upload_id: str) -> datetime | None:
        """When the last bytes of an upload came; None when nothing is there."""
        ...

    def finish(self, upload_id: str, sha256: str) -> None:
        """fsync, rename into place by sha256, fsync the folder, read back and compare.

        Raises InputRejected ``upload.checksum`` when the bytes differ.
        """
        ...

    def abandon(self, upload_id: str) -> None: ...
    def put(self, data: bytes) -> str:
        """Store bytes durably; returns the sha256."""
        ...

    def get(self, sha256: str) -> bytes: ...
    def plain_path(self, sha256: str) -> AbstractContextManager[Path]:
        """A private decrypted copy for a reader process, removed afterwards."""
        ...

    def collect_orphans(self, referenced: frozenset[str], older_than: datetime) -> int: ...
    def free_bytes(self) -> int: ...


class Passwords(Protocol):
    """Argon2."""

    def hash(self, password: str) -> str: ...
    def verify(self, password: str, password_hash: str) -> bool: ...
    def decoy(self) -> str:
        """A hash that no password matches, as costly to verify as a real one."""
        ...
