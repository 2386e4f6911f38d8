"""A small installation for tests: real SQLite, real files, real Argon2 (cheap), scripted reader."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from qiangji_app.bootstrap import catalogue
from qiangji_app.domain.case import (
    Case,
    ClinicalRequest,
    Finding,
    FindingSource,
    RecordingState,
    RequestedUrgency,
)
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import ReportContent, SignedReport, draft_digest
from qiangji_app.domain.roles import Role, Site, SiteKind
from qiangji_app.services import capture, followup, recordings, review, sessions, uploading
from qiangji_app.services.accounts import add_site, create_account
from qiangji_app.services.calling import CallContent
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.imaging import RecordCache
from qiangji_app.services.triage import Outcome
from qiangji_app.storage.blobs import FileBlobs
from qiangji_app.storage.ids import SystemIds
from qiangji_app.storage.keys import open_keys
from qiangji_app.storage.passwords import CHEAP, Argon2Passwords
from qiangji_app.storage.store import SqlStore, open_store
from qiangji_datasets.errors import InputRejected
from qiangji_datasets.records import PersonIdentity, Radiograph, Record, StudyIds, View

PASSWORD = "a long enough password"
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

SITES = (
    Site("county", "县医院", SiteKind.COUNTY, None),
    Site("east", "东镇卫生院", SiteKind.TOWNSHIP, "county"),
    Site("west", "西镇卫生院", SiteKind.TOWNSHIP, "county"),
    Site("hill", "山村卫生室", SiteKind.VILLAGE, "east"),
)

#: Login to (role, site); specialists sign films and ECGs unless named otherwise.
PEOPLE: dict[str, tuple[Role, str]] = {
    "operator": (Role.OPERATOR, "east"),
    "township": (Role.TOWNSHIP_DOCTOR, "east"),
    "village": (Role.VILLAGE_DOCTOR, "hill"),
    "specialist": (Role.SPECIALIST, "county"),
    "specialist2": (Role.SPECIALIST, "county"),
    "ecg_only": (Role.SPECIALIST, "county"),
    "receiving": (Role.RECEIVING_DOCTOR, "county"),
    "manager": (Role.COUNTY_MANAGER, "county"),
    "system": (Role.SYSTEM_ADMINISTRATOR, "county"),
    "security": (Role.SECURITY_ADMINISTRATOR, "county"),
    "auditor": (Role.AUDITOR, "county"),
    "developer": (Role.DEVELOPER, "county"),
    "stranger": (Role.TOWNSHIP_DOCTOR, "west"),
}


class SteppingClock:
    """Time that only moves when a test says so."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        """The present instant, UTC."""
        return self.at

    def step(self, **delta: float) -> None:
        """Move on."""
        self.at += timedelta(**delta)


@dataclass
class ScriptedReader:
    """A reader port that answers what a test prepared, by the file's bytes."""

    outcomes: dict[bytes, Outcome] = field(default_factory=dict)
    records: dict[bytes, Record] = field(default_factory=dict)
    stated: list[Mapping[str, object]] = field(default_factory=list)
    fault: BaseException | None = None  # what reading ends in, while a test says so

    def triage(self, path: Path, *, stated: Mapping[str, object]) -> Outcome:
        """The prepared outcome, else an unremarkable film."""
        self.stated.append(dict(stated))
        if self.fault is not None:
            raise self.fault
        return self.outcomes.get(path.read_bytes(), outcome())

    def decode(self, path: Path, *, stated: Mapping[str, object]) -> Record:
        """The prepared record."""
        self.stated.append(dict(stated))
        found = self.records.get(path.read_bytes())
        if found is None:
            raise InputRejected("file.unknown")
        return found


def outcome(
    *,
    status: str = "done",
    modality: str = "cxr",
    state: RecordingState = RecordingState.READ,
    person: Patient | None = None,
    hints: Mapping[str, str] | None = None,
    reasons: tuple[tuple[str, int, str], ...] = (),
    gate_codes: tuple[str, ...] = (),
    maps: bytes = b"",
    acquired_at: datetime | None = START,
) -> Outcome:
    """An outcome of reading one file, made just now; ``hints`` maps label to flag."""
    return Outcome(
        state=state,
        modality=modality,
        facts={"kind": "film" if modality == "cxr" else "ecg", "notices": []},
        reading={
            "status": status,
            "gate_codes": list(gate_codes),
            "quality": [],
            "reasons": [
                {"code": code, "level": level, "source": source, "params": {}}
                for code, level, source in reasons
            ],
        },
        person=person,
        acquired_at=acquired_at,
        findings=tuple(finding(label, flag) for label, flag in (hints or {}).items()),
        maps=maps,
    )


def finding(label: str, flag: str) -> Finding:
    """An AI hint as triage makes it."""
    return Finding(
        id="",
        case_id="",
        recording_id="",
        source=FindingSource.AI,
        label=label,
        probability=0.8,
        flag=flag,
        operating_point="sensitive",
        bundle_name="cxr-adult",
        bundle_version="0.1.0",
        bundle_sha256="0" * 64,
    )


