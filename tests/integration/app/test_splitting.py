"""Film and ECG of one draft go up as two requests; each is signed under its own licence."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from support.county import START, County, content, outcome

from qiangji_app.domain.case import (
    Case,
    ClinicalRequest,
    RecordingState,
    RequestedUrgency,
    Verdict,
)
from qiangji_app.domain.modalities import named_modality
from qiangji_app.domain.person import IdentityKind, Patient
from qiangji_app.domain.report import draft_digest
from qiangji_app.domain.workflow import State
from qiangji_app.services import (
    alarms,
    capture,
    followup,
    identity,
    listing,
    presign,
    recordings,
    review,
    uploading,
)
from qiangji_app.services.listing import Filter
from qiangji_app.services.splitting import siblings
from qiangji_app.web.api.cases import show
from qiangji_datasets.errors import Conflict, InputRejected, NotPermitted
from qiangji_datasets.messages import Language

PATIENT = Patient(name="赵某", sex="F", age_years=60)
ASKED = ClinicalRequest(RequestedUrgency.CHEST_PAIN, START, "胸痛两小时", "高血压", "M-7")


def both(county: County, *, modality: str = "cxr") -> str:
    """A draft that holds a film and an ECG with hints on both."""
    county.reader.outcomes[b"film"] = outcome(hints={"effusion": "likely"}, maps=b"maps")
    county.reader.outcomes[b"ecg"] = outcome(
        modality="ecg", hints={"mi": "likely"}, reasons=(("urgency.model_likely", 3, "model"),)
    )
    case_id = county.draft(modality=modality)
    county.upload(case_id, b"film")
    county.upload(case_id, b"ecg")
    return case_id


def submit(county: County, case_id: str, **reasons: str) -> tuple[Case, list[Case]]:
    case = capture.submit(county.ctx, county.caller("operator").actor, case_id, **reasons)
    with county.store.read() as unit:
        return case, list(siblings(unit, case))


def files(county: County, case: Case) -> list[str]:
    with county.store.read() as unit:
        return [row.modality for row in unit.cases.recordings(case.id)]


def mixed_of_before(county: County) -> tuple[str, str]:
    """An ECG case that holds a film too, as cases of before could; and the film's id."""
    county.reader.outcomes[b"ecg"] = outcome(modality="ecg")
    film_case = county.submitted()
    case_id = county.draft(modality="ecg")
    county.upload(case_id, b"ecg")
    capture.submit(county.ctx, county.caller("operator").actor, case_id)
    with county.store.begin() as unit:
        film = unit.cases.recordings(film_case)[0]
        unit.cases.save_recording(replace(film, case_id=case_id))
        unit.commit()
    return case_id, film.id


def test_film_and_ecg_go_up_as_two_requests_with_their_own_readings(county: County) -> None:
    case_id = both(county)
    actor = county.caller("operator").actor
    capture.set_request(county.ctx, actor, case_id, PATIENT, ASKED)
    county.read_all()

    film, [ecg] = submit(county, case_id)

    assert (film.id, film.modality, ecg.modality) == (case_id, "cxr", "ecg")
    assert (film.state, ecg.state) == (State.SUBMITTED, State.SUBMITTED)
    assert (ecg.split_from, film.split_from) == (case_id, "")
    assert (files(county, film), files(county, ecg)) == (["cxr"], ["ecg"])
    same = ("site_id", "person_id", "request", "created_by", "submitted_at", "is_demo")
    for name in same:
        assert getattr(film, name) == getattr(ecg, name)
    with county.store.read() as unit:
        labels = [[row.label for row in unit.cases.findings(one.id)] for one in (film, ecg)]
        maps = [unit.cases.recordings(one.id)[0].map_blob_sha256 for one in (film, ecg)]
    assert labels == [["effusion"], ["mi"]]
    assert maps == [hashlib.sha256(b"maps").hexdigest(), ""]
    assert "urgency.model_likely" not in [row.code for row in film.urgency_reasons]
    assert "urgency.model_likely" in [row.code for row in ecg.urgency_reasons]
    for one in (film, ecg):
        assert "urgency.requested_chest_pain" in [row.code for row in one.urgency_reasons]


