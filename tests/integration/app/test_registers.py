"""Registers, records of follow-ups, what is due, control rate, notifiable diseases."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, timedelta

import pytest
from support.county import START, County, content
from support.referrals import Referring, up_content
from support.visiting import KEPT, PATIENT, TODAY, enrolled, followed, pressure, recorded, visit

from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import FollowUpClass, PlanKind, RegisterKind
from qiangji_app.domain.visit import Decision
from qiangji_app.rules.expressions import Outcome
from qiangji_app.services import (
    advice,
    disease_reports,
    follow_ups,
    referral_drafts,
    referring,
    registers,
    review,
)
from qiangji_app.services.follow_ups import Filled
from qiangji_app.services.referral_drafts import DraftForm
from qiangji_app.services.visit_referrals import refer
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted
from qiangji_datasets.messages import Language

HIGH = {**KEPT, "systolic": 152.0, "diastolic": 94.0}
TWO_WEEKS = TODAY + timedelta(days=14)


def test_a_new_entry_is_due_at_once(county: County) -> None:
    entry = enrolled(county)

    (row,) = registers.due_list(county.ctx, county.caller("village").actor, TODAY)

    assert row.item.ref == entry.id
    assert row.days_overdue == 0


def test_nobody_is_in_a_register_twice(county: County) -> None:
    entry = enrolled(county)
    actor = county.caller("village").actor

    with pytest.raises(Conflict, match=r"register\.enrolled"):
        registers.enrol(county.ctx, actor, entry.person_id, RegisterKind.HYPERTENSION)
    registers.enrol(county.ctx, actor, entry.person_id, RegisterKind.DIABETES)
    registers.end(county.ctx, actor, entry.id, "moved")
    again = registers.enrol(county.ctx, actor, entry.person_id, RegisterKind.HYPERTENSION)
    assert again.id != entry.id


@pytest.mark.parametrize(
    ("kind", "patient"),
    [
        (RegisterKind.ELDERLY, replace(PATIENT, age_years=64)),
        (RegisterKind.CHILD, replace(PATIENT, age_years=7)),
        (RegisterKind.PREGNANT, replace(PATIENT, sex="M")),
    ],
)
def test_a_register_takes_only_those_it_is_meant_for(
    county: County, kind: RegisterKind, patient: Patient
) -> None:
    with pytest.raises(InputRejected, match=r"register\.not_meant"):
        enrolled(county, kind, patient=patient)


def test_without_a_checked_schedule_the_doctor_names_the_day(county: County) -> None:
    person_id = visit(county).person_id
    actor = county.caller("village").actor

    with pytest.raises(InputRejected, match=r"register\.date_needed"):
        registers.enrol(county.ctx, actor, person_id, RegisterKind.COPD)
    for day in (TODAY - timedelta(days=1), date(2040, 1, 1)):
        with pytest.raises(InputRejected, match=r"register\.bad_date"):
            registers.enrol(county.ctx, actor, person_id, RegisterKind.COPD, next_due=day)
    entry = registers.enrol(county.ctx, actor, person_id, RegisterKind.COPD, next_due=TWO_WEEKS)

    with pytest.raises(InputRejected, match=r"register\.date_needed"):
        followed(county, entry, {})
    kept = follow_ups.record(
        county.ctx, actor, entry.id, str(uuid.uuid4()), Filled(TODAY, {}, TWO_WEEKS)
    )
    assert (kept.category, kept.next_due) == (None, TWO_WEEKS)


def test_a_child_is_due_at_the_next_age(county: County) -> None:
    child = Patient(name="演示小童", sex="M", birth_date=date(2025, 12, 10))

    entry = enrolled(county, RegisterKind.CHILD, patient=child)

    assert entry.next_due == date(2026, 3, 10)


@pytest.mark.parametrize(
    ("fields", "category", "days"),
    [(KEPT, FollowUpClass.SATISFIED, 92), (HIGH, FollowUpClass.UNSATISFIED, 14)],
)
def test_a_record_is_classed_and_plans_the_next(
    county: County, fields: dict[str, object], category: FollowUpClass, days: int
) -> None:
    entry = enrolled(county)

    kept = followed(county, entry, fields)

    assert kept.category is category
    assert kept.next_due == TODAY + timedelta(days=days)
    rows = registers.due_list(county.ctx, county.caller("village").actor, date(2026, 12, 31))
    assert [row.item.due_on for row in rows] == [kept.next_due]
    page = registers.list_register(
        county.ctx, county.caller("township").actor, RegisterKind.HYPERTENSION
    )
    assert page.rows[0].last == kept
    assert county.store.verify().problems == ()


def test_the_second_unsatisfied_in_a_row_refers(county: County) -> None:
    entry = enrolled(county)
    followed(county, entry, HIGH)
    county.clock.step(days=14)

    second = followed(county, entry, HIGH, day=TWO_WEEKS)

    assert second.is_referred


def test_a_record_of_an_earlier_day_is_kept_and_plans_nothing(county: County) -> None:
    entry = enrolled(county)
    actor = county.caller("village").actor
    followed(county, entry, HIGH)
    before = registers.due_list(county.ctx, actor, date(2027, 1, 1))

    old = followed(county, entry, KEPT, day=TODAY - timedelta(days=60))

    assert old.next_due is None
    assert old.category is FollowUpClass.SATISFIED
    assert registers.due_list(county.ctx, actor, date(2027, 1, 1)) == before
    assert [row.item.due_on for row in before] == [TWO_WEEKS]
    page = registers.list_register(county.ctx, actor, RegisterKind.HYPERTENSION)
    assert page.rows[0].enrolment.next_due == TWO_WEEKS
    assert len(follow_ups.record_of(county.ctx, actor, entry.id).follow_ups) == 2
    corrected = followed(county, entry, KEPT)
    rows = registers.due_list(county.ctx, actor, date(2027, 1, 1))
    assert [row.item.due_on for row in rows] == [corrected.next_due]


def test_an_earlier_record_without_a_schedule_needs_no_day(county: County) -> None:
    person_id = visit(county).person_id
    actor = county.caller("village").actor
    copd = RegisterKind.COPD
    entry = registers.enrol(county.ctx, actor, person_id, copd, next_due=TWO_WEEKS)
    new = Filled(TODAY, {}, TWO_WEEKS)
    follow_ups.record(county.ctx, actor, entry.id, str(uuid.uuid4()), new)

    on_paper = TODAY - timedelta(days=30)
    typed = Filled(TODAY - timedelta(days=60), {}, on_paper)
    old = followed(county, entry, {}, day=TODAY - timedelta(days=90))
    older = follow_ups.record(county.ctx, actor, entry.id, str(uuid.uuid4()), typed)

    assert (old.next_due, older.next_due) == (None, on_paper)
    page = registers.list_register(county.ctx, actor, copd)
    assert page.rows[0].enrolment.next_due == TWO_WEEKS


def test_a_preview_says_what_a_record_would_be_and_keeps_nothing(county: County) -> None:
    entry = enrolled(county)
    actor = county.caller("village").actor

    found, of = follow_ups.preview(county.ctx, actor, entry.id, Filled(TODAY, HIGH))

    assert of == entry
    assert found.category is FollowUpClass.UNSATISFIED
    assert follow_ups.record_of(county.ctx, actor, entry.id).follow_ups == []


@pytest.mark.parametrize(
    ("changes", "day", "is_danger"),
    [
        ({"systolic": 186.0, "diastolic": 112.0}, TODAY, True),
        ({"systolic": 186.0, "diastolic": 112.0}, TODAY - timedelta(days=5), False),
        ({"symptoms": ["nausea_vomiting", "nosebleed"], "systolic": 152.0}, TODAY, True),
        ({}, TODAY, False),
    ],
)
def test_what_a_form_says_is_put_before_the_rules(
    county: County, changes: dict[str, object], day: date, is_danger: bool
) -> None:
    entry = enrolled(county)
    actor = county.caller("village").actor

    found = follow_ups.advised(county.ctx, actor, entry.id, Filled(day, {**KEPT, **changes}))

    urgencies = {one.urgency.name for one in found.answers if one.outcome is Outcome.YES}
    assert ("EMERGENCY" in urgencies) is is_danger
    assert not found.refused


def test_a_register_without_a_form_is_advised_on_what_is_known(county: County) -> None:
    entry = registers.enrol(
        county.ctx,
        county.caller("village").actor,
        visit(county).person_id,
        RegisterKind.COPD,
        next_due=TWO_WEEKS,
    )
    actor = county.caller("village").actor

    found = follow_ups.advised(county.ctx, actor, entry.id, Filled(TODAY, {}))

    assert {one.code for one in found.situation.facts} == {"copd"}


def test_the_same_record_sent_again_is_one_record(county: County) -> None:
    entry, other = enrolled(county), enrolled(county)
    actor = county.caller("village").actor
    key = str(uuid.uuid4())
    filled = Filled(TODAY, KEPT)

    first = follow_ups.record(county.ctx, actor, entry.id, key, filled)

    assert follow_ups.record(county.ctx, actor, entry.id, key, filled) == first
    with pytest.raises(Conflict, match=r"follow_up\.id_taken"):
        follow_ups.record(county.ctx, actor, other.id, key, filled)
    with pytest.raises(InputRejected, match=r"follow_up\.bad_id"):
        follow_ups.record(county.ctx, actor, entry.id, "x", filled)


@pytest.mark.parametrize(
    ("filled", "code"),
    [
        (Filled(TODAY, {"systolic": 128.0}), "follow_up.missing"),
        (Filled(TODAY + timedelta(days=1), KEPT), "follow_up.future"),
        (Filled(TODAY, {**KEPT, "systolic": 900.0}), "fact.implausible"),
        (Filled(TODAY, KEPT, date(2026, 12, 1)), "follow_up.later_than_standard"),
        (Filled(TODAY, KEPT, TODAY - timedelta(days=1)), "register.bad_date"),
    ],
)
def test_a_record_that_cannot_be_kept_says_why(county: County, filled: Filled, code: str) -> None:
    entry = enrolled(county)

    with pytest.raises(InputRejected, match=code):
        follow_ups.record(
            county.ctx, county.caller("village").actor, entry.id, str(uuid.uuid4()), filled
        )


def test_the_doctor_may_see_somebody_sooner(county: County) -> None:
    entry = enrolled(county)
    actor = county.caller("village").actor

    kept = follow_ups.record(
        county.ctx, actor, entry.id, str(uuid.uuid4()), Filled(TODAY, KEPT, TWO_WEEKS)
    )

    assert kept.next_due == TWO_WEEKS


def test_an_ended_entry_keeps_its_records_and_takes_no_more(county: County) -> None:
    entry = enrolled(county)
    followed(county, entry)
    actor = county.caller("village").actor

    with pytest.raises(InputRejected, match=r"register\.end_reason"):
        registers.end(county.ctx, actor, entry.id, "bored")
    registers.end(county.ctx, actor, entry.id, "moved")

    with pytest.raises(Conflict, match=r"register\.ended"):
        registers.end(county.ctx, actor, entry.id, "moved")
    with pytest.raises(Conflict, match=r"register\.ended"):
        followed(county, entry)
    assert len(follow_ups.record_of(county.ctx, actor, entry.id).follow_ups) == 1
    assert registers.due_list(county.ctx, actor, date(2030, 1, 1)) == []


def test_what_is_overdue_is_counted_and_listed_first(county: County) -> None:
    early = enrolled(county)
    county.clock.step(days=30)
    late = enrolled(county, patient=replace(PATIENT, name="演示乙某"))
    actor = county.caller("township").actor

    page = registers.list_register(county.ctx, actor, RegisterKind.HYPERTENSION)
    only = registers.list_register(county.ctx, actor, RegisterKind.HYPERTENSION, only_overdue=True)

    assert [row.enrolment.id for row in page.rows] == [early.id, late.id]
    assert (page.total, page.overdue, only.total) == (2, 1, 1)
    assert page.rows[0].days_overdue == 30
    assert len(registers.whole_register(county.ctx, actor, RegisterKind.HYPERTENSION)) == 2


def test_the_control_rate_counts_the_last_record_of_the_year(county: County) -> None:
    good, turned, never = enrolled(county), enrolled(county), enrolled(county)
    followed(county, good)
    followed(county, turned)
    county.clock.step(days=1)
    followed(county, turned, HIGH, day=TODAY + timedelta(days=1))

    found = registers.rates(county.ctx, county.caller("manager").actor, 2026)
    before = registers.rates(county.ctx, county.caller("village").actor, 2025)

    rate = found[RegisterKind.HYPERTENSION]
    assert never.ended_at is None
    assert (rate.managed, rate.followed, rate.controlled) == (3, 2, 1)
    assert before[RegisterKind.HYPERTENSION].managed == 0
    with pytest.raises(NotPermitted):
        registers.rates(county.ctx, county.caller("operator").actor, 2026)


def test_registers_of_another_township_are_not_found(county: County) -> None:
    entry = enrolled(county)
    actor = county.caller("stranger").actor

    with pytest.raises(NotFound, match=r"register\.not_found"):
        follow_ups.record_of(county.ctx, actor, entry.id)
    page = registers.list_register(county.ctx, actor, RegisterKind.HYPERTENSION)
    assert page.total == 0


def test_a_plan_of_a_register_ends_by_its_record_alone(county: County) -> None:
    enrolled(county)
    actor = county.caller("village").actor
    (row,) = registers.due_list(county.ctx, actor, TODAY)

    with pytest.raises(Conflict, match=r"plan\.by_record"):
        registers.carry_out(county.ctx, actor, row.item.id)
    for who, plan_id in ((actor, "none"), (county.caller("stranger").actor, row.item.id)):
        with pytest.raises(NotFound, match=r"plan\.not_found"):
            registers.carry_out(county.ctx, who, plan_id)


def tb_signed(county: County) -> str:
    case_id = county.claimed()
    actor = county.caller("specialist").actor
    found = replace(content("右上肺病灶,考虑肺结核。"), findings=("tb", "nodule"))
    review.save_draft(county.ctx, actor, case_id, found)
    county.sign(county.unlocked("specialist"), case_id)
    return case_id


def test_a_signature_begins_the_clock_of_tuberculosis_once(county: County) -> None:
    case_id = tb_signed(county)
    actor = county.caller("specialist").actor
    draft = review.amend(county.ctx, actor, case_id, "补充")
    review.save_draft(county.ctx, actor, case_id, draft.content)
    county.sign(county.unlocked("specialist"), case_id)

    (clock,) = disease_reports.clocks(county.ctx, county.caller("township").actor)

    assert clock.report.due_at - clock.report.began_at == timedelta(hours=24)
    assert (clock.filer_name, clock.is_late) == ("", False)
    county.clock.step(hours=25)
    assert disease_reports.clocks(county.ctx, county.caller("township").actor)[0].is_late


def test_who_files_the_card_is_named_and_filing_and_arrival_are_kept(county: County) -> None:
    tb_signed(county)
    actor = county.caller("township").actor
    (clock,) = disease_reports.clocks(county.ctx, actor)
    key = clock.report.id

    disease_reports.take_on(county.ctx, actor, key)
    with pytest.raises(InputRejected, match=r"disease_report\.number_needed"):
        disease_reports.file_card(county.ctx, actor, key, " ")
    county.clock.step(hours=2)
    disease_reports.file_card(county.ctx, actor, key, "340000-2026-1")
    county.clock.step(days=1)
    today = (START + timedelta(days=1)).date()
    for day, place in ((today, " "), (today - timedelta(days=9), "县疾控"), (date.max, "x")):
        with pytest.raises(InputRejected, match=r"disease_report\.arrival"):
            disease_reports.note_arrival(county.ctx, actor, key, day=day, place=place)
    disease_reports.note_arrival(county.ctx, actor, key, day=today, place="县定点医院")

    (after,) = disease_reports.clocks(county.ctx, actor)
    assert after.filer_name == "Township"
    assert not after.is_late
    assert (after.report.card_number, after.report.place) == ("340000-2026-1", "县定点医院")
    with pytest.raises(Conflict, match=r"disease_report\.filed"):
        disease_reports.take_on(county.ctx, actor, key)
    with pytest.raises(Conflict, match=r"disease_report\.arrived"):
        disease_reports.note_arrival(county.ctx, actor, key, day=today, place="x")
    with pytest.raises(NotFound, match=r"disease_report\.not_found"):
        disease_reports.take_on(county.ctx, county.caller("stranger").actor, key)
    assert "340000-2026-1" not in str(county.store.verify())


def test_a_report_without_a_notifiable_disease_begins_no_clock(county: County) -> None:
    county.signed()

    assert disease_reports.clocks(county.ctx, county.caller("township").actor) == []


def test_a_referral_takes_the_place_of_what_its_advice_planned(county: County) -> None:
    found = recorded(county, pressure(186, 112))
    actor = county.caller("village").actor
    advice.decide(county.ctx, actor, found.advice[0].id, Decision.ACCEPTED)
    before = registers.due_list(county.ctx, actor, TWO_WEEKS)

    draft = refer(county.ctx, actor, found.advice[0].id, str(uuid.uuid4()), Language.ZH)
    form = DraftForm(up_content(), "county", draft.home_site_id, draft.attachments, None)
    referral_drafts.edit_draft(county.ctx, actor, draft.id, draft.revision, form)
    referring.send(county.ctx, actor, draft.id, Referring(county).act(draft.id))

    after = registers.due_list(county.ctx, actor, TWO_WEEKS)
    assert [row.item.kind for row in before] == [PlanKind.ADVICE]
    assert len(after) == 1
    assert after[0].item.due_on <= TWO_WEEKS
    assert after[0].patient.name == PATIENT.name
