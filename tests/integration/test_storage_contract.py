"""What every database behind the ports must do: SQLite and PostgreSQL give the same answers."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text, update
from support.postgres import new_database, running_postgres, why_no_postgres
from support.storage_box import (
    NOW,
    PATIENT,
    Box,
    account,
    add_case,
    add_signed,
    add_site,
    case,
    open_box,
    recording,
    referral,
    signed,
)

from qiangji_app.domain.account import Session
from qiangji_app.domain.case import (
    Acknowledgement,
    ClinicalRequest,
    CriticalCall,
    Finding,
    FindingSource,
    Message,
    RequestedUrgency,
    UrgencyReason,
    Verdict,
)
from qiangji_app.domain.person import IdentityKind, Patient
from qiangji_app.domain.recognition import Basis, RecognitionAct, RecognitionKind
from qiangji_app.domain.referral import (
    Attachment,
    AttachmentKind,
    DownPlan,
    Medicine,
    PlannedFollowUp,
    Step,
    UpContent,
)
from qiangji_app.domain.referral_follow_up import FollowUpKind, ReferralFollowUp
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.domain.report import DraftReport
from qiangji_app.domain.workflow import State
from qiangji_app.ports import (
    CaseQuery,
    EventQuery,
    FollowUpQuery,
    RecognitionQuery,
    ReferralQuery,
    Upload,
)
from qiangji_app.storage.jobs import LEASE
from qiangji_app.storage.tables import event
from qiangji_app.storage.verify import verify_log
from qiangji_datasets.errors import Conflict, NotFound, StorageFault

_numbers = itertools.count()


@pytest.fixture(scope="module")
def postgres_socket() -> Iterator[str]:
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    with running_postgres() as socket_folder:
        yield socket_folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    url = ""
    if request.param == "postgresql":
        url = new_database(request.getfixturevalue("postgres_socket"), f"t{next(_numbers)}")
    opened = open_box(tmp_path, url)
    yield opened
    opened.store.close()


def test_a_unit_without_commit_leaves_nothing(box: Box) -> None:
    with box.store.begin() as unit:
        add_site(unit)

    with box.store.read() as unit:
        assert unit.accounts.sites() == []


def test_a_read_unit_cannot_change_anything(box: Box) -> None:
    with pytest.raises(StorageFault, match=r"storage\.database"), box.store.read() as unit:
        add_site(unit)

    with box.store.read() as unit:
        assert unit.accounts.sites() == []


def test_a_read_unit_sees_one_moment(box: Box) -> None:
    with box.store.read() as reading:
        before = len(reading.accounts.sites())
        with box.store.begin() as writing:
            add_site(writing)
            writing.commit()

        assert len(reading.accounts.sites()) == before
    with box.store.read() as reading:
        assert len(reading.accounts.sites()) == before + 1


def test_errors_of_the_database_do_not_tell_what_was_being_stored(box: Box) -> None:
    assert box.store.engines.write.hide_parameters
    assert box.store.engines.read.hide_parameters


def test_a_case_comes_back_as_it_was(box: Box) -> None:
    add_case(box)
    china = timezone(timedelta(hours=8))
    full = case(
        "c2",
        "p1",
        state=State.CLAIMED,
        submitted_at=NOW,
        claimed_by="s1",
        claimed_at=NOW.astimezone(china),
        urgency_level=3,
        urgency_reasons=(UrgencyReason("urgency.stemi", 3, "model", {"p": 0.93, "n": 2}),),
        request=ClinicalRequest(
            requested=RequestedUrgency.CHEST_PAIN,
            onset_at=NOW,
            symptom="胸痛 2 小时",
            history="高血压 \u0000 😀",
            visit_number="M0001",
        ),
        override_reason="仍要上传",
        identity_reason="曾用名",
        identity_answers=("0123456789ab:name",),
        is_demo=True,
    )

    with box.store.begin() as unit:
        unit.cases.add(full)
        unit.commit()

    with box.store.read() as unit:
        found = unit.cases.get("c2")
        assert found == full
        assert found is not None and found.claimed_at is not None
        assert found.claimed_at.utcoffset() == timedelta(0)
        assert unit.cases.get("nobody") is None


def test_two_people_who_change_the_same_revision_collide(box: Box) -> None:
    add_case(box)
    with box.store.read() as unit:
        first = unit.cases.get("c1")
    assert first is not None

    with box.store.begin() as unit:
        saved = unit.cases.save(replace(first, urgency_level=2))
        unit.commit()

    assert saved.revision == first.revision + 1
    with (
        pytest.raises(Conflict, match=r"case\.changed_meanwhile"),
        box.store.begin() as unit,
    ):
        unit.cases.save(replace(first, urgency_level=3))


def test_a_taken_id_is_a_conflict_and_the_unit_goes_on(box: Box) -> None:
    add_case(box)

    with box.store.begin() as unit:
        with pytest.raises(Conflict, match=r"storage\.exists"):
            unit.cases.add(case("c1"))
        unit.cases.add(case("c2"))
        unit.commit()

    with box.store.read() as unit:
        assert unit.cases.count(CaseQuery()) == 2


def test_the_worklist_is_ordered_by_urgency_then_waiting_time(box: Box) -> None:
    add_case(box)
    rows = [("late", 2, 30), ("early", 2, 10), ("urgent", 3, 50), ("routine", 1, 0)]
    with box.store.begin() as unit:
        for case_id, level, minute in rows:
            waiting = case(
                case_id,
                state=State.SUBMITTED,
                urgency_level=level,
                submitted_at=NOW + timedelta(minutes=minute),
                created_at=NOW + timedelta(minutes=minute),
            )
            unit.cases.add(waiting)
        unit.commit()

    query = CaseQuery(states=frozenset({State.SUBMITTED}), order="worklist")
    with box.store.read() as unit:
        assert [item.id for item in unit.cases.find(query)] == [
            "urgent", "early", "late", "routine",
        ]  # fmt: skip
        newest = unit.cases.find(replace(query, order="newest", limit=2, offset=1))
        assert [item.id for item in newest] == ["late", "early"]
        assert unit.cases.count(replace(query, limit=1)) == 4


def test_cases_are_found_by_site_modality_holder_and_person(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        add_site(unit, "village")
        unit.persons.add("p2", PATIENT)
        unit.cases.add(
            case(
                "c2", "p2", site_id="village", modality="cxr", state=State.CLAIMED,
                submitted_at=NOW, claimed_by="s1", claimed_at=NOW,
            )
        )  # fmt: skip
        unit.commit()

    queries = [
        CaseQuery(site_ids=frozenset({"village"})),
        CaseQuery(modalities=frozenset({"cxr"})),
        CaseQuery(claimed_by="s1"),
        CaseQuery(person_id="p2"),
    ]
    with box.store.read() as unit:
        assert [[item.id for item in unit.cases.find(query)] for query in queries] == [["c2"]] * 4
        assert unit.cases.find(CaseQuery(site_ids=frozenset())) == []


def test_recordings_come_back_in_order_and_their_blobs_are_referenced(box: Box) -> None:
    add_case(box)
    second = recording("r0", blob_sha256="b" * 64, map_blob_sha256="c" * 64, acquired_at=NOW)
    with box.store.begin() as unit:
        unit.cases.add_recording(recording("r1"))
        unit.cases.add_recording(second)
        unit.cases.save_recording(replace(second, reading={"findings": [{"p": 0.5}]}))
        unit.commit()

    with box.store.read() as unit:
        assert [item.id for item in unit.cases.recordings("c1")] == ["r1", "r0"]
        assert unit.cases.recording("r1") == recording("r1")
        found = unit.cases.recording("r0")
        assert found == replace(second, reading={"findings": [{"p": 0.5}]})
        assert unit.cases.referenced_blobs() == {"a" * 64, "b" * 64, "c" * 64}
    with pytest.raises(NotFound), box.store.begin() as unit:
        unit.cases.save_recording(recording("r9"))


def _finding(finding_id: str, recording_id: str = "r1") -> Finding:
    return Finding(
        id=finding_id,
        case_id="c1",
        recording_id=recording_id,
        source=FindingSource.AI,
        label="mi",
        probability=0.1 + 0.2,
        flag="likely",
        operating_point="specific",
        bundle_name="ecg-12lead",
        bundle_version="1.0.0",
        bundle_sha256="d" * 64,
    )


def test_findings_are_replaced_by_recording_and_judged_one_by_one(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        unit.cases.add_recording(recording("r1"))
        unit.cases.add_recording(recording("r2"))
        unit.cases.replace_findings("r1", [_finding("f1"), _finding("f2")])
        unit.cases.replace_findings("r2", [_finding("f3", "r2")])
        unit.cases.replace_findings("r1", [_finding("f5"), _finding("f4")])
        judged = replace(
            _finding("f3", "r2"), verdict=Verdict.REJECTED, verdict_by="s1", verdict_at=NOW
        )
        unit.cases.save_finding(judged)
        unit.cases.save_finding(_finding("f6"))
        unit.commit()

    with box.store.begin() as unit:
        assert [item.id for item in unit.cases.findings("c1")] == ["f3", "f5", "f4", "f6"]
        assert unit.cases.finding("f3") == judged
        assert unit.cases.finding("f1") is None
        unit.cases.remove_recording("r1")
        assert [item.id for item in unit.cases.findings("c1")] == ["f3"]


def test_a_draft_is_one_per_case_and_can_go(box: Box) -> None:
    add_case(box)
    draft = DraftReport("c1", "s1", signed().content, NOW, amends_version=1, amend_reason="更正")

    with box.store.begin() as unit:
        unit.cases.save_draft(replace(draft, author_id="s0"))
        unit.cases.save_draft(draft)
        assert unit.cases.draft("c1") == draft
        unit.cases.remove_draft("c1")
        assert unit.cases.draft("c1") is None


def test_a_new_signed_version_supersedes_the_one_before(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        unit.cases.add_signed(signed(version=1))
        unit.cases.add_signed(replace(signed(version=2), amend_reason="更正"))
        with pytest.raises(Conflict):
            unit.cases.add_signed(signed(version=2))
        unit.commit()

    with box.store.read() as unit:
        assert unit.cases.signed("c1") == [
            replace(signed(version=1), superseded_by=2),
            replace(signed(version=2), amend_reason="更正"),
        ]


def test_acknowledgements_belong_to_a_version_that_exists(box: Box) -> None:
    add_case(box)
    taken = Acknowledgement("c1", 1, "u1", NOW, "已通知患者")
    with box.store.begin() as unit:
        with pytest.raises(StorageFault, match=r"storage\.invariant"):
            unit.cases.add_acknowledgement(taken)
        unit.cases.add_signed(signed())
        unit.cases.add_acknowledgement(taken)
        with pytest.raises(Conflict):
            unit.cases.add_acknowledgement(taken)
        assert unit.cases.acknowledgements("c1") == [taken]


def test_critical_calls_stay_open_until_confirmed(box: Box) -> None:
    add_case(box)
    call = CriticalCall("k1", "c1", "s1", NOW, "critical.stemi", "立即转诊")
    with box.store.begin() as unit:
        unit.cases.add_call(call)
        assert unit.cases.open_calls(None) == [call]
        assert unit.cases.open_calls(frozenset({"town"})) == [call]
        assert unit.cases.open_calls(frozenset({"elsewhere"})) == []
        done = replace(
            call, outcome="confirmed", confirmed_by="u1", confirmed_at=NOW, read_back="收到"
        )
        unit.cases.save_call(done)
        assert unit.cases.open_calls(None) == []
        assert unit.cases.calls("c1") == [done]
        assert unit.cases.call("k1") == done
        with pytest.raises(NotFound):
            unit.cases.save_call(replace(call, id="k2"))


@pytest.mark.parametrize("outcome", ["reached_no_readback", "unable_to_reach"])
def test_a_call_that_reached_nobody_stays_open(box: Box, outcome: str) -> None:
    add_case(box)
    call = CriticalCall("k1", "c1", "s1", NOW, "critical.stemi", "立即转诊")
    with box.store.begin() as unit:
        unit.cases.add_call(call)
        tried = replace(call, outcome=outcome, confirmed_by="u1", confirmed_at=NOW)
        unit.cases.save_call(tried)

        assert unit.cases.open_calls(None) == [tried]
        assert unit.cases.open_calls(frozenset({"town"})) == [tried]


def test_messages_keep_their_order(box: Box) -> None:
    add_case(box)
    notes = [Message(f"m{9 - n}", "c1", "u1", NOW, "message", "", f"第{n}条") for n in range(3)]
    with box.store.begin() as unit:
        for note in notes:
            unit.cases.add_message(note)
        assert unit.cases.messages("c1") == notes


def test_accounts_sites_and_sessions_come_back(box: Box) -> None:
    session = Session("f" * 64, "u1", "csrf", NOW, NOW, unlocked_until=NOW)
    with box.store.begin() as unit:
        add_site(unit)
        unit.accounts.add(account())
        with pytest.raises(Conflict):
            unit.accounts.add(account("u2", "wang"))
        unit.accounts.save(replace(account(), failed_logins=2, roles=frozenset()))
        unit.accounts.add_session(session)
        unit.accounts.save_session(replace(session, unlocked_until=None))
        unit.commit()

    with box.store.begin() as unit:
        known = replace(account(), failed_logins=2, roles=frozenset())
        assert unit.accounts.get("u1") == unit.accounts.by_login("wang") == known
        assert unit.accounts.by_login("WANG") is None
        assert list(unit.accounts.all()) == [known]
        assert unit.accounts.session("f" * 64) == replace(session, unlocked_until=None)
        unit.accounts.remove_session("f" * 64)
        unit.accounts.add_session(session)
        unit.accounts.remove_sessions_of("u1")
        assert unit.accounts.session("f" * 64) is None
        with pytest.raises(NotFound):
            unit.accounts.save(account("u9", "li"))


def test_touching_a_session_changes_when_it_was_seen_and_nothing_else(box: Box) -> None:
    later = NOW + timedelta(minutes=2)
    session = Session("f" * 64, "u1", "csrf", NOW, NOW, unlocked_until=later)
    with box.store.begin() as unit:
        add_site(unit)
        unit.accounts.add(account())
        unit.accounts.add_session(session)
        unit.accounts.touch_session("f" * 64, later)
        unit.accounts.touch_session("0" * 64, later)

        assert unit.accounts.session("f" * 64) == replace(session, last_seen_at=later)
        assert unit.accounts.session("0" * 64) is None


def test_a_site_that_changed_comes_back_changed(box: Box) -> None:
    with box.store.begin() as unit:
        add_site(unit)
        changed = replace(unit.accounts.sites()[0], name="新名", is_active=False)
        unit.accounts.save_site(changed)
        with pytest.raises(NotFound):
            unit.accounts.save_site(replace(changed, id="moon"))
        unit.commit()

    with box.store.read() as unit:
        assert list(unit.accounts.sites()) == [changed]


def test_accounts_are_known_by_when_their_sessions_were_used(box: Box) -> None:
    with box.store.begin() as unit:
        add_site(unit)
        unit.accounts.add(account())
        unit.accounts.add_session(Session("f" * 64, "u1", "csrf", NOW, NOW))
        later = NOW + timedelta(seconds=1)

        assert unit.accounts.seen_since(NOW) == {"u1"}
        assert unit.accounts.seen_since(later) == frozenset()


def test_events_are_found_by_type_actor_case_and_time(box: Box) -> None:
    with box.store.begin() as unit:
        first = unit.events.append(type="a.b", actor_id="u1", case_id="c1")
        second = unit.events.append(type="a.bc", actor_id="u2")
        unit.reads.append(type="a.b", actor_id="u1")
        unit.commit()

    with box.store.read() as unit:
        for query, wanted in (
            (EventQuery(), [second, first]),
            (EventQuery(type="a"), [second, first]),
            (EventQuery(type="a.b"), [first]),
            (EventQuery(type="a_b"), []),
            (EventQuery(actor_id="u2"), [second]),
            (EventQuery(case_id="c1"), [first]),
            (EventQuery(since=second.at, limit=1), [second]),
            (EventQuery(until=first.at), []),
        ):
            assert list(unit.events.find(query)) == wanted
        assert unit.events.count(EventQuery(limit=1)) == 2
        assert list(unit.events.find(EventQuery(offset=1))) == [first]


def test_a_person_is_found_by_number_identifier_and_name(box: Box) -> None:
    patient = replace(
        PATIENT, birth_date=date(1949, 12, 31), sex="F", issuer="town", patient_id="P 1"
    )
    stranger = Patient("无名氏", IdentityKind.EMERGENCY, age_years=40.0)
    with box.store.begin() as unit:
        unit.persons.add("p1", patient)
        unit.persons.add("p2", stranger)
        unit.commit()

    with box.store.read() as unit:
        found = unit.persons
        assert (found.get("p1"), found.get("p2"), found.get("p3")) == (patient, stranger, None)
        assert found.find_by_id_number(" 000000194912310027 ") == ["p1"]
        assert found.find_by_identifier("town", "P 1") == ["p1"]
        assert found.find_by_identifier("other", "P 1") == []
        assert found.find_by_name("张 三·丰") == ["p1"]
        assert found.find_by_id_number("") == []
    with box.store.begin() as unit:
        unit.persons.save("p1", replace(patient, name="张三"))
        assert unit.persons.find_by_name("张三丰") == []
        assert unit.persons.find_by_name("张三") == ["p1"]
        with pytest.raises(NotFound):
            unit.persons.save("p9", patient)


def test_erasing_a_person_keeps_every_chain_valid(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        for subject in ("c1", ""):
            unit.events.append(type="case.opened", actor_id="u1", case_id=subject)
        unit.reads.append(type="case.read", actor_id="u1", case_id="c1")
        unit.cases.add_recording(recording("r1"))
        unit.persons.add("r1", PATIENT)  # what the file itself said
        form = replace(
            case(revision=0), request=ClinicalRequest(symptom="胸痛", visit_number="M0001")
        )
        unit.cases.save(form)
        add_signed(unit, signed())
        unit.commit()

    with box.store.begin() as unit:
        unit.persons.erase("p1")
        unit.events.append(type="person.erased", actor_id="u1", payload={"person": "p1"})
        unit.commit()

    with box.store.read() as unit:
        assert unit.persons.get("p1") is None
        assert unit.persons.get("r1") is None
        assert unit.persons.find_by_name(PATIENT.name) == []
        kept = unit.cases.get("c1")
        assert kept is not None and kept.person_id == "p1"
        assert (kept.request.visit_number, kept.request.symptom) == ("", "胸痛")
        assert [item.file_name for item in unit.cases.recordings("c1")] == [""]
        assert unit.cases.signed("c1") == [signed()]
    checked = verify_log(box.store.engines, box.keys, box.store.heads_file)
    assert (checked.events, checked.reports, checked.problems) == (5, 1, ())
    with pytest.raises(NotFound), box.store.begin() as unit:
        unit.persons.erase("nobody")


def test_only_a_person_whom_no_case_uses_is_forgotten(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        unit.cases.add_recording(recording("r1"))
        unit.persons.add("p9", PATIENT)
        unit.commit()

    with box.store.begin() as unit:
        for person_id in ("p1", "p9", "nobody"):
            unit.persons.forget_unused(person_id)
        unit.commit()

    with box.store.read() as unit:
        assert unit.persons.get("p1") == PATIENT
        assert unit.persons.get("p9") is None
        assert unit.persons.find_by_name(PATIENT.name) == ["p1"]
        assert [item.file_name for item in unit.cases.recordings("c1")] != [""]


def test_identity_and_free_text_are_nowhere_in_the_clear(box: Box) -> None:
    add_case(box)
    upload = _upload(file_name="张三丰.dcm")
    with box.store.begin() as unit:
        unit.cases.add_recording(recording())
        unit.cases.add_message(Message("m1", "c1", "u1", NOW, "message", "", "张三丰家属电话"))
        unit.cases.add_signed(signed())
        unit.cases.save_draft(DraftReport("c1", "s1", signed().content, NOW))
        unit.uploads.add(upload)
        unit.commit()

    with box.store.engines.read.connect() as connection:
        dumped = b""
        for table in event.metadata.sorted_tables:
            for row in connection.execute(table.select()):
                dumped += b"|".join(
                    value if isinstance(value, bytes) else str(value).encode() for value in row
                )
    for secret in (PATIENT.name, PATIENT.id_number, PATIENT.phone, "心房颤动", ".dcm"):
        assert secret.encode() not in dumped


def _upload(**changes: object) -> Upload:
    fields: dict[str, object] = {
        "upload_id": "0192f0c1-0000-7000-8000-000000000001",
        "case_id": "c1",
        "recording_id": "r1",
        "user_id": "u1",
        "site_id": "town",
        "file_name": "a.dcm",
        "size": 100,
        "sha256": "a" * 64,
        "received": 0,
        "state": "receiving",
        "error_code": "",
        "created_at": NOW,
    }
    return Upload(**(fields | changes))  # type: ignore[arg-type]  # fields are given by name


def test_uploads_come_back_and_old_unfinished_ones_are_listed(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        unit.uploads.add(_upload())
        with pytest.raises(Conflict):
            unit.uploads.add(_upload())
        unit.uploads.add(_upload(upload_id="u2", received=100, state="stored"))
        unit.uploads.save(_upload(received=50))
        assert unit.uploads.get(_upload().upload_id) == _upload(received=50)
        assert len(unit.uploads.of_case("c1")) == 2
        old = unit.uploads.receiving_since_before(NOW + timedelta(days=1))
        assert [item.upload_id for item in old] == [_upload().upload_id]
        assert unit.uploads.receiving_since_before(NOW) == []
        with pytest.raises(NotFound):
            unit.uploads.save(_upload(upload_id="u9"))


def test_a_job_is_one_however_often_it_is_added_and_is_leased_to_one_worker(box: Box) -> None:
    with box.store.begin() as unit:
        for key in ("r1", "r2", "r1"):
            unit.jobs.add("triage", key)
        unit.commit()
    with box.store.begin() as unit:
        now = box.store.clock.now()
        claimed = [unit.jobs.claim("triage", now) for _ in range(3)]

        assert sorted(filter(None, claimed)) == ["r1", "r2"]
        assert claimed[2] is None
        assert unit.jobs.claim("other", now) is None
        assert unit.jobs.claim("triage", now + LEASE) is not None


def test_a_job_that_is_done_is_gone_unless_it_was_wanted_again_meanwhile(box: Box) -> None:
    with box.store.begin() as unit:
        unit.jobs.add("triage", "r1")
        later = box.store.clock.now() + timedelta(seconds=1)
        assert unit.jobs.claim("triage", later) == "r1"
        unit.jobs.add("triage", "r1")
        unit.jobs.done("triage", "r1")
        later += timedelta(seconds=1)
        assert unit.jobs.claim("triage", later) == "r1"
        unit.jobs.done("triage", "r1")
        assert unit.jobs.claim("triage", later + LEASE) is None


def test_a_job_given_back_waits_for_its_time(box: Box) -> None:
    with box.store.begin() as unit:
        unit.jobs.add("triage", "r1")
        now = box.store.clock.now() + timedelta(seconds=1)
        assert unit.jobs.claim("triage", now) == "r1"
        unit.jobs.retry("triage", "r1", now + timedelta(minutes=1), "model.failed")
        assert unit.jobs.claim("triage", now) is None
        assert unit.jobs.claim("triage", now + timedelta(minutes=1)) == "r1"


def test_a_job_counts_the_workers_that_died_with_it(box: Box) -> None:
    with box.store.begin() as unit:
        unit.jobs.add("triage", "r1")
        now = box.store.clock.now() + timedelta(seconds=1)
        assert unit.jobs.attempts("triage", "r1") == 0
        for attempt in (1, 2):
            assert unit.jobs.claim("triage", now) == "r1"
            assert unit.jobs.attempts("triage", "r1") == attempt
            now += LEASE
        unit.jobs.retry("triage", "r1", now, "case.changed_meanwhile")
        assert unit.jobs.attempts("triage", "r1") == 0
        assert unit.jobs.attempts("triage", "r2") == 0


def test_events_carry_their_payload_and_refuse_free_text(box: Box) -> None:
    payload = {"n": 1, "p": 0.1, "ok": True, "none": None, "code": "ecg.short"}
    with box.store.begin() as unit:
        first = unit.events.append(type="a.b", actor_id="u1", case_id="c1", payload=payload)
        unit.reads.append(type="r.d", actor_id="u1", case_id="c1")
        second = unit.events.append(type="a.c", actor_id="u1", case_id="c1")
        for words in ("张三", "free text"):
            with pytest.raises(ValueError, match="free text"):
                unit.events.append(type="a.b", actor_id="u1", payload={"note": words})
        unit.commit()

    with box.store.read() as unit:
        assert list(unit.events.of_case("c1")) == [first, second]
        assert [item.type for item in unit.reads.of_case("c1")] == ["r.d"]
    assert (first.node_seq, second.node_seq) == (1, 2)
    assert second.prev_hash == first.hash


@pytest.mark.parametrize(
    "change",
    [
        {"claimed_by": "s1"},
        {"claimed_at": NOW},
        {"state": State.CLAIMED, "submitted_at": NOW},
        {"state": State.SUBMITTED},
        {"state": State.SIGNED, "submitted_at": NOW},
        {"revision": -1},
        {"report_version": -1},
        {"site_id": "nowhere"},
        {"person_id": "nobody"},
    ],
)
def test_the_database_itself_refuses_an_impossible_case(
    box: Box, change: dict[str, object]
) -> None:
    add_case(box)

    with (
        pytest.raises(StorageFault, match=r"storage\.invariant"),
        box.store.begin() as unit,
    ):
        unit.cases.add(replace(case("c2"), **change))  # type: ignore[arg-type]  # given by name


def test_the_program_cannot_change_events_or_signed_reports(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        unit.events.append(type="a.b", actor_id="u1")
        unit.cases.add_signed(signed())
        unit.commit()

    for statement in (
        "UPDATE event SET actor_id = 'x'",
        "DELETE FROM event",
        "UPDATE signed_report SET signer_name = 'x'",
        "DELETE FROM signed_report",
    ):
        with (
            pytest.raises(Exception, match="append-only"),
            box.store.engines.write.begin() as connection,
        ):
            connection.execute(text(statement))


def test_a_referral_and_its_follow_ups_come_back_as_they_were(box: Box) -> None:
    add_case(box)
    step = Step(
        ReferralAction.REFER_DOWN,
        NOW,
        "u2",
        "town",
        "k1",
        code="ward",
        text="明日出院",
        state=ReferralState.REFERRED_DOWN,
    )
    plan = DownPlan(
        diagnosis="高血压 3 级",
        next_steps="低盐饮食",
        medicines=(Medicine("氨氯地平", "5 mg", "每日一次", "长期"),),
        follow_ups=(PlannedFollowUp(date(2026, 3, 16), "测血压"),),
    )
    full = referral(
        state=ReferralState.REFERRED_DOWN,
        requested_at=NOW,
        answered_at=NOW,
        arrived_at=NOW,
        down_at=NOW,
        content=UpContent(reasons=("hypertension.acute",), present_history="头痛"),
        plan=plan,
        attachments=(Attachment(AttachmentKind.CASE, "c1", 1),),
        steps=(step,),
        past_targets=("town", "other"),
    )
    due = ReferralFollowUp("f1", "ref1", "p1", "town", FollowUpKind.PLAN, date(2026, 3, 16), "测")

    with box.store.begin() as unit:
        unit.referrals.add(full)
        unit.referrals.add_follow_up(due)
        unit.commit()

    with box.store.read() as unit:
        assert unit.referrals.get("ref1") == full
        assert unit.referrals.get("nobody") is None
        assert unit.referrals.follow_ups(FollowUpQuery(is_due=True, person_id="p1")) == [due]
        assert unit.referrals.follow_ups(FollowUpQuery(referral_id="other")) == []


def test_referrals_are_found_by_side_state_and_time_the_newest_first(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        add_site(unit, "county")
        add_site(unit, "elsewhere")
        unit.referrals.add(referral("a"))
        sent = {"requested_at": NOW, "target_site_id": "county", "past_targets": ("elsewhere",)}
        unit.referrals.add(referral("b", state=ReferralState.REQUESTED, **sent))
        unit.commit()

    def found(**query: object) -> list[str]:
        with box.store.read() as unit:
            return [one.id for one in unit.referrals.find(ReferralQuery(**query))]

    assert found() == ["b", "a"]
    assert found(limit=1) == ["b"]
    assert found(from_site_ids=frozenset({"town"})) == ["b", "a"]
    assert found(target_site_ids=frozenset({"county"})) == ["b"]
    assert found(target_site_ids=frozenset({"elsewhere"})) == ["b"]
    assert found(states=frozenset({ReferralState.DRAFT})) == ["a"]
    assert found(person_id="nobody") == []
    assert found(since=NOW) == ["b", "a"]
    assert found(since=NOW + timedelta(days=1)) == []


def test_two_people_who_change_the_same_referral_collide(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        unit.referrals.add(referral())
        first = unit.referrals.get("ref1")
        assert first is not None
        saved = unit.referrals.save(first)

        with pytest.raises(Conflict, match=r"referral\.changed_meanwhile"):
            unit.referrals.save(first)
        with pytest.raises(NotFound, match=r"follow_up\.not_found"):
            missing = FollowUpKind.EMERGENCY
            unit.referrals.save_follow_up(
                ReferralFollowUp("f9", "ref1", "p1", "town", missing, date(2026, 3, 1))
            )

    assert saved.revision == first.revision + 1


def test_erasing_a_person_empties_what_a_referral_says_of_address_and_number(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        content = UpContent(address="东风镇 3 组", record_number="D-7", present_history="头痛")
        unit.referrals.add(referral(content=content))
        unit.persons.forget_unused("p1")
        unit.persons.erase("p1")
        unit.commit()

    with box.store.read() as unit:
        found = unit.referrals.get("ref1")
        assert found is not None
        assert found.content == UpContent(present_history="头痛")
        assert found.revision == 1
        assert unit.persons.get("p1") is None


def test_a_person_of_a_referral_alone_is_not_forgotten_as_unused(box: Box) -> None:
    add_case(box)
    with box.store.begin() as unit:
        unit.persons.add("p2", PATIENT)
        unit.referrals.add(referral(person_id="p2"))
        unit.persons.forget_unused("p2")
        unit.commit()

    with box.store.read() as unit:
        assert unit.persons.get("p2") == PATIENT


def test_opening_again_finds_everything_and_other_keys_are_refused(
    box: Box, tmp_path: Path
) -> None:
    add_case(box)

    again = open_box(tmp_path, box.url)

    assert again.store.node_id == box.store.node_id
    with again.store.read() as unit:
        assert unit.persons.get("p1") == PATIENT
    again.store.close()
    with pytest.raises(StorageFault, match=r"storage\.wrong_keys"):
        open_box(tmp_path / "other", box.url)


def test_a_database_of_a_later_program_is_refused(box: Box, tmp_path: Path) -> None:
    with box.store.engines.write.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StorageFault, match=r"storage\.newer_schema"):
        open_box(tmp_path, box.url)


def test_the_tables_and_the_migrations_agree(box: Box) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with box.store.engines.read.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, event.metadata) == []


#: Back to a database of before recognition, of before visits, and of before referrals.
_WITHOUT_RECOGNITION = ("DROP TABLE recognition",)
_WITHOUT_VISITS = (
    *_WITHOUT_RECOGNITION,
    *(
        f"DROP TABLE {table}"
        for table in ("advice", "visit", "follow_up", "plan", "disease_report", "enrolment")
    ),
)
_WITHOUT_REFERRALS = (
    *_WITHOUT_VISITS,
    "DROP TABLE referral_follow_up",
    "DROP TABLE referral",
)


_BEFORE_RECOGNITION = "UPDATE alembic_version SET version_num = '0005'"


def test_a_database_of_before_recognition_is_brought_up_to_date(box: Box, tmp_path: Path) -> None:
    add_case(box)
    with box.store.engines.write.begin() as connection:
        for statement in _WITHOUT_RECOGNITION:
            connection.execute(text(statement))
        connection.execute(text(_BEFORE_RECOGNITION))

    again = open_box(tmp_path, box.url)

    with again.store.begin() as unit:
        case = unit.cases.get("c1")
        assert case is not None
        site = case.site_id
        act = RecognitionAct(
            *("a1", "c1", 1, RecognitionKind.OPENED, "u1", site, site, NOW),
            code="visit",
            basis=Basis.PRESENT,
            document="id_card",
        )
        unit.recognitions.add(act)
        unit.commit()
    with again.store.read() as unit:
        assert unit.recognitions.get("a1") == act
        assert unit.recognitions.get("a2") is None
        everything = RecognitionQuery(
            case_site_ids=frozenset({site}), case_id="c1", user_id="u1", since=NOW
        )
        assert unit.recognitions.find(everything) == [act]
        assert unit.recognitions.find(RecognitionQuery(user_id="u2")) == []
    again.store.close()


def test_a_database_of_before_referrals_is_brought_up_to_date(box: Box, tmp_path: Path) -> None:
    add_case(box)
    with box.store.engines.write.begin() as connection:
        for statement in (*_WITHOUT_REFERRALS, "UPDATE alembic_version SET version_num = '0003'"):
            connection.execute(text(statement))

    again = open_box(tmp_path, box.url)

    with again.store.begin() as unit:
        assert unit.cases.get("c1") is not None
        assert unit.referrals.find(ReferralQuery()) == []
        unit.referrals.add(referral())
        unit.commit()
    again.store.close()


def test_a_database_of_before_visits_is_brought_up_to_date(box: Box, tmp_path: Path) -> None:
    add_case(box)
    with box.store.engines.write.begin() as connection:
        for statement in (*_WITHOUT_VISITS, "UPDATE alembic_version SET version_num = '0004'"):
            connection.execute(text(statement))

    again = open_box(tmp_path, box.url)

    with again.store.begin() as unit:
        assert unit.cases.get("c1") is not None
        assert unit.visits.of_person(frozenset({"p1"})) == []
        assert unit.registers.open_plans() == []
    again.store.close()


def test_a_database_of_before_the_split_of_requests_is_brought_up_to_date(
    box: Box, tmp_path: Path
) -> None:
    add_case(box)
    with box.store.engines.write.begin() as connection:
        for statement in (
            *_WITHOUT_REFERRALS,
            "DROP INDEX ix_clinical_case_split_from",
            "ALTER TABLE clinical_case DROP COLUMN split_from",
            "ALTER TABLE upload DROP COLUMN modality",
            "UPDATE alembic_version SET version_num = '0002'",
        ):
            connection.execute(text(statement))

    again = open_box(tmp_path, box.url)

    with again.store.read() as unit:
        case = unit.cases.get("c1")
        assert case is not None
        assert case.split_from == ""
        assert [row.id for row in unit.cases.find(CaseQuery(families=frozenset({"c1"})))] == ["c1"]
    again.store.close()


def test_an_event_changed_behind_the_program_is_found(box: Box) -> None:
    with box.store.begin() as unit:
        unit.events.append(type="a.b", actor_id="u1", payload={"n": 1})
        unit.commit()
    drop = "DROP TRIGGER event_no_update" + ("" if box.store.engines.is_sqlite else " ON event")
    with box.store.engines.write.begin() as connection:
        connection.execute(text(drop))
        connection.execute(update(event).values(payload='{"n": 2}'))

    checked = verify_log(box.store.engines, box.keys, box.store.heads_file)

    assert [problem.code for problem in checked.problems] == ["audit.edited"]


def test_a_database_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    open_box(tmp_path).store.close()
    script = (
        "import sys; from pathlib import Path; from support.storage_box import open_box;"
        f"open_box(Path({str(tmp_path)!r})).store.close(); sys.exit('alembic' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[1], check=False
    )

    assert done.returncode == 0


def test_only_sqlite_files_and_postgresql_are_accepted(tmp_path: Path) -> None:
    for url in ("sqlite://", "mysql://somewhere/db"):
        with pytest.raises(StorageFault, match=r"storage\.url"):
            open_box(tmp_path, url)
