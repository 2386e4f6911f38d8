"""Visits: facts typed, answered by the rules at once, kept, decided, given again."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.county import START, County, outcome
from support.visiting import PATIENT, TODAY, pressure, recorded, symptom, visit

from qiangji_app.domain.person import Patient
from qiangji_app.domain.register import RegisterKind
from qiangji_app.domain.report import ReportContent
from qiangji_app.domain.visit import Decision, Statement, TypedFact
from qiangji_app.rules.evaluate import Outcome
from qiangji_app.rules.facts import Origin
from qiangji_app.services import advice, capture, people, registers, review, trends, visits
from qiangji_app.services.entry_form import entry_sections
from qiangji_app.services.visit_referrals import refer
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted
from qiangji_datasets.messages import Language
from qiangji_datasets.records import LEADS

EMERGENCY = "hypertension.emergency"
DAY = timedelta(days=1)


def topics(found: advice.Advised) -> list[str]:
    return [one.topic for one in found.answers if one.outcome == Outcome.YES]


def events(county: County, kind: str) -> list[dict[str, object]]:
    from qiangji_app.ports import EventQuery

    with county.store.read() as unit:
        return [dict(one.payload) for one in unit.events.find(EventQuery(type=kind))]


def test_a_dangerous_pressure_is_answered_before_it_is_stored(county: County) -> None:
    begun = visit(county)
    actor = county.caller("village").actor

    found = visits.check(county.ctx, actor, begun.id, pressure(186, 112))

    assert EMERGENCY in topics(found)
    first = found.answers[0]
    assert {one.code for one in first.inputs} >= {"systolic_bp", "diastolic_bp"}
    assert first.source.document and first.source.edition and first.source.clause
    with county.store.read() as unit:
        stored = unit.visits.get(begun.id)
        assert stored is not None and stored.facts == ()
        assert unit.visits.advice_of(begun.id) == []


def test_a_stored_visit_keeps_each_answer_once_with_rule_version_and_inputs(
    county: County,
) -> None:
    found = recorded(county, pressure(186, 112))
    actor = county.caller("village").actor

    again = visits.record(
        county.ctx, actor, found.visit.id, found.visit.revision, facts=pressure(186, 112)
    )

    assert [one.id for one in again.advice] == [one.id for one in found.advice]
    kept = found.advice[0]
    assert len(kept.version) == len(kept.inputs_sha256) == 64
    given = events(county, "advice.given")
    assert {"rule": kept.rule, "version": kept.version}.items() <= given[0].items()
    assert not {"186", PATIENT.name} & {str(value) for row in given for value in row.values()}
    assert county.store.verify().problems == ()


def test_old_advice_is_given_again_by_its_rule_on_the_same_inputs(county: County) -> None:
    kept = recorded(county, pressure(186, 112)).advice[0]
    county.clock.step(days=400)

    found = advice.again(county.ctx, county.caller("village").actor, kept.id)

    assert found.is_in_use
    assert found.is_same_answer


def test_advice_that_its_rule_no_longer_gives_on_its_inputs_is_told(county: County) -> None:
    kept = recorded(county, pressure(186, 112)).advice[0]
    with county.store.begin() as unit:
        situation = kept.situation | {"outcome": "no"}
        item = replace(kept, id="x", version="f" * 64, situation=situation)
        unit.visits.add_advice(item)
        unit.commit()

    found = advice.again(county.ctx, county.caller("village").actor, "x")

    assert not found.is_in_use
    assert not found.is_same_answer


def test_accepting_a_follow_up_plans_it_within_two_weeks(county: County) -> None:
    kept = recorded(county, pressure(186, 112)).advice[0]
    actor = county.caller("village").actor

    advice.decide(county.ctx, actor, kept.id, Decision.ACCEPTED)

    today = START.date()
    (row,) = registers.due_list(county.ctx, actor, today + timedelta(days=14))
    assert row.item.due_on == today + timedelta(days=14)
    assert events(county, "advice.decided")[0]["decision"] == "accepted"
    registers.carry_out(county.ctx, actor, row.item.id)
    assert registers.due_list(county.ctx, actor, today + timedelta(days=14)) == []
    with pytest.raises(Conflict, match=r"plan\.done"):
        registers.carry_out(county.ctx, actor, row.item.id)


def test_the_same_follow_up_is_not_planned_twice(county: County) -> None:
    found = recorded(county, pressure(186, 112))
    actor = county.caller("village").actor
    advice.decide(county.ctx, actor, found.advice[0].id, Decision.ACCEPTED)
    later = visits.record(
        county.ctx, actor, found.visit.id, found.visit.revision, facts=pressure(190, 112)
    )

    advice.decide(county.ctx, actor, later.advice[0].id, Decision.ACCEPTED)

    assert len(registers.due_list(county.ctx, actor, START.date() + timedelta(days=30))) == 1


def test_not_following_advice_needs_a_reason_and_keeps_it(county: County) -> None:
    kept = recorded(county, pressure(186, 112)).advice[0]
    actor = county.caller("village").actor

    def decide(decision: Decision, code: str = "", words: str = "") -> None:
        advice.decide(county.ctx, actor, kept.id, decision, reason_code=code, reason=words)

    with pytest.raises(InputRejected, match=r"advice\.decision"):
        decide(Decision.OPEN)
    for code, words in (("", "x"), ("other", " "), ("no such", "x")):
        with pytest.raises(InputRejected, match=r"advice\.reason_needed"):
            decide(Decision.OVERRIDDEN, code, words)
    decide(Decision.OVERRIDDEN, "other", "已在县医院就诊")

    with county.store.read() as unit:
        stored = unit.visits.advice(kept.id)
    assert stored is not None
    assert (stored.reason_code, stored.reason) == ("other", "已在县医院就诊")
    (event,) = events(county, "advice.decided")
    assert event["version"] == kept.version
    assert "已在县医院就诊" not in str(event)
    with pytest.raises(Conflict, match=r"advice\.decided"):
        decide(Decision.ACCEPTED)


def test_impossible_values_are_named_beside_their_field_and_not_stored(county: County) -> None:
    begun = visit(county)
    actor = county.caller("village").actor
    facts = [*pressure(128, 78), TypedFact("heart_rate", 900.0, START, "/min")]

    found = visits.check(county.ctx, actor, begun.id, facts)

    assert [(one.index, one.error.code) for one in found.refused] == [(2, "fact.implausible")]
    with pytest.raises(InputRejected, match=r"fact\.implausible"):
        visits.record(county.ctx, actor, begun.id, 0, facts=facts)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (pressure(80, 120), "visit.pressure_reversed"),
        (pressure(128, 78) + pressure(130, 78), "visit.twice"),
        ([symptom("cough", at=START + timedelta(seconds=n)) for n in range(201)],
         "visit.too_many_facts"),
    ],
)  # fmt: skip
def test_statements_that_cannot_stand_together_are_refused(
    county: County, facts: list[TypedFact], code: str
) -> None:
    begun = visit(county)

    with pytest.raises(InputRejected, match=code):
        visits.check(county.ctx, county.caller("village").actor, begun.id, facts)


def test_a_visit_belongs_to_its_doctor_and_its_site(county: County) -> None:
    begun = visit(county)

    with pytest.raises(Conflict, match=r"visit\.not_yours"):
        visits.record(county.ctx, county.caller("township").actor, begun.id, 0, facts=[])
    with pytest.raises(NotFound, match=r"visit\.not_found"):
        visits.reopen(county.ctx, county.caller("stranger").actor, begun.id)
    with pytest.raises(NotPermitted):
        visits.reopen(county.ctx, county.caller("operator").actor, begun.id)
    assert visits.reopen(county.ctx, county.caller("township").actor, begun.id).visit == begun


def test_two_screens_do_not_overwrite_each_other(county: County) -> None:
    found = recorded(county, pressure(128, 78))

    with pytest.raises(Conflict, match=r"visit\.changed"):
        visits.record(county.ctx, county.caller("village").actor, found.visit.id, 0, facts=[])


def test_beginning_a_visit_twice_is_one_visit(county: County) -> None:
    actor = county.caller("village").actor
    begun = visit(county)

    assert visits.open_visit(county.ctx, actor, begun.id, person_id=begun.person_id) == begun
    with pytest.raises(Conflict, match=r"visit\.id_taken"):
        visits.open_visit(
            county.ctx, county.caller("township").actor, begun.id, person_id=begun.person_id
        )
    second = visits.open_visit(county.ctx, actor, str(uuid.uuid4()), person_id=begun.person_id)
    assert second.person_id == begun.person_id


@pytest.mark.parametrize(
    ("visit_id", "person", "patient", "code"),
    [
        ("x", "p", None, "visit.bad_request"),
        (str(uuid.uuid4()), "", None, "visit.bad_request"),
        (str(uuid.uuid4()), "p", PATIENT, "visit.bad_request"),
        (str(uuid.uuid4()), "", Patient(name=" ", sex="F", age_years=3), "patient.name_needed"),
        (str(uuid.uuid4()), "", Patient(name="某", sex="F"), "patient.age_needed"),
        (str(uuid.uuid4()), "", Patient(name="某", age_years=40), "patient.age_needed"),
    ],
)
def test_a_visit_needs_one_person_with_sex_and_age(
    county: County, visit_id: str, person: str, patient: Patient | None, code: str
) -> None:
    with pytest.raises(InputRejected, match=code):
        visits.open_visit(
            county.ctx,
            county.caller("village").actor,
            visit_id,
            person_id=person,
            patient=patient,
        )


def test_somebody_of_another_township_is_not_found(county: County) -> None:
    begun = visit(county, by="stranger")

    with pytest.raises(NotFound, match=r"patient\.not_found"):
        visits.summary(county.ctx, county.caller("village").actor, begun.person_id)
    assert people.find_people(county.ctx, county.caller("village").actor, "") == []


def test_people_are_found_by_name_number_and_telephone(county: County) -> None:
    from support.id_numbers import id_number

    number = id_number("00000019630303002")
    who = replace(PATIENT, id_number=number, age_years=None, sex="", phone="0000-77")
    begun = visit(county, patient=who)
    actor = county.caller("village").actor

    for text in ("", "高某", PATIENT.name, number, number[:10], "0000-77"):
        assert [one.person_id for one in people.find_people(county.ctx, actor, text)] == [
            begun.person_id
        ]
    assert people.find_people(county.ctx, actor, "无此人") == []


def test_the_list_of_people_ends_somewhere(county: County) -> None:
    for number in range(31):
        visit(county, patient=replace(PATIENT, name=f"演示{number}"))

    assert len(people.find_people(county.ctx, county.caller("village").actor, "")) == 30


def signed_case(county: County, labels: tuple[str, ...], *, is_critical: bool = False) -> str:
    """A film that a specialist signed with labels; the person is one with nothing else."""
    case_id = county.claimed()
    actor = county.caller("specialist").actor
    content = ReportContent(
        template_id="cxr_standard",
        fields={},
        impression="所见如上。",
        advice="",
        findings=labels,
        is_critical=is_critical,
    )
    from qiangji_app.services.calling import CallContent

    review.save_draft(county.ctx, actor, case_id, content)
    call = CallContent("other", "危急,请立即处理") if is_critical else None
    county.sign(county.unlocked("specialist"), case_id, call)
    return case_id


def facts_by_origin(county: County, person_id: str, by: str) -> dict[Origin, set[str]]:
    found = visits.summary(county.ctx, county.caller(by).actor, person_id).facts
    return {origin: {one.code for one in found if one.origin is origin} for origin in Origin}


def test_what_was_signed_is_a_fact_of_its_own_origin(county: County) -> None:
    case_id = signed_case(county, ("tb",), is_critical=True)

    found = facts_by_origin(county, county.case(case_id).person_id, "township")

    assert found[Origin.SIGNED] >= {"signed_tb_suspected"}
    assert "signed_tb_suspected" not in found[Origin.TYPED] | found[Origin.MODEL]
    assert "tb_report_filed" in found[Origin.TYPED]


def test_an_amended_report_takes_back_what_it_no_longer_states(county: County) -> None:
    case_id = signed_case(county, ("pneumothorax",))
    actor = county.caller("specialist").actor
    draft = review.amend(county.ctx, actor, case_id, "笔误")
    review.save_draft(county.ctx, actor, case_id, replace(draft.content, findings=("tb",)))
    county.sign(county.unlocked("specialist"), case_id)

    found = facts_by_origin(county, county.case(case_id).person_id, "township")

    assert "signed_pneumothorax" not in found[Origin.SIGNED]
    assert "signed_tb_suspected" in found[Origin.SIGNED]


def ecg(county: County, measures: dict[str, object], acquired_at: datetime | None = START) -> str:
    """A submitted ECG with these measurements; returns the person."""
    content = uuid.uuid4().bytes
    made = outcome(
        modality="ecg", hints={"af_flutter": "likely", "mi": "none"}, acquired_at=acquired_at
    )
    reading = made.reading | {"measurements": measures}
    county.reader.outcomes[content] = replace(made, reading=reading)
    case_id = county.draft(modality="ecg")
    county.upload(case_id, content)
    capture.submit(county.ctx, county.caller("operator").actor, case_id, date_reason="x")
    return county.case(case_id).person_id


def test_measurements_of_an_ecg_and_hints_are_facts_apart(county: County) -> None:
    person_id = ecg(
        county,
        {
            "ventricular_bpm": 112.0,
            "rr_longest_ms": 1800.0,
            "qtc_ms": None,
            "is_lvh_sokolow_lyon": False,
            "is_lvh_cornell": None,
            "is_av_dissociated": False,
            "statements": [
                {"rule_id": "st_elevation", "level": "urgent", "params": {"leads": "II III aVF"}},
                {"rule_id": "pause_3s", "level": "critical", "params": {"seconds": 3.1}},
            ],
        },
    )

    found = visits.summary(county.ctx, county.caller("township").actor, person_id).facts

    values = {one.code: one.value for one in found if one.origin is Origin.MEASURED}
    assert values["ecg_heart_rate"] == 112.0
    assert values["ecg_longest_rr_s"] == 1.8
    assert values["ecg_st_elevation_territory"] == "II III aVF"
    assert values["ecg_rules_level"] == "critical"
    assert values["ecg_lvh_voltage"] is False
    assert values["ecg_avb3"] is False
    assert "ecg_qtc_ms" not in values
    assert {one.code for one in found if one.origin is Origin.MODEL} == {"hint_af"}


@pytest.mark.parametrize(
    ("statements", "is_block"),
    [([], False), ([{"rule_id": "av_block_complete", "level": "critical", "params": {}}], True)],
)
def test_a_dissociation_is_a_block_where_the_measuring_rule_says_so(
    county: County, statements: list[dict[str, object]], is_block: bool
) -> None:
    person_id = ecg(
        county, {"ventricular_bpm": 38.0, "is_av_dissociated": True, "statements": statements}
    )

    found = visits.summary(county.ctx, county.caller("township").actor, person_id).facts

    values = {one.code: one.value for one in found}
    assert values["ecg_avb3"] is is_block
    assert values["ecg_rules_level"] == ("critical" if is_block else "routine")


def test_an_ecg_that_measured_nothing_states_nothing_of_it(county: County) -> None:
    bare = datetime(2026, 3, 2, 8, 0)  # noqa: DTZ001 - a device's clock without an offset
    person_id = ecg(county, {"ventricular_bpm": 70.0}, acquired_at=bare)
    empty = ecg(county, {})
    actor = county.caller("township").actor

    known = visits.summary(county.ctx, actor, person_id).facts
    found = {one.code for one in known}
    nothing = visits.summary(county.ctx, actor, empty).facts

    assert "ecg_lvh_voltage" not in found
    measured = [one.at for one in known if one.origin is Origin.MEASURED]
    assert set(measured) == {bare.replace(tzinfo=ZoneInfo("Asia/Shanghai"))}
    assert [one for one in nothing if one.origin is Origin.MEASURED] == []


LEVEL = dict.fromkeys(LEADS, 0.02)


@pytest.mark.parametrize(
    ("measures", "stated"),
    [
        ({"st_j_mv": LEVEL}, ""),
        ({"st_j_mv": LEVEL, "is_wide_qrs": True}, None),
        ({"st_j_mv": LEVEL, "age_group": "child"}, None),
        ({"st_j_mv": LEVEL | {"V3": None}}, None),
        ({"st_j_mv": {}}, None),
        ({"is_flat": True}, None),
    ],
)
def test_an_st_that_was_not_judged_is_not_stated_as_normal(
    county: County, measures: dict[str, object], stated: str | None
) -> None:
    person_id = ecg(county, measures)

    found = visits.summary(county.ctx, county.caller("township").actor, person_id).facts

    values = {one.code: one.value for one in found if one.origin is Origin.MEASURED}
    assert values.get("ecg_st_elevation_territory") == stated
    assert "ecg_rules_level" not in values


def test_cases_of_the_same_identity_number_count_for_one_person(county: County) -> None:
    from support.id_numbers import id_number

    number = id_number("00000019630303002")
    who = Patient(name="演示高某", id_number=number)
    first = visit(county, by="township", patient=who)
    second = visit(county, by="township", patient=who)
    actor = county.caller("township").actor
    visits.record(county.ctx, actor, first.id, 0, facts=pressure(128, 78))

    found = visits.summary(county.ctx, actor, second.person_id)

    assert {one.id for one in found.visits} == {first.id, second.id}
    assert {"systolic_bp"} <= {one.code for one in found.facts}


def test_a_register_states_its_disease_as_a_fact(county: County) -> None:
    begun = visit(county)
    actor = county.caller("village").actor
    registers.enrol(county.ctx, actor, begun.person_id, RegisterKind.HYPERTENSION)

    found = visits.summary(county.ctx, actor, begun.person_id)

    assert "hypertension" in {one.code for one in found.facts}
    assert [one.kind for one in found.enrolments] == [RegisterKind.HYPERTENSION]
    assert len(found.plans) == 1


@pytest.mark.parametrize("days", [0, 31, 200])
def test_a_woman_in_the_pregnancy_register_stays_pregnant_until_the_entry_ends(
    county: County, days: int
) -> None:
    begun = visit(county, patient=replace(PATIENT, age_years=28))
    actor = county.caller("village").actor
    entry = registers.enrol(
        county.ctx, actor, begun.person_id, RegisterKind.PREGNANT, next_due=TODAY + DAY
    )
    county.clock.step(days=days)
    high = pressure(165, 104, county.clock.now())

    found = visits.check(county.ctx, actor, begun.id, high)
    registers.end(county.ctx, actor, entry.id, "completed")
    ended = visits.check(county.ctx, actor, begun.id, high)

    assert "pregnancy.bp" in topics(found)
    assert "pregnancy.bp" not in topics(ended)


def test_values_are_drawn_in_the_order_in_which_they_were_measured(county: County) -> None:
    found = recorded(
        county,
        [
            *pressure(150, 95, START - timedelta(days=20)),
            *pressure(138, 88, START - timedelta(days=3)),
            TypedFact("glucose", 126.0, START, "mg/dL",
                      {"timing": "fasting", "specimen": "capillary"}),
        ],
    )  # fmt: skip

    series = trends.series_of(county.ctx, county.caller("village").actor, found.visit.person_id)

    by_code = {one.code: [fact.value for fact in one.facts] for one in series}
    assert by_code["systolic_bp"] == [150.0, 138.0]
    assert by_code["glucose"] == pytest.approx([7.0])


def test_a_card_opens_a_referral_that_carries_visit_and_inputs(county: County) -> None:
    facts = [*pressure(186, 112), symptom("blurred_vision")]
    begun = visit(county)
    actor = county.caller("village").actor
    found = visits.record(county.ctx, actor, begun.id, 0, facts=facts, complaint="头痛 1 天")
    cards = [one for one in found.advice if one.topic == EMERGENCY]

    drafts = [refer(county.ctx, actor, one.id, str(uuid.uuid4()), Language.ZH) for one in cards]

    assert any("视力模糊" in one.content.present_history for one in drafts)
    draft = next(one for one in drafts if "186" in one.content.present_history)

    assert draft.person_id == begun.person_id
    assert draft.is_emergency
    assert draft.content.reasons
    assert "头痛 1 天" in draft.content.present_history
    assert "186" in draft.content.present_history
    assert draft.attachments[0].id == begun.id


def test_a_referral_without_complaint_tells_the_inputs_in_english_too(county: County) -> None:
    found = recorded(county, pressure(186, 112))
    actor = county.caller("village").actor

    draft = refer(county.ctx, actor, found.advice[0].id, str(uuid.uuid4()), Language.EN)

    assert "Systolic blood pressure 186 mmHg" in draft.content.present_history


def test_advice_of_another_site_is_not_found(county: County) -> None:
    kept = recorded(county, pressure(186, 112)).advice[0]

    with pytest.raises(NotFound, match=r"advice\.not_found"):
        advice.again(county.ctx, county.caller("stranger").actor, kept.id)


def test_what_a_clock_that_runs_ahead_measured_is_not_known_yet(county: County) -> None:
    ahead = county.clock.now() + timedelta(days=3)
    person_id = ecg(county, {"ventricular_bpm": 70.0}, acquired_at=ahead.astimezone(UTC))

    found = visits.summary(county.ctx, county.caller("township").actor, person_id)

    assert [one for one in found.facts if one.origin is Origin.MEASURED] == []


def test_accepting_advice_without_a_follow_up_plans_nothing(county: County) -> None:
    kept = recorded(county, pressure(186, 112)).advice[0]
    actor = county.caller("village").actor
    with county.store.begin() as unit:
        answer = kept.answer | {"actions": []}
        unit.visits.add_advice(replace(kept, id="x", inputs_sha256="f" * 64, answer=answer))
        unit.commit()

    advice.decide(county.ctx, actor, "x", Decision.ACCEPTED)

    assert registers.due_list(county.ctx, actor, START.date() + timedelta(days=30)) == []


def test_hints_of_a_site_below_are_no_facts_for_the_township(county: County) -> None:
    content = b"film of the village"
    county.reader.outcomes[content] = outcome(hints={"tb": "likely"})
    case_id = county.submitted(by="village", content=content)
    person_id = county.case(case_id).person_id

    assert facts_by_origin(county, person_id, "village")[Origin.MODEL] == {"hint_tb"}
    assert facts_by_origin(county, person_id, "township")[Origin.MODEL] == set()


def test_a_register_that_was_left_states_nothing(county: County) -> None:
    begun = visit(county)
    actor = county.caller("village").actor
    entry = registers.enrol(county.ctx, actor, begun.person_id, RegisterKind.HYPERTENSION)
    registers.end(county.ctx, actor, entry.id, "not_affected")

    assert list(visits.summary(county.ctx, actor, begun.person_id).facts) == []


def test_a_search_finds_neither_strangers_nor_people_without_a_name(county: County) -> None:
    visit(county, by="stranger")
    county.draft(name="")

    assert people.find_people(county.ctx, county.caller("township").actor, PATIENT.name) == []
    assert people.find_people(county.ctx, county.caller("township").actor, "") == []


def test_every_fact_that_may_be_typed_is_asked_for_once() -> None:
    codes = [fact.code for section in entry_sections() for fact in section.facts]

    assert len(codes) == len(set(codes))
    assert {"systolic_bp", "blurred_vision", "glucose"} <= set(codes)
    assert not any(code.startswith(("signed_", "hint_")) for code in codes)


def untimed(*facts: TypedFact) -> list[Statement]:
    return [Statement(one.code, one.value, None, one.unit, one.context) for one in facts]


def test_a_value_without_a_typed_time_is_dated_by_the_server(county: County) -> None:
    begun = visit(county)
    actor = county.caller("village").actor
    facts = untimed(*pressure(186, 112))

    checked = visits.check(county.ctx, actor, begun.id, facts)
    stored = visits.record(county.ctx, actor, begun.id, 0, facts=facts).visit

    assert EMERGENCY in topics(checked)
    assert {one.at for one in stored.facts} == {county.clock.now()}


def test_an_unchanged_value_keeps_its_time_and_a_changed_pressure_is_measured_anew(
    county: County,
) -> None:
    begun = visit(county)
    actor = county.caller("village").actor
    first = [*untimed(*pressure(186, 112)), Statement("heart_rate", 80.0, None, "/min")]
    then = county.clock.now()
    kept = visits.record(county.ctx, actor, begun.id, 0, facts=first)
    county.clock.step(minutes=90)

    same = visits.record(county.ctx, actor, begun.id, 1, facts=first)
    changed = [*untimed(*pressure(150, 112)), first[2]]
    later = visits.record(county.ctx, actor, begun.id, 2, facts=changed).visit

    assert [one.id for one in same.advice] == [one.id for one in kept.advice]
    assert {one.code: one.at for one in later.facts} == {
        "systolic_bp": county.clock.now(),
        "diastolic_bp": county.clock.now(),
        "heart_rate": then,
    }


def test_a_time_that_is_yet_to_come_is_refused_alone_and_the_rest_is_answered(
    county: County,
) -> None:
    begun = visit(county)
    actor = county.caller("village").actor
    ahead = [TypedFact("heart_rate", rate, START + timedelta(minutes=late), "/min")
             for rate, late in ((80.0, 6), (900.0, 7), (82.0, 5))]  # fmt: skip
    facts = [*pressure(186, 112), *ahead]

    found = visits.check(county.ctx, actor, begun.id, facts)

    assert EMERGENCY in topics(found)
    assert [(one.index, one.error.code) for one in found.refused] == [
        (2, "fact.not_yet"),
        (3, "fact.implausible"),
    ]
    assert found.refused[0].error.params["at"] == "2026-03-02 09:06"
    with pytest.raises(InputRejected, match=r"fact\.not_yet"):
        visits.record(county.ctx, actor, begun.id, 0, facts=facts)


def test_a_glucose_without_timing_is_stored_and_a_low_one_is_an_alarm(county: County) -> None:
    begun = visit(county)
    actor = county.caller("village").actor
    low = Statement("glucose", 2.1, None, "mmol/L")

    found = visits.record(county.ctx, actor, begun.id, 0, facts=[low])

    assert found.visit.facts[0].value == 2.1
    yes = [one for one in found.advised.answers if one.outcome is Outcome.YES]
    assert "EMERGENCY" in {one.urgency.name for one in yes}
