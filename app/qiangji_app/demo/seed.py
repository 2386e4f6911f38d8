"""Fills an empty demo installation through the same services that people use."""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

from qiangji_app.demo.county import PASSWORD, DemoCase, county, demo_cases
from qiangji_app.demo.pictures import recording_bytes
from qiangji_app.domain.case import Case, ClinicalRequest, RequestedUrgency, Verdict
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import ReportContent, draft_digest
from qiangji_app.domain.roles import Role, Site, SiteKind
from qiangji_app.domain.workflow import State
from qiangji_app.services import capture, followup, review, sessions, uploading
from qiangji_app.services.accounts import add_site, create_account
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.recordings import run_next
from qiangji_datasets.errors import SystemFault

_LOG = logging.getLogger(__name__)
#: Names the demo cases, so that filling goes on after a restart where it stopped.
_CASE_NAMES: Final = uuid.UUID("5b0f7c52-6c2e-4a51-8f0a-0e6f2d1c9a37")
#: Longer than the five minutes after which a reading that a killed server began is begun anew.
_TRIAGE_WITHIN_S: Final = 420.0
_LOOK_AGAIN_S: Final = 0.05
_SPECIALIST = "shenpian"
_ACKNOWLEDGING = {"heping": "zhenyi", "qingshan": "qingyi", "liushu": "cunyi"}
#: How far each ``until`` goes after submission.
_READ = ("claimed", "returned", "signed", "acknowledged", "closed")
_CHUNK = uploading.MAX_CHUNK_BYTES


def seed_accounts(ctx: Context) -> bool:
    """Sites and accounts; False when they are there already."""
    with ctx.store.read() as unit:
        if unit.accounts.all():
            return False
    for row in county()["sites"]:
        site = Site(
            id=row["id"],
            name=row["name"],
            kind=SiteKind(row["kind"]),
            parent_id=row.get("parent_id"),
            phone=row.get("phone", ""),
        )
        add_site(ctx, None, site)
    for row in county()["accounts"]:
        create_account(
            ctx,
            None,
            login=row["login"],
            password=PASSWORD,
            display_name=row["display_name"],
            roles=frozenset(Role(name) for name in row["roles"]),
            site_id=row["site"],
            licence_number=row.get("licence_number", ""),
            sign_modalities=frozenset(row.get("sign_modalities", ())),
            is_demo=True,
        )
    return True


def seed_cases(ctx: Context, wanted: Sequence[DemoCase] = ()) -> None:
    """A dozen cases in different states, or the ``wanted`` ones; each goes through the real path.

    Cases are made one after the other: of those that are there, only the last may be half made,
    because the server was stopped meanwhile. It is finished; the others stay as people left them.
    The queue may be worked by the server's own thread meanwhile.
    """
    callers: dict[str, Caller] = {}
    cases = wanted or demo_cases()
    ids = [str(uuid.uuid5(_CASE_NAMES, str(index))) for index in range(len(cases))]
    begun = [index for index, case_id in enumerate(ids) if _case(ctx, case_id) is not None]
    for index in range(begun[-1] if begun else 0, len(cases)):
        _seed_case(ctx, callers, cases[index], ids[index], seed=2026 + index)
    for caller in callers.values():
        sessions.sign_out(ctx, caller)
    _LOG.info("demo county is complete")


def _case(ctx: Context, case_id: str) -> Case | None:
    with ctx.store.read() as unit:
        return unit.cases.get(case_id)


def _state(ctx: Context, case_id: str) -> State | None:
    found = _case(ctx, case_id)
    return found.state if found else None


def _seed_case(
    ctx: Context, callers: dict[str, Caller], case: DemoCase, case_id: str, *, seed: int
) -> None:
    """Bring a case to where the county table wants it, from wherever it stands."""
    if _state(ctx, case_id) in (None, State.DRAFT):
        _request(ctx, callers, case, case_id, seed=seed)
    if case.until in _READ:
        _read(ctx, callers, case, case_id)