def test_both_chains_of_events_tell_of_the_split(county: County) -> None:
    film, [ecg] = submit(county, both(county))

    with county.store.read() as unit:
        of_film, of_ecg = (unit.events.of_case(one.id) for one in (film, ecg))
    assert [row.type for row in of_film[-3:]] == ["case.split", "recording.moved", "case.submitted"]
    assert [row.type for row in of_ecg] == ["case.opened", "recording.moved", "case.submitted"]
    assert of_ecg[0].payload["split_from"] == film.id
    assert of_film[-3].payload["to"] == ecg.id
    assert of_film[-2].payload == of_ecg[1].payload
    assert county.store.verify().problems == ()


def test_a_submission_said_again_makes_no_third_request(county: County) -> None:
    case_id = both(county)
    first, [ecg] = submit(county, case_id)

    again, others = submit(county, case_id)

    assert (again, others) == (first, [ecg])
    with pytest.raises(Exception, match=r"workflow\.wrong_state"):
        capture.submit(county.ctx, county.caller("township").actor, case_id)


def test_nothing_is_split_when_the_transaction_does_not_end(county: County) -> None:
    case_id = both(county)
    taken = county.submitted()

    class TakenIds:
        """An id source that repeats itself: the new request can't be stored."""

        def new(self) -> str:
            return taken

    with pytest.raises(Conflict):
        capture.submit(
            replace(county.ctx, ids=TakenIds()), county.caller("operator").actor, case_id
        )

    case = county.case(case_id)
    assert case.state is State.DRAFT
    assert files(county, case) == ["cxr", "ecg"]
    with county.store.read() as unit:
        assert "case.split" not in [row.type for row in unit.events.of_case(case_id)]
        assert siblings(unit, case) == []


def test_each_request_keeps_the_reasons_that_its_own_files_ask_for(county: County) -> None:
    case_id = both(county)
    county.reader.outcomes[b"bad"] = outcome(status="refused", gate_codes=("film.rotated",))
    county.upload(case_id, b"bad")
    county.reader.outcomes[b"other"] = outcome(modality="ecg", person=Patient("钱某", sex="F"))
    county.upload(case_id, b"other")
    actor = county.caller("operator").actor
    with pytest.raises(Conflict, match=r"identity\.mismatch"):
        capture.submit(county.ctx, actor, case_id)
    with pytest.raises(Conflict, match=r"gate\.override_needed"):
        capture.submit(county.ctx, actor, case_id, identity_reason="同一人")

    film, [ecg] = submit(county, case_id, identity_reason="同一人", override_reason="仅有此片")

    assert (film.override_reason, film.identity_reason) == ("仅有此片", "")
    assert (ecg.override_reason, ecg.identity_reason) == ("", "同一人")
    with county.store.read() as unit:
        said = [[row.kind for row in unit.cases.messages(one.id)] for one in (film, ecg)]
    assert said == [["override"], ["identity"]]


def test_a_reason_about_film_and_ecg_of_two_names_goes_with_both(county: County) -> None:
    case_id = county.draft()
    nobody = Patient("无名氏", IdentityKind.EMERGENCY)
    actor = county.caller("operator").actor
    capture.set_request(county.ctx, actor, case_id, nobody, ClinicalRequest())
    people = {"cxr": Patient("钱某", patient_id="1"), "ecg": Patient("孙某", patient_id="2")}
    for modality, person in people.items():
        county.reader.outcomes[modality.encode()] = outcome(modality=modality, person=person)
        county.upload(case_id, modality.encode())
    found = identity.differences(county.ctx, actor, case_id, Language.ZH)
    assert [item.field for item in found] == ["name"]  # each device has its own numbers

    film, [ecg] = submit(county, case_id, identity_reason="同一人")

    assert (film.identity_reason, ecg.identity_reason) == ("同一人", "同一人")


def test_a_lateral_beside_an_ecg_alone_needs_its_own_reason(county: County) -> None:
    county.reader.outcomes[b"lateral"] = outcome(status="refused", gate_codes=("film.lateral",))
    county.reader.outcomes[b"ecg"] = outcome(modality="ecg")
    case_id = county.draft()
    county.upload(case_id, b"lateral")
    county.upload(case_id, b"ecg")

    with pytest.raises(Conflict, match=r"gate\.override_needed"):
        submit(county, case_id)


