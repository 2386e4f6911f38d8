"""Fills an empty demo installation through the same services that people use."""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from typing import Any, Final

from qiangji_app.demo.county import PASSWORD, DemoCase, county, demo_cases
from qiangji_app.demo.pictures import recording_bytes
from qiangji_app.domain.case import ClinicalRequest, RequestedUrgency, Verdict
from qiangji_app.domain.person import Patient
from qiangji_app.domain.report import ReportContent, draft_digest
from qiangji_app.domain.roles import Role, Site, SiteKind
from qiangji_app.services import capture, followup, review, sessions, uploading
from qiangji_app.services.accounts import add_site, create_account
from qiangji_app.services.context import Caller, Context
from qiangji_app.services.recordings import run_next
from qiangji_datasets.errors import SystemFault

_LOG = logging.getLogger(__name__)
#: Names the demo cases, so that filling goes on after a restart where it stopped.
_CASE_NAMES: Final = uuid.UUID("5b0f7c52-6c2e-4a51-8f0a-0e6f2d1c9a37")
_TRIAGE_WITHIN_S: Final = 180.0
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


def seed_cases(ctx: Context) -> None:
    """A dozen cases in different states; each goes through the real path.

    A case that is there already is left as it is. The queue may be worked by the server's own
    thread meanwhile.
    """
    callers: dict[str, Caller] = {}
    for index, case in enumerate(demo_cases()):
        case_id = str(uuid.uuid5(_CASE_NAMES, str(index)))
        with ctx.store.read() as unit:
            is_there = unit.cases.get(case_id) is not None
        if not is_there:
            _seed_case(ctx, callers, case, case_id, seed=2026 + index)
    for caller in callers.values():
        sessions.sign_out(ctx, caller)
    _LOG.info("demo county is complete")


def _seed_case(
    ctx: Context, callers: dict[str, Caller], case: DemoCase, case_id: str, *, seed: int
) -> None:
    sender = _caller(ctx, callers, case.by).actor
    modality = "cxr" if "film" in case.recipe else "ecg"
    capture.open_case(ctx, sender, case_id, modality)
    patient = Patient(name=case.name, sex=case.sex, age_years=case.age)
    clinical = ClinicalRequest(
        requested=RequestedUrgency(case.row.get("requested", "routine")),
        symptom=case.row.get("symptom", ""),
    )
    if case.name:
        capture.set_request(ctx, sender, case_id, patient, clinical)
    data = recording_bytes(case, seed=seed, now=ctx.clock.now())
    _await_triage(ctx, _upload(ctx, callers, case, case_id, data))
    if case.until == "draft":
        return
    capture.submit(
        ctx,
        sender,
        case_id,
        override_reason=case.row.get("override_reason", ""),
        identity_reason="演示数据" if "real" in case.recipe else "",
    )
    if case.until in _READ:
        _read(ctx, callers, case, case_id)


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
    sender = _caller(ctx, callers, case.by).actor
    upload_id = ctx.ids.new()
    uploading.start(
        ctx,
        sender,
        upload_id=upload_id,
        case_id=case_id,
        file_name="演示.dcm",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    for offset in range(0, len(data), _CHUNK):
        upload = uploading.append(ctx, sender, upload_id, offset, data[offset : offset + _CHUNK])
    return upload.recording_id


def _read(ctx: Context, callers: dict[str, Caller], case: DemoCase, case_id: str) -> None:
    specialist = _caller(ctx, callers, _SPECIALIST)
    review.claim(ctx, specialist.actor, case_id)
    row = case.row
    if case.until == "returned":
        review.return_case(ctx, specialist.actor, case_id, row["return_code"], row["return_text"])
    if case.until in ("claimed", "returned"):
        return
    _judge_all(ctx, specialist, case_id)
    draft = review.save_draft(ctx, specialist.actor, case_id, _content(row))
    unlocked = sessions.unlock(ctx, specialist, PASSWORD)
    review.sign(ctx, unlocked, case_id, draft_digest(draft.content))
    if case.until == "signed":
        return
    with ctx.store.read() as unit:
        found = unit.cases.get(case_id)
    site = found.site_id if found else ""
    doctor = _caller(ctx, callers, _ACKNOWLEDGING[site]).actor
    followup.acknowledge(ctx, doctor, case_id, 1)
    if case.until == "closed":
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
