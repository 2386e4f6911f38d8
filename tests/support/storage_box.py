"""A store and blobs in a folder, and rows to put in, for storage tests and their processes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from qiangji_app.domain.account import Account
from qiangji_app.domain.case import Case, Recording, RecordingState
from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import Direction, Referral
from qiangji_app.domain.referral_workflow import ReferralState
from qiangji_app.domain.report import DIGEST_VERSION, ReportContent, SignedReport, signed_digest
from qiangji_app.domain.roles import Role, Site, SiteKind
from qiangji_app.domain.workflow import State
from qiangji_app.ports import Unit
from qiangji_app.storage.blobs import FileBlobs
from qiangji_app.storage.clock import SystemClock
from qiangji_app.storage.heads import HEADS_FOLDER
from qiangji_app.storage.ids import SystemIds
from qiangji_app.storage.keys import Keys, open_keys
from qiangji_app.storage.store import SqlStore, open_store

NOW = datetime(2026, 3, 1, 8, 30, 15, 123456, tzinfo=UTC)
PATIENT = Patient(name="张三丰", id_number="000000194912310027", phone="0000-4711-0815")


@dataclass(frozen=True)
class Box:
    """One installation's storage."""

    folder: Path
    url: str
    keys: Keys
    store: SqlStore
    blobs: FileBlobs

    @property
    def database(self) -> Path:
        return self.folder / "data" / "qiangji.db"

    @property
    def heads(self) -> Path:
        return self.folder / "keys" / HEADS_FOLDER


def open_box(folder: Path, url: str = "", *, heads_every: int = 32, reserve_bytes: int = 0) -> Box:
    """Open, or open again, what lives in a folder; SQLite unless a URL is given."""
    chosen = url or f"sqlite:///{folder / 'data' / 'qiangji.db'}"
    keys = open_keys(folder / "keys")
    clock = SystemClock()
    store = open_store(
        chosen,
        keys=keys,
        clock=clock,
        ids=SystemIds(clock),
        heads_folder=folder / "keys" / HEADS_FOLDER,
        heads_every=heads_every,
    )
    blobs = FileBlobs(folder / "data" / "blobs", keys, reserve_bytes=reserve_bytes)
    return Box(folder, chosen, keys, store, blobs)


def add_site(unit: Unit, site_id: str = "town") -> None:
    """A township."""
    unit.accounts.add_site(Site(site_id, "东风镇卫生院", SiteKind.TOWNSHIP, None))


def account(user_id: str = "u1", login: str = "wang") -> Account:
    """An operator."""
    return Account(
        id=user_id,
        login=login,
        display_name="王医生",
        password_hash="$argon2id$x",
        roles=frozenset({Role.OPERATOR, Role.TOWNSHIP_DOCTOR}),
        site_id="town",
        sign_modalities=frozenset({"ecg", "cxr"}),
        locked_until=NOW,
    )


def case(case_id: str = "c1", person_id: str = "p1", **changes: object) -> Case:
    """A draft."""
    fields: dict[str, object] = {
        "id": case_id,
        "site_id": "town",
        "person_id": person_id,
        "modality": "ecg",
        "state": State.DRAFT,
        "created_at": NOW,
        "created_by": "u1",
    }
    return Case(**(fields | changes))  # type: ignore[arg-type]  # fields are given by name


def referral(referral_id: str = "ref1", **changes: object) -> Referral:
    """A draft of a referral."""
    fields: dict[str, object] = {
        "id": referral_id,
        "direction": Direction.UP,
        "state": ReferralState.DRAFT,
        "from_site_id": "town",
        "target_site_id": "town",
        "home_site_id": "town",
        "person_id": "p1",
        "created_at": NOW,
        "created_by": "u1",
    }
    return Referral(**(fields | changes))  # type: ignore[arg-type]  # fields are given by name


def recording(recording_id: str = "r1", case_id: str = "c1", **changes: object) -> Recording:
    """A stored ECG."""
    fields: dict[str, object] = {
        "id": recording_id,
        "case_id": case_id,
        "blob_sha256": "a" * 64,
        "size": 10,
        "file_name": "张三丰 心电图.dcm",
        "state": RecordingState.STORED,
        "received_at": NOW,
        "facts": {"rate_hz": 500, "notices": ["ecg.short"]},
    }
    return Recording(**(fields | changes))  # type: ignore[arg-type]  # fields are given by name


def signed(
    case_id: str = "c1", version: int = 1, digest_version: int = DIGEST_VERSION
) -> SignedReport:
    """A signed version."""
    content = ReportContent(
        template_id="ecg",
        fields={"rhythm": "窦性心律"},
        impression="心房颤动",
        advice="建议转诊",
        findings=("af_flutter",),
        measurements={"hr": "88 bpm"},
    )
    has_site = digest_version == DIGEST_VERSION
    report = SignedReport(
        case_id=case_id,
        version=version,
        content=content,
        signer_id="s1",
        signer_name="李专家",
        signer_licence="110000000001",
        signer_site_id="county" if has_site else "",
        signer_site="县医院" if has_site else "",
        signed_at=NOW,
        recording_sha256=("a" * 64,),
        content_sha256="",
        ai_assisted=True,
        digest_version=digest_version,
    )
    return replace(report, content_sha256=signed_digest(report))


def add_signed(unit: Unit, report: SignedReport) -> None:
    """A signed version and its event, as signing writes them."""
    unit.cases.add_signed(report)
    unit.events.append(
        type="report.signed",
        actor_id=report.signer_id,
        case_id=report.case_id,
        payload={"version": report.version, "content_sha256": report.content_sha256},
    )


def add_case(box: Box, case_id: str = "c1", person_id: str = "p1") -> None:
    """Site (when there is none), person and draft, committed."""
    with box.store.begin() as unit:
        if not unit.accounts.sites():
            add_site(unit)
        unit.persons.add(person_id, PATIENT)
        unit.cases.add(case(case_id, person_id))
        unit.commit()