def test_both_requests_are_of_the_person_that_was_recognised(county: County) -> None:
    known = county.case(county.submitted()).person_id

    film, [ecg] = submit(county, both(county), person_id=known)

    assert (film.person_id, ecg.person_id) == (known, known)


def test_a_later_correction_of_one_request_leaves_the_other_as_it_is(county: County) -> None:
    film, [ecg] = submit(county, both(county))
    reader = county.caller("specialist").actor
    review.claim(county.ctx, reader, film.id)
    review.return_case(county.ctx, reader, film.id, "wrong_patient", "")
    actor = county.caller("operator").actor

    capture.set_request(county.ctx, actor, film.id, replace(PATIENT, name="钱某"), ASKED)

    with county.store.read() as unit:
        names = [unit.persons.get(county.case(one.id).person_id) for one in (film, ecg)]
    assert [who.name for who in names if who] == ["钱某", "赵某"]


def test_an_ecg_added_to_a_returned_film_goes_up_as_a_request_of_its_own(county: County) -> None:
    film, [ecg] = submit(county, both(county))
    reader = county.caller("specialist").actor
    review.claim(county.ctx, reader, ecg.id)
    review.return_case(county.ctx, reader, ecg.id, "lead_reversal", "")
    county.clock.step(minutes=5)
    county.upload(ecg.id, b"film")
    county.clock.step(minutes=5)

    again, others = submit(county, ecg.id)

    assert (again.id, again.modality, again.split_from) == (ecg.id, "ecg", film.id)
    assert [(one.modality, one.split_from) for one in others] == [("cxr", ""), ("cxr", film.id)]
    assert others[1].submitted_at == others[1].created_at == county.clock.now()
    with county.store.read() as unit:
        assert unit.cases.messages(others[1].id) == []


def test_a_file_that_nobody_knows_stays_and_a_named_one_goes_with_its_kind(county: County) -> None:
    case_id = both(county)
    refused = outcome(modality="", status="refused", state=RecordingState.REFUSED)
    for bytes_, modality in ((b"junk", ""), (b"broken ecg", "ecg")):
        county.reader.outcomes[bytes_] = refused
        upload(county, case_id, bytes_, modality)

    film, [ecg] = submit(county, case_id, override_reason="仅有此片")

    with county.store.read() as unit:
        held = {
            row.blob_sha256: one.modality
            for one in (film, ecg)
            for row in unit.cases.recordings(one.id)
        }
    assert held[hashlib.sha256(b"junk").hexdigest()] == "cxr"
    assert held[hashlib.sha256(b"broken ecg").hexdigest()] == "ecg"


def test_a_case_without_a_file_of_its_own_kind_becomes_what_its_files_show(county: County) -> None:
    county.reader.outcomes[b"ecg"] = outcome(modality="ecg")
    case_id = county.draft(modality="cxr")
    county.upload(case_id, b"ecg")

    case, others = submit(county, case_id)

    assert (case.id, case.modality, others) == (case_id, "ecg", [])
    with county.store.read() as unit:
        kinds = [row.type for row in unit.events.of_case(case_id)]
    assert kinds[-2:] == ["case.modality_named", "case.submitted"]


def upload(county: County, case_id: str, content: bytes, modality: str) -> str:
    """Store a file that a person says shows a modality, and triage it."""
    actor, upload_id = county.caller("operator").actor, str(uuid.uuid4())
    uploading.start(
        county.ctx,
        actor,
        upload_id=upload_id,
        case_id=case_id,
        file_name="a.png",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        modality=modality,
    )
    done = uploading.append(county.ctx, actor, upload_id, 0, content)
    recordings.triage_recording(county.ctx, done.recording_id)
    return done.recording_id


def test_a_picture_is_read_as_what_the_desk_says_whatever_the_case(county: County) -> None:
    county.reader.outcomes[b"ecg"] = outcome(modality="ecg")
    case_id = county.draft(modality="ecg")
    county.upload(case_id, b"ecg")

    picture = upload(county, case_id, b"picture", "cxr")

    assert county.reader.stated[-1]["modality"] == "cxr"
    with county.store.read() as unit:
        stored = unit.cases.recording(picture)
    assert stored is not None
    assert named_modality(stored) == "cxr"
    county.clock.step(minutes=1)
    capture.set_request(
        county.ctx, county.caller("operator").actor, case_id, replace(PATIENT, age_years=30), ASKED
    )
    county.read_all()
    assert [row["modality"] for row in county.reader.stated[-2:]] == ["ecg", "cxr"]
    ecg, [film] = submit(county, case_id)
    assert (files(county, ecg), files(county, film)) == (["ecg"], ["cxr"])
    with pytest.raises(InputRejected, match=r"case\.modality"):
        upload(county, case_id, b"x", "mri")