class County:
    """A running installation and the people in it."""

    def __init__(self, folder: Path, *, has_people: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._blobs = folder / "blobs"
        self.clock = SteppingClock()
        self.reader = ScriptedReader()
        self.woken = 0
        keys = open_keys(folder / "keys")
        ids = SystemIds(self.clock)
        self.store: SqlStore = open_store(
            f"sqlite:///{folder / 'q.db'}",
            keys=keys,
            clock=self.clock,
            ids=ids,
            heads_folder=folder / "keys" / "heads",
        )
        self.ctx = Context(
            store=self.store,
            blobs=FileBlobs(self._blobs, keys, reserve_bytes=1),
            clock=self.clock,
            ids=ids,
            passwords=Argon2Passwords(CHEAP),
            reader=self.reader,
            cache=RecordCache(),
            catalogue=catalogue(),
            wake=self._wake,
            is_demo=True,
        )
        self._callers: dict[str, Caller] = {}
        with self.store.read() as unit:
            is_empty = not unit.accounts.all()
        if is_empty and has_people:
            self._people()

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    def _wake(self) -> None:
        self.woken += 1

    def _people(self) -> None:
        for one in SITES:
            add_site(self.ctx, None, one)
        for login, (role, site_id) in PEOPLE.items():
            is_specialist = role is Role.SPECIALIST
            signs = {"ecg"} if login == "ecg_only" else {"cxr", "ecg"}
            create_account(
                self.ctx,
                None,
                login=login,
                password=PASSWORD,
                display_name=login.title(),
                roles=frozenset({role}),
                site_id=site_id,
                licence_number="L-1" if is_specialist else "",
                sign_modalities=frozenset(signs) if is_specialist else frozenset(),
                is_demo=True,
            )

    def caller(self, login: str) -> Caller:
        """Somebody signed in."""
        if login not in self._callers:
            self._callers[login] = sessions.sign_in(self.ctx, login, PASSWORD)[1]
        return self._callers[login]

    def unlocked(self, login: str) -> Caller:
        """Somebody who has just entered the password again."""
        return sessions.unlock(self.ctx, self.caller(login), PASSWORD)

    def case(self, case_id: str) -> Case:
        """The case as stored."""
        with self.store.read() as unit:
            found = unit.cases.get(case_id)
        assert found is not None
        return found

    def bytes_came_last(self, upload_id: str, at: datetime) -> None:
        """Date what there is of an upload; the file system's clock is the machine's."""
        (part,) = self._blobs.rglob(f"{upload_id}*")
        os.utime(part, (at.timestamp(), at.timestamp()))

    def draft(self, *, by: str = "operator", modality: str = "cxr", name: str = "赵某") -> str:
        """A draft with a request form; returns its id."""
        actor = self.caller(by).actor
        case_id = str(uuid.uuid4())
        capture.open_case(self.ctx, actor, case_id, modality)
        if name:
            patient = Patient(name=name, sex="F", age_years=60)
            capture.set_request(self.ctx, actor, case_id, patient, ClinicalRequest())
        return case_id

    def upload(self, case_id: str, content: bytes = b"film", *, by: str = "operator") -> str:
        """Store a file and triage it; returns the recording id."""
        actor = self.caller(by).actor
        upload_id = str(uuid.uuid4())
        uploading.start(
            self.ctx,
            actor,
            upload_id=upload_id,
            case_id=case_id,
            file_name="a.dcm",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        done = uploading.append(self.ctx, actor, upload_id, 0, content)
        recordings.triage_recording(self.ctx, done.recording_id)
        return done.recording_id

    def read_all(self) -> None:
        """Work the queue to its end."""
        while recordings.run_next(self.ctx):
            pass

    def submitted(self, *, by: str = "operator", content: bytes = b"film") -> str:
        """A case in the worklist."""
        case_id = self.draft(by=by)
        self.upload(case_id, content, by=by)
        capture.submit(self.ctx, self.caller(by).actor, case_id)
        return case_id

    def claimed(self, *, by: str = "specialist", content: bytes = b"film") -> str:
        """A case in a specialist's hands."""
        case_id = self.submitted(content=content)
        review.claim(self.ctx, self.caller(by).actor, case_id)
        return case_id

    def sign(self, caller: Caller, case_id: str, call: CallContent | None = None) -> SignedReport:
        """Sign what is stored, nothing when nothing is; with a call where one is given."""
        with self.store.read() as unit:
            draft = unit.cases.draft(case_id)
        named = draft_digest(draft.content) if draft else ""
        return review.sign(self.ctx, caller, case_id, named, call=call)

    def signed(self, *, by: str = "specialist") -> str:
        """A case with a signed report."""
        case_id = self.claimed(by=by)
        review.save_draft(self.ctx, self.caller(by).actor, case_id, content())
        self.sign(self.unlocked(by), case_id)
        return case_id

    def acknowledged(self) -> str:
        """A case that the township took note of."""
        case_id = self.signed()
        followup.acknowledge(self.ctx, self.caller("township").actor, case_id, 1)
        return case_id

    def set_request(
        self, case_id: str, requested: RequestedUrgency, *, by: str = "operator"
    ) -> None:
        """Change what the requester asks."""
        with self.store.read() as unit:
            case = unit.cases.get(case_id)
            patient = unit.persons.get(case.person_id) if case else None
        assert patient is not None
        clinical = replace(ClinicalRequest(), requested=requested)
        capture.set_request(self.ctx, self.caller(by).actor, case_id, patient, clinical)


def small_film() -> Radiograph:
    """A frontal film of a few pixels."""
    pixels = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
    return Radiograph(
        pixels=pixels, bits_stored=12, view=View.PA, person=PersonIdentity(), ids=StudyIds()
    )


def content(impression: str = "未见明显异常。") -> ReportContent:
    """A short report."""
    return ReportContent(
        template_id="cxr_standard", fields={}, impression=impression, advice="随诊。"
    )
