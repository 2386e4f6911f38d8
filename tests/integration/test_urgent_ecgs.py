"""Recordings that cannot wait, through real readers, gate, measurements and models."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qiangji_app.bootstrap import Installation, install
from qiangji_app.config import Settings
from qiangji_app.demo.county import PASSWORD as DEMO_PASSWORD
from qiangji_app.demo.seed import seed_accounts
from qiangji_app.domain.case import ClinicalRequest
from qiangji_app.domain.person import Patient
from qiangji_app.services import alarms, capture, listing, recordings, sessions, uploading
from qiangji_app.storage.passwords import CHEAP
from qiangji_datasets.errors import Conflict
from qiangji_datasets.synthetic.ecg import EcgRecipe, Rhythm, make_ecg
from qiangji_datasets.synthetic.ecg_dicom import write_ecg_dicom


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("urgent")
    settings = Settings(data_dir=folder / "store", key_dir=folder / "keys", demo=True)
    made = install(settings, password_cost=CHEAP)
    seed_accounts(made.context)
    yield made
    made.close()


def submitted(installation: Installation, recipe: EcgRecipe, folder: Path, seed: int) -> str:
    """A case with one synthetic ECG, sent up; a reason is given where the gate asks for one."""
    ctx = installation.context
    actor = sessions.sign_in(ctx, "zhenyi", DEMO_PASSWORD)[1].actor
    case_id = str(uuid.uuid4())
    capture.open_case(ctx, actor, case_id, "ecg")
    patient = Patient(name="试某", sex="M", age_years=66)
    capture.set_request(ctx, actor, case_id, patient, ClinicalRequest())
    path = folder / f"{seed}.dcm"
    write_ecg_dicom(make_ecg(np.random.default_rng(seed), recipe), path)
    data = path.read_bytes()
    upload_id = str(uuid.uuid4())
    uploading.start(
        ctx,
        actor,
        upload_id=upload_id,
        case_id=case_id,
        file_name="x.dcm",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    done = uploading.append(ctx, actor, upload_id, 0, data)
    recordings.triage_recording(ctx, done.recording_id)
    reasons = {"identity_reason": "演示记录", "date_reason": "演示记录"}
    try:
        capture.submit(ctx, actor, case_id, **reasons)
    except Conflict as asked:
        assert asked.code == "gate.override_needed"
        capture.submit(ctx, actor, case_id, override_reason="患者情况紧急", **reasons)
    return case_id


def test_vf_asystole_and_paced_ecgs_go_up_and_sort_before_a_normal_one(
    installation: Installation, tmp_path: Path
) -> None:
    ctx = installation.context
    normal = submitted(installation, EcgRecipe(), tmp_path, 1)
    paced = submitted(installation, EcgRecipe(rhythm=Rhythm.PACED), tmp_path, 2)
    still = submitted(installation, EcgRecipe(rhythm=Rhythm.ASYSTOLE), tmp_path, 3)
    chaotic = submitted(
        installation, EcgRecipe(rhythm=Rhythm.VENTRICULAR_FIBRILLATION), tmp_path, 4
    )
    specialist = sessions.sign_in(ctx, "xindian", DEMO_PASSWORD)[1].actor

    rows = listing.list_cases(ctx, specialist, listing.Filter("worklist")).rows

    order = [row.case.id for row in rows]
    assert set(order[:2]) == {still, chaotic}
    assert order.index(paced) < order.index(normal)
    levels = {row.case.id: row.case.urgency_level for row in rows}
    assert levels[still] == levels[chaotic] == 4


def test_the_alarm_reaches_the_bedside_and_says_to_look_at_the_patient_first(
    installation: Installation, tmp_path: Path
) -> None:
    ctx = installation.context
    case_id = submitted(
        installation, EcgRecipe(rhythm=Rhythm.VENTRICULAR_FIBRILLATION), tmp_path, 5
    )
    doctor = sessions.sign_in(ctx, "zhenyi", DEMO_PASSWORD)[1].actor

    found = [row for row in alarms.alerts(ctx, doctor) if row.case.id == case_id]

    assert len(found) == 1
    reason = found[0].reasons[0]
    words = ctx.catalogue.entries[reason.code]
    assert any("先看病人" in text for text in words.values())