def test_a_file_read_while_its_case_is_split_stays_where_it_went(county: County) -> None:
    case_id = both(county)
    actor = county.caller("operator").actor
    capture.set_request(county.ctx, actor, case_id, replace(PATIENT, age_years=30), ASKED)
    county.clock.step(seconds=61)
    reader = county.reader
    sent: list[Case] = []

    class Slow:
        """A reader during whose work the desk submits."""

        def triage(self, path: object, *, stated: object) -> object:
            if not sent:
                sent.extend([case := capture.submit(county.ctx, actor, case_id), case])
            return reader.triage(path, stated=stated)  # type: ignore[arg-type]

    with county.store.read() as unit:
        ecg_file = unit.cases.recordings(case_id)[1].id
    recordings.triage_recording(replace(county.ctx, reader=Slow()), ecg_file)  # type: ignore[arg-type]
    county.read_all()  # it was read as of the kind that its case had before

    with county.store.read() as unit:
        stored = unit.cases.recording(ecg_file)
        assert stored is not None
        [ecg] = siblings(unit, sent[0])
        assert stored.case_id == ecg.id
        assert [row.label for row in unit.cases.findings(ecg.id)] == ["mi"]


def test_who_looked_at_the_patient_is_known_to_the_request_with_the_alarm(county: County) -> None:
    case_id = both(county)
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    county.upload(case_id, b"vf")
    doctor = county.caller("township").actor
    seen = alarms.mark_seen(county.ctx, doctor, case_id)
    county.clock.step(minutes=3)

    film, [ecg] = submit(county, case_id)

    view = listing.view_case(county.ctx, doctor, ecg.id)
    assert view.alarm_seen == seen
    with county.store.read() as unit:
        assert "alarm.seen" in [row.type for row in unit.events.of_case(ecg.id)]
        actors = {row.actor_id for row in unit.events.of_case(ecg.id)}
    assert actors == {county.caller("operator").actor.user_id}
    assert listing.view_case(county.ctx, doctor, film.id).alarm_seen is None


def test_a_seen_alarm_that_stays_with_the_case_is_told_once(county: County) -> None:
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    case_id = county.draft(modality="ecg")
    county.upload(case_id, b"vf")
    county.upload(case_id, b"film")
    alarms.mark_seen(county.ctx, county.caller("township").actor, case_id)

    ecg, [film] = submit(county, case_id)

    with county.store.read() as unit:
        kinds = [[row.type for row in unit.events.of_case(one.id)] for one in (ecg, film)]
    assert [row.count("alarm.seen") for row in kinds] == [1, 0]


def test_each_request_tells_of_the_other_and_only_its_readers_may_open_it(county: County) -> None:
    film, [ecg] = submit(county, both(county))
    told = show(county.ctx, county.caller("operator"), film.id)["siblings"]
    assert [(row["id"], row["modality"], row["state"]) for row in told] == [
        (ecg.id, "ecg", "submitted")
    ]
    assert told[0]["state_text"] == "待阅"
    back = show(county.ctx, county.caller("ecg_only"), ecg.id)["siblings"]
    assert [row["short_id"] for row in back] == [film.id[-8:]]

    reader = county.unlocked("specialist")
    review.claim(county.ctx, reader.actor, ecg.id)
    review.save_draft(county.ctx, reader.actor, ecg.id, content())
    for row in listing.view_case(county.ctx, reader.actor, ecg.id).findings:
        review.judge(county.ctx, reader.actor, ecg.id, row.id, verdict=Verdict.REJECTED)
    county.sign(reader, ecg.id)

    closed = show(county.ctx, county.caller("receiving"), ecg.id)["siblings"]
    assert [(row["id"], row["state"]) for row in closed] == [(None, "submitted")]