def _request(
    ctx: Context, callers: dict[str, Caller], case: DemoCase, case_id: str, *, seed: int
) -> None:
    sender = _caller(ctx, callers, case.by).actor
    modality = "cxr" if "film" in case.recipe else "ecg"
    made = capture.open_case(ctx, sender, case_id, modality)
    patient = Patient(name=case.name, sex=case.sex, age_years=case.age)
    clinical = ClinicalRequest(
        requested=RequestedUrgency(case.row.get("requested", "routine")),
        symptom=case.row.get("symptom", ""),
    )
    if case.name:
        capture.set_request(ctx, sender, case_id, patient, clinical)
    data = recording_bytes(case, seed=seed, now=made.created_at)
    _await_triage(ctx, _upload(ctx, callers, case, case_id, data))
    if case.until == "draft":
        return
    capture.submit(
        ctx,
        sender,
        case_id,
        override_reason=case.row.get("override_reason", ""),
        identity_reason="演示数据" if "real" in case.recipe else "",
        date_reason="演示数据" if "real" in case.recipe else "",
    )


def _await_triage(ctx: Context, recording_id: str) -> None:
    """Work the queue, or wait for who does: triage runs once, whoever runs it."""
    deadline = time.monotonic() + _TRIAGE_WITHIN_S
    while time.monotonic() < deadline:
        with ctx.store.read() as unit:
            recording = unit.cases.recording(recording_id)
        if recording is None or recording.reading:
            return
        if not run_next(ctx):
            time.sleep(_LOOK_AGAIN_S)
    raise SystemFault("demo.triage_late", seconds=int(_TRIAGE_WITHIN_S))


def _upload(
    ctx: Context, callers: dict[str, Caller], case: DemoCase, case_id: str, data: bytes
) -> str:
    """Send the file, or what is left of it; the same file is the same upload."""
    sender = _caller(ctx, callers, case.by).actor
    for attempt in count():  # one that was given up meanwhile is not taken up again
        upload_id = str(uuid.uuid5(_CASE_NAMES, f"{case_id}/{attempt}"))
        uploading.start(
            ctx,
            sender,
            upload_id=upload_id,
            case_id=case_id,
            file_name="演示.dcm",
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        upload = uploading.status(ctx, sender, upload_id)
        if upload.state != "failed":
            break
    for offset in range(upload.received, len(data), _CHUNK):
        upload = uploading.append(ctx, sender, upload_id, offset, data[offset : offset + _CHUNK])
    return upload.recording_id


def _read(ctx: Context, callers: dict[str, Caller], case: DemoCase, case_id: str) -> None:
    specialist = _caller(ctx, callers, _SPECIALIST)
    if _state(ctx, case_id) is State.SUBMITTED:
        review.claim(ctx, specialist.actor, case_id)
    if case.until == "claimed":
        return
    if _state(ctx, case_id) is State.CLAIMED:
        _answer(ctx, specialist, case, case_id)
    if case.until in ("acknowledged", "closed"):
        _follow(ctx, callers, case, case_id)


def _answer(ctx: Context, specialist: Caller, case: DemoCase, case_id: str) -> None:
    """Send it back, or write and sign."""
    row = case.row
    if case.until == "returned":
        review.return_case(ctx, specialist.actor, case_id, row["return_code"], row["return_text"])
        return
    _judge_all(ctx, specialist, case_id)
    draft = review.save_draft(ctx, specialist.actor, case_id, _content(row))
    unlocked = sessions.unlock(ctx, specialist, PASSWORD)
    review.sign(ctx, unlocked, case_id, draft_digest(draft.content))


def _follow(ctx: Context, callers: dict[str, Caller], case: DemoCase, case_id: str) -> None:
    found = _case(ctx, case_id)
    doctor = _caller(ctx, callers, _ACKNOWLEDGING[found.site_id if found else ""]).actor
    if _state(ctx, case_id) is State.SIGNED:
        followup.acknowledge(ctx, doctor, case_id, 1)
    if case.until == "closed" and _state(ctx, case_id) is State.ACKNOWLEDGED:
        followup.close(ctx, doctor, case_id)


def _judge_all(ctx: Context, specialist: Caller, case_id: str) -> None:
    """Open hints get a verdict, as signing demands."""
    with ctx.store.read() as unit:
        hints = [row for row in unit.cases.findings(case_id) if row.flag != "none"]
    for hint in hints:
        review.judge(ctx, specialist.actor, case_id, hint.id, verdict=Verdict.REJECTED)


def _content(row: dict[str, Any]) -> ReportContent:
    template = "cxr_standard" if "film" in row else "ecg_standard"
    return ReportContent(
        template_id=template,
        fields={},
        impression=row["impression"],
        advice=row.get("advice", ""),
    )


def _caller(ctx: Context, callers: dict[str, Caller], login: str) -> Caller:
    if login not in callers:
        callers[login] = sessions.sign_in(ctx, login, PASSWORD)[1]
    return callers[login]
