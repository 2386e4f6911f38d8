"""Alarms: who is told, whom to telephone, who has looked at the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from support.county import County, content, outcome

from qiangji_app.domain.account import Account
from qiangji_app.services import alarms, capture, followup, listing, review, sessions
from qiangji_app.services.alarms import Alert
from qiangji_datasets.errors import Conflict, NotFound, NotPermitted, WrongState


def alarmed(county: County, login: str) -> Sequence[Alert]:
    return alarms.alerts(county.ctx, county.caller(login).actor)


def in_fibrillation(county: County, *, by: str = "operator") -> str:
    """A submitted case with an alarm; returns its id."""
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    return county.submitted(by=by, content=b"vf")


def test_a_strong_alarm_reaches_site_and_specialists_at_once_even_as_a_draft(
    county: County,
) -> None:
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    case_id = county.draft()
    county.upload(case_id, b"vf")

    def told(login: str) -> list[str]:
        return [row.case.id for row in alarms.alerts(county.ctx, county.caller(login).actor)]

    assert told("township") == [case_id]
    assert told("specialist") == [case_id]
    assert told("stranger") == []
    assert told("receiving") == []
    assert told("auditor") == []


def test_a_hint_that_is_not_critical_raises_no_alarm(county: County) -> None:
    county.reader.outcomes[b"maybe"] = outcome(reasons=(("urgency.model_likely", 3, "model"),))
    county.submitted(content=b"maybe")

    assert alarms.alerts(county.ctx, county.caller("specialist").actor) == []


def test_an_alarm_ends_with_the_signature(county: County) -> None:
    county.reader.outcomes[b"film"] = outcome(reasons=(("ecg.chaotic", 4, "measurement"),))
    case_id = county.submitted()
    specialist = county.caller("specialist").actor
    assert alarms.alerts(county.ctx, specialist)

    review.claim(county.ctx, specialist, case_id)

    review.save_draft(county.ctx, specialist, case_id, content())
    county.sign(county.unlocked("specialist"), case_id)

    assert alarms.alerts(county.ctx, specialist) == []


def test_an_alarm_stays_and_says_who_looked_at_the_patient(county: County) -> None:
    case_id = in_fibrillation(county)
    doctor = county.caller("township").actor
    assert [row.seen for row in alarmed(county, "specialist")] == [None]

    seen = alarms.mark_seen(county.ctx, doctor, case_id)
    county.clock.step(minutes=1)

    assert (seen.user_id, alarms.mark_seen(county.ctx, doctor, case_id)) == (doctor.user_id, seen)
    for login in ("specialist", "township", "operator"):
        assert [row.seen for row in alarmed(county, login)] == [seen]
    assert listing.view_case(county.ctx, doctor, case_id).alarm_seen == seen
    with county.store.read() as unit:
        kinds = [row.type for row in unit.events.of_case(case_id)]
    assert kinds.count("alarm.seen") == 1


def test_another_alarm_on_the_same_case_asks_to_look_again(county: County) -> None:
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    county.reader.outcomes[b"st"] = outcome(modality="ecg", reasons=(("ecg.pause", 4, "model"),))
    case_id = county.draft(modality="ecg")
    county.upload(case_id, b"vf")
    doctor = county.caller("township").actor
    alarms.mark_seen(county.ctx, doctor, case_id)

    county.upload(case_id, b"st")

    assert [row.seen for row in alarmed(county, "specialist")] == [None]
    alarms.mark_seen(county.ctx, doctor, case_id)
    assert [row.seen is None for row in alarmed(county, "specialist")] == [False]


def test_only_a_doctor_of_the_patients_site_can_have_looked(county: County) -> None:
    case_id = in_fibrillation(county, by="village")

    for login in ("operator", "specialist", "manager", "auditor", "stranger"):
        with pytest.raises((NotPermitted, NotFound)):
            alarms.mark_seen(county.ctx, county.caller(login).actor, case_id)
    with pytest.raises(NotPermitted, match="alarm.other_site"):
        alarms.mark_seen(county.ctx, county.caller("township").actor, case_id)
    alarms.mark_seen(county.ctx, county.caller("village").actor, case_id)

    case = county.case(case_id)
    may = {login: county.caller(login).actor for login in ("village", "township", "specialist")}
    assert [name for name, who in may.items() if alarms.may_mark_seen(who, case)] == ["village"]


def test_without_an_alarm_there_is_nothing_to_have_seen(county: County) -> None:
    doctor = county.caller("township").actor

    with pytest.raises(Conflict, match="alarm.none"):
        alarms.mark_seen(county.ctx, doctor, county.submitted())
    with pytest.raises(WrongState):
        alarms.mark_seen(county.ctx, doctor, county.signed())


def test_each_side_is_told_the_number_of_the_other_and_who_is_there(county: County) -> None:
    case_id = in_fibrillation(county)
    for login in ("township", "specialist", "manager"):
        county.caller(login)

    by_county = listing.view_case(county.ctx, county.caller("specialist").actor, case_id).contact
    by_site = listing.view_case(county.ctx, county.caller("operator").actor, case_id).contact

    assert (by_county.site.id, by_county.online) == ("east", ("Operator", "Township"))
    assert (by_site.site.id, by_site.online) == ("county", ("Specialist",))
    assert [row.contact for row in alarmed(county, "operator")] == [by_site]


def test_the_county_is_found_from_a_village_and_those_who_left_are_not_there(
    county: County,
) -> None:
    case_id = in_fibrillation(county, by="village")
    county.caller("specialist")
    county.clock.step(minutes=4)
    sessions.sign_in(county.ctx, "specialist2", "a long enough password")
    deactivate(county, "specialist2")

    contact = listing.view_case(county.ctx, county.caller("village").actor, case_id).contact

    assert (contact.site.id, contact.online) == ("county", ())


def deactivate(county: County, login: str) -> Account:
    with county.store.begin() as unit:
        account = unit.accounts.by_login(login)
        assert account is not None
        gone = replace(account, is_active=False)
        unit.accounts.save(gone)
        unit.commit()
    return gone


def test_an_alarm_names_the_patient_only_to_who_may_open_the_case(county: County) -> None:
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    case_id = county.draft(name="钱某")
    county.upload(case_id, b"vf")

    def named(login: str) -> list[str | None]:
        return [row.patient.name if row.patient else None for row in alarmed(county, login)]

    assert named("township") == ["钱某"]
    assert named("specialist") == [None]
    capture.submit(county.ctx, county.caller("operator").actor, case_id)
    assert named("specialist") == ["钱某"]
    assert [row.site.id for row in alarmed(county, "specialist") if row.site] == ["east"]


def test_a_page_that_asks_again_learns_of_every_change_and_of_who_came(county: County) -> None:
    doctor = county.caller("township").actor
    known = [alarms.version(county.ctx, doctor)]

    def has_changed() -> bool:
        known.append(alarms.version(county.ctx, doctor))
        return known[-1] != known[-2]

    assert not has_changed()
    case_id = in_fibrillation(county)
    assert has_changed()
    alarms.mark_seen(county.ctx, doctor, case_id)
    assert has_changed()
    county.caller("specialist")
    assert has_changed()
    county.clock.step(minutes=4)  # nobody's page is open any more
    assert has_changed()
    assert not has_changed()
    assert alarms.version(county.ctx, county.caller("operator").actor) != known[-1]


def test_many_cases_without_an_alarm_do_not_hide_one(county: County) -> None:
    for _ in range(3):
        county.submitted()
    case_id = in_fibrillation(county)

    assert [row.case.id for row in alarmed(county, "specialist")] == [case_id]


def test_many_abandoned_drafts_do_not_hide_the_newest_alarm(county: County) -> None:
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    first = county.draft(modality="ecg")
    county.upload(first, b"vf")
    with county.store.begin() as unit:
        for number in range(209):
            unit.cases.add(replace(county.case(first), id=f"old-{number}"))
        unit.commit()
    county.clock.step(days=30)
    case_id = county.draft(modality="ecg")
    county.upload(case_id, b"vf")

    assert alarmed(county, "specialist")[-1].case.id == case_id
    assert len(alarmed(county, "township")) == 211


def test_an_alarm_is_told_apart_from_a_further_one_and_not_from_itself_once_submitted(
    county: County,
) -> None:
    county.reader.outcomes[b"vf"] = outcome(
        modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)
    )
    county.reader.outcomes[b"st"] = outcome(modality="ecg", reasons=(("ecg.pause", 4, "model"),))
    case_id = county.draft(modality="ecg")
    county.upload(case_id, b"vf")

    def keys() -> list[str]:
        return [row.key for row in alarmed(county, "specialist")]

    first = keys()
    county.upload(case_id, b"st")
    second = keys()
    capture.submit(county.ctx, county.caller("operator").actor, case_id)
    assert first != second == keys()
    review.claim(county.ctx, county.caller("specialist").actor, case_id)
    call = followup.raise_call(county.ctx, county.unlocked("specialist"), case_id, "stemi", "室颤")
    assert f"critical_call:{case_id}:{call.id}" in keys()


def test_a_call_takes_the_place_of_the_alarm_it_was_raised_on_until_another_one_joins(
    county: County,
) -> None:
    county.reader.outcomes[b"st"] = outcome(modality="ecg", reasons=(("ecg.pause", 4, "model"),))
    case_id = in_fibrillation(county)
    specialist, doctor = county.caller("specialist").actor, county.caller("township").actor

    def told() -> list[list[str]]:
        return [[row.kind for row in alarmed(county, who)] for who in ("specialist", "township")]

    review.claim(county.ctx, specialist, case_id)
    assert told() == [["ai_alarm"]] * 2
    caller = county.unlocked("specialist")
    call = followup.raise_call(county.ctx, caller, case_id, "vt_vf", "室颤")
    assert told() == [["critical_call"]] * 2
    followup.confirm_call(county.ctx, doctor, call.id, "confirmed", read_back="室颤,除颤")
    assert told() == [[]] * 2
    review.return_case(county.ctx, specialist, case_id, "other", "重做一份")
    assert told() == [[]] * 2
    county.upload(case_id, b"st")
    assert told() == [["ai_alarm"]] * 2


def test_an_alarm_tells_the_age_at_the_examination_as_the_lists_do(county: County) -> None:
    made = county.clock.now() - timedelta(days=3650)
    county.reader.outcomes[b"vf"] = replace(
        outcome(modality="ecg", reasons=(("ecg.chaotic", 4, "measurement"),)), acquired_at=made
    )
    case_id = county.draft(modality="ecg")
    county.upload(case_id, b"vf")

    assert [row.age_day for row in alarmed(county, "township")] == [made.date()]
    assert [row.age_day for row in alarmed(county, "specialist")] == [None]