def test_each_worklist_holds_the_request_of_its_own_kind(county: County) -> None:
    film, [ecg] = submit(county, both(county))
    reader = county.caller("specialist").actor

    for modality, wanted in (("cxr", [film.id]), ("ecg", [ecg.id])):
        page = listing.list_cases(county.ctx, reader, Filter("worklist", modality=modality))
        assert [row.case.id for row in page.rows] == wanted
    with pytest.raises(NotPermitted, match=r"workflow\.no_licence"):
        review.claim(county.ctx, county.caller("ecg_only").actor, film.id)


def test_a_list_tells_of_each_request_what_went_up_with_it_and_of_no_other(
    county: County,
) -> None:
    film, [ecg] = submit(county, both(county))
    film2, [ecg2] = submit(county, both(county))
    alone = county.submitted()
    reader = county.caller("specialist").actor

    listed = listing.list_cases(county.ctx, reader, Filter("worklist")).rows
    found = listing.list_cases(county.ctx, reader, Filter("worklist", text=ecg2.id[-8:])).rows

    assert {row.case.id: [one.id for one in row.siblings] for row in listed} == {
        film.id: [ecg.id],
        ecg.id: [film.id],
        film2.id: [ecg2.id],
        ecg2.id: [film2.id],
        alone: [],
    }
    assert [[one.id for one in row.siblings] for row in found] == [[film2.id]]


def test_who_sent_one_part_signs_none(county: County) -> None:
    film, [ecg] = submit(county, both(county))
    reader = county.unlocked("ecg_only")
    with county.store.begin() as unit:
        stored = unit.uploads.of_case(film.id)[0]
        unit.uploads.save(replace(stored, user_id=reader.actor.user_id))
        unit.commit()
    review.claim(county.ctx, reader.actor, ecg.id)
    review.save_draft(county.ctx, reader.actor, ecg.id, content())

    with pytest.raises(NotPermitted, match=r"workflow\.own_case"):
        county.sign(reader, ecg.id)


def test_a_case_of_before_is_signed_only_by_who_is_licensed_for_all_of_it(county: County) -> None:
    case_id, _ = mixed_of_before(county)
    reader = county.unlocked("ecg_only")
    review.claim(county.ctx, reader.actor, case_id)
    draft = review.save_draft(county.ctx, reader.actor, case_id, content())
    digest = draft_digest(draft.content)

    view = show(county.ctx, reader, case_id)
    assert view["unlicensed"] == ["cxr"]
    may = view["permissions"]
    assert [may[name] for name in ("sign", "call", "write", "return")] == [False, False, True, True]
    with pytest.raises(NotPermitted, match=r"no_licence_for_all") as refused:
        review.sign(county.ctx, reader, case_id, digest)
    assert refused.value.params["modality"] == "cxr"
    with pytest.raises(NotPermitted, match=r"no_licence_for_all"):
        presign.check_draft(county.ctx, reader, case_id, digest)
    with pytest.raises(NotPermitted, match=r"no_licence_for_all"):
        followup.raise_call(county.ctx, reader, case_id, "stemi", "ST 段抬高")

    review.release(county.ctx, reader.actor, case_id)
    other = county.unlocked("specialist")
    review.claim(county.ctx, other.actor, case_id)
    review.save_draft(county.ctx, other.actor, case_id, content())
    county.sign(other, case_id)
    with pytest.raises(NotPermitted, match=r"no_licence_for_all"):
        review.amend(county.ctx, reader.actor, case_id, "补充")
    assert show(county.ctx, county.caller("operator"), case_id)["unlicensed"] == []


def test_a_case_of_before_that_is_returned_comes_back_as_two(county: County) -> None:
    case_id, film_id = mixed_of_before(county)
    reader = county.caller("ecg_only").actor
    review.claim(county.ctx, reader, case_id)
    review.return_case(county.ctx, reader, case_id, "other", "请分开提交")
    county.clock.at += timedelta(minutes=1)

    ecg, [film] = submit(county, case_id)

    assert (ecg.id, files(county, ecg), files(county, film)) == (case_id, ["ecg"], ["cxr"])
    with county.store.read() as unit:
        assert [row.id for row in unit.cases.recordings(film.id)] == [film_id]
