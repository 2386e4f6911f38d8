"""A referral from the township to the county and down again: who may, what is asked, what stays."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date

import pytest
from support import visiting
from support.county import County
from support.referrals import PLAN, Referring, up_content

from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import (
    Attachment,
    AttachmentKind,
    Direction,
    Medicine,
    PlannedFollowUp,
    ReferralUrgency,
)
from qiangji_app.domain.referral_follow_up import FollowUpOutcome
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.domain.roles import Site, SiteKind
from qiangji_app.ports import EventQuery, FollowUpQuery
from qiangji_app.services import referral_drafts, referring, site_changes
from qiangji_app.services.accounts import add_site
from qiangji_app.services.referral_drafts import DraftForm, Prefill
from qiangji_app.services.referral_follow_ups import (
    complete_follow_up,
    due_follow_ups,
    reopen_follow_up,
)
from qiangji_app.services.referral_listing import open_referral
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted, WrongState

A = ReferralAction


@pytest.fixture
def people(county: County) -> Referring:
    return Referring(county)


def due(people: Referring, by: str = "township") -> list[tuple[str, int]]:
    found = due_follow_ups(people.ctx, people.county.caller(by).actor)
    return [(one.follow_up.kind.value, one.days_left) for one in found]


def test_a_patient_goes_up_is_treated_and_comes_down_with_a_plan(people: Referring) -> None:
    referral_id = people.referred_down()

    closed = people.do(referral_id, A.CLOSE, "township", code="taken_over")

    assert closed.state is ReferralState.CLOSED
    assert closed.plan == PLAN
    assert [step.state.value for step in closed.steps if step.state] == [
        "requested",
        "accepted",
        "arrived",
        "in_care",
        "referred_down",
        "closed",
    ]
    assert due(people) == [("emergency", 14), ("plan", 14)]


def test_every_act_is_an_event_without_identity_in_a_chain_that_holds(people: Referring) -> None:
    referral_id = people.referred_down()

    with people.county.store.read() as unit:
        events = [
            event
            for event in unit.events.find(EventQuery(type="referral"))
            if event.payload["referral"] == referral_id
        ]
    assert [event.type for event in reversed(events)] == [
        "referral.opened",
        "referral.changed",
        "referral.sent",
        "referral.accepted",
        "referral.arrived",
        "referral.admitted",
        "referral.referred_down",
    ]
    assert "钱某" not in str([event.payload for event in events])
    assert people.county.store.verify().problems == ()


@pytest.mark.parametrize("answer", ["accept", "decline", "none", "cancel"])
def test_an_emergency_is_followed_up_within_two_weeks_whatever_was_answered(
    people: Referring, answer: str
) -> None:
    referral_id = people.sent()
    people.county.clock.step(days=3)
    if answer == "accept":
        people.do(referral_id, A.ACCEPT)
    elif answer == "decline":
        people.do(referral_id, A.DECLINE, code="no_bed", text="请转市医院")
    elif answer == "cancel":
        people.do(referral_id, A.CANCEL, "township", code="refused")

    assert due(people) == [("emergency", 11)]
    people.county.clock.step(days=12)
    assert due(people) == [("emergency", -1)]


@pytest.mark.parametrize("code", ["error", "died"])
def test_after_a_mistake_or_a_death_nobody_is_followed_up(people: Referring, code: str) -> None:
    referral_id = people.sent()

    people.do(referral_id, A.CANCEL, "township", code=code)

    assert due(people) == []


def test_what_is_no_emergency_leaves_no_follow_up_of_its_own(people: Referring) -> None:
    people.sent(urgency=ReferralUrgency.SOON)

    assert due(people) == []


def test_the_same_key_is_the_same_act_and_another_persons_key_is_refused(
    people: Referring,
) -> None:
    referral_id = people.sent()
    actor = people.county.caller("receiving").actor
    act = people.act(referral_id)

    first = referring.answer(people.ctx, actor, referral_id, act, A.ACCEPT)
    again = referring.answer(people.ctx, actor, referral_id, act, A.ACCEPT)

    assert first == again
    with pytest.raises(Conflict, match=r"storage\.exists"):
        referring.answer(people.ctx, actor, referral_id, act, A.ARRIVE)
    with pytest.raises(InputRejected, match=r"referral\.id"):
        referring.answer(people.ctx, actor, referral_id, replace(act, key="x"), A.ACCEPT)
    with pytest.raises(ValueError, match="more than an answer"):
        referring.answer(people.ctx, actor, referral_id, act, A.SEND)


def test_every_act_happens_once_however_often_it_comes(people: Referring) -> None:
    county, ctx = people.county, people.ctx
    township, receiving = county.caller("township").actor, county.caller("receiving").actor
    draft = people.filled()
    sent = people.act(draft.id)
    for _ in range(2):
        referring.send(ctx, township, draft.id, sent)
    moved = people.act(draft.id, "department")
    for _ in range(2):
        to = {"site_id": "county", "department": "cardiology"}
        referring.redirect(ctx, receiving, draft.id, moved, **to)
    people.do(draft.id, A.ARRIVE)
    down = people.act(draft.id)
    for _ in range(2):
        referring.refer_down(ctx, receiving, draft.id, down, plan=PLAN)

    assert len(people.stored(draft.id).steps) == 4
    assert due(people) == [("emergency", 14), ("plan", 14)]


def test_two_people_who_act_on_the_same_version_collide(people: Referring) -> None:
    referral_id = people.sent()
    act = people.act(referral_id)
    people.do(referral_id, A.ACCEPT)

    with pytest.raises(Conflict, match=r"referral\.changed_meanwhile"):
        referring.answer(
            people.ctx, people.county.caller("receiving").actor, referral_id, act, A.ARRIVE
        )


def test_who_may_not_see_a_referral_is_told_that_there_is_none(people: Referring) -> None:
    draft = people.filled()
    for login in ("stranger", "operator", "specialist", "manager", "receiving", "auditor"):
        with pytest.raises(NotFound, match=r"referral\.not_found"):
            open_referral(people.ctx, people.county.caller(login).actor, draft.id)
    referral_id = people.sent()
    for login in ("stranger", "operator", "specialist", "auditor", "village"):
        with pytest.raises(NotFound, match=r"referral\.not_found"):
            open_referral(people.ctx, people.county.caller(login).actor, referral_id)
    for login in ("manager", "receiving", "township"):
        assert open_referral(people.ctx, people.county.caller(login).actor, referral_id)


def test_the_sender_does_not_answer_and_the_asked_does_not_cancel(people: Referring) -> None:
    referral_id = people.sent()

    with pytest.raises(NotPermitted, match=r"referral\.not_permitted"):
        people.do(referral_id, A.ACCEPT, "township")
    with pytest.raises(NotPermitted, match=r"referral\.not_permitted"):
        people.do(referral_id, A.CANCEL, "receiving", code="other", text="x")
    with pytest.raises(NotPermitted, match=r"referral\.not_permitted"):
        people.do(referral_id, A.NOTE, "manager", text="请答复")
    with pytest.raises(WrongState, match=r"referral\.wrong_state"):
        people.do(referral_id, A.ADMIT)


def test_a_township_answers_its_village_and_acts_for_it(people: Referring) -> None:
    referral_id = people.sent("village", target="east")
    people.do(referral_id, A.ACCEPT, "township")
    people.do(referral_id, A.NOTE, "township", text="已备床")
    people.do(referral_id, A.ARRIVE, "township")

    down = people.down(referral_id, "township")

    assert down.home_site_id == "hill"
    assert due(people, "village") == [("emergency", 14), ("plan", 14)]


def test_what_a_receiving_doctor_cannot_do_without_is_asked_for(people: Referring) -> None:
    draft = people.begun()
    actor = people.county.caller("township").actor
    with pytest.raises(InputRejected, match=r"referral\.patient_needed"):
        referring.send(people.ctx, actor, draft.id, people.act(draft.id))
    gaps = {
        "reasons": (),
        "present_history": "",
        "department": "",
        "transport": "",
        "has_consent": False,
        "urgency": ReferralUrgency.SOON,
    }
    filled = people.filled(**gaps)

    with pytest.raises(InputRejected) as refused:
        referring.send(people.ctx, actor, filled.id, people.act(filled.id))

    missing = "reasons,present_history,department,transport,consent"
    assert refused.value.params == {"fields": missing}


def test_an_emergency_is_sent_without_waiting_for_consent(people: Referring) -> None:
    referral_id = people.sent(has_consent=False)

    assert people.stored(referral_id).state is ReferralState.REQUESTED


@pytest.mark.parametrize(
    ("action", "code", "text", "problem"),
    [
        (A.DECLINE, "bored", "x", "referral.code"),
        (A.DECLINE, "", "x", "referral.code"),
        (A.DECLINE, "no_bed", " ", "referral.text_needed"),
        (A.NOTE, "", " ", "referral.text_needed"),
    ],
)
def test_an_answer_without_reason_or_words_is_refused(
    people: Referring, action: ReferralAction, code: str, text: str, problem: str
) -> None:
    referral_id = people.sent()

    with pytest.raises(InputRejected, match=problem.replace(".", r"\.")):
        people.do(referral_id, action, code=code, text=text)


def test_what_is_no_emergency_is_declined_with_a_reason_alone(people: Referring) -> None:
    referral_id = people.sent(urgency=ReferralUrgency.SOON)

    assert people.do(referral_id, A.DECLINE, code="no_bed").state is ReferralState.DECLINED


def test_a_declined_referral_is_sent_somewhere_else_and_its_wait_goes_on(
    people: Referring,
) -> None:
    referral_id = people.sent("village", target="east")
    people.county.clock.step(minutes=20)
    people.do(referral_id, A.DECLINE, "township", code="no_department", text="请直接去县医院")
    actor = people.county.caller("village").actor

    again = referring.send(
        people.ctx, actor, referral_id, people.act(referral_id), to=("county", "neurology")
    )

    assert (again.target_site_id, again.content.department) == ("county", "neurology")
    assert again.past_targets == ("east",)
    assert again.requested_at is not None
    assert (people.county.clock.now() - again.requested_at).total_seconds() == 20 * 60
    assert due(people, "village") == [("emergency", 14)]
    people.do(referral_id, A.DECLINE, code="no_bed", text="请等候")
    same = referring.send(people.ctx, actor, referral_id, people.act(referral_id))
    assert (same.target_site_id, same.past_targets) == ("county", ("east",))
    people.do(referral_id, A.DECLINE, code="no_bed", text="请等候")
    with pytest.raises(InputRejected, match=r"referral\.site"):
        referring.send(people.ctx, actor, referral_id, people.act(referral_id), to=("west", ""))


def test_a_redirected_referral_is_the_new_sites_and_the_old_one_still_sees_it(
    people: Referring,
) -> None:
    referral_id = people.sent("village", target="east")
    township = people.county.caller("township").actor

    moved = referring.redirect(
        people.ctx,
        township,
        referral_id,
        people.act(referral_id, "capacity"),
        site_id="county",
        department="emergency",
    )
    back = people.do(referral_id, A.ACCEPT)

    assert (moved.state, moved.target_site_id) == (ReferralState.REDIRECTED, "county")
    assert back.state is ReferralState.ACCEPTED
    assert open_referral(people.ctx, township, referral_id)


@pytest.mark.parametrize(
    ("site_id", "department", "problem"),
    [
        ("county", "emergency", "referral.same_target"),
        ("hill", "emergency", "referral.site"),
        ("east", "emergency", "referral.site"),
        ("county", "astrology", "referral.unknown_code"),
    ],
)
def test_a_redirection_to_nowhere_is_refused(
    people: Referring, site_id: str, department: str, problem: str
) -> None:
    referral_id = people.sent()
    actor = people.county.caller("receiving").actor
    act = people.act(referral_id, "department")

    with pytest.raises(InputRejected, match=problem.replace(".", r"\.")):
        referring.redirect(
            people.ctx, actor, referral_id, act, site_id=site_id, department=department
        )


def test_a_site_that_was_asked_before_sees_what_became_of_the_patient(people: Referring) -> None:
    referral_id = people.sent()
    receiving = people.county.caller("receiving").actor
    to = {"site_id": "west", "department": "surgery"}
    referring.redirect(people.ctx, receiving, referral_id, people.act(referral_id, "nearer"), **to)

    assert people.do(referral_id, A.ACCEPT, "stranger").target_site_id == "west"
    seen = open_referral(people.ctx, receiving, referral_id)
    assert seen.may == frozenset()


def test_answers_and_down_referrals_are_taken_back(people: Referring) -> None:
    referral_id = people.sent()
    people.do(referral_id, A.ACCEPT)
    assert people.do(referral_id, A.TAKE_BACK, code="mistake").state is ReferralState.REQUESTED
    people.do(referral_id, A.ARRIVE)
    people.down(referral_id)
    assert due(people) == [("emergency", 14), ("plan", 14)]

    back = people.do(referral_id, A.TAKE_BACK, code="changed")

    assert (back.state, back.plan) == (ReferralState.IN_CARE, None)
    assert due(people) == [("emergency", 14)]
    people.down(referral_id)
    assert due(people) == [("emergency", 14), ("plan", 14)]


def test_only_reasons_that_fit_the_state_end_a_referral(people: Referring) -> None:
    referral_id = people.sent()
    people.do(referral_id, A.ARRIVE)

    with pytest.raises(InputRejected, match=r"referral\.code"):
        people.do(referral_id, A.CLOSE, code="taken_over")
    assert people.do(referral_id, A.CLOSE, code="discharged").ended_at is not None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"follow_ups": ()}, "referral.follow_up_needed"),
        ({"follow_ups": (PlannedFollowUp(date(2026, 3, 1)),)}, "referral.follow_up_day"),
        ({"follow_ups": (PlannedFollowUp(date(2029, 3, 1)),)}, "referral.follow_up_day"),
        (
            {"follow_ups": (PlannedFollowUp(date(2026, 3, 9)),) * 13},
            "referral.too_many_follow_ups",
        ),
        ({"medicines": (Medicine(" ", "5 mg"),)}, "referral.medicine_name"),
        ({"medicines": (Medicine("甲"),) * 31}, "referral.too_many_medicines"),
        ({"results": "长" * 5000}, "text.too_long"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(
    people: Referring, changes: dict[str, object], problem: str
) -> None:
    referral_id = people.sent()
    people.do(referral_id, A.ARRIVE)

    with pytest.raises(InputRejected, match=problem.replace(".", r"\.")):
        people.down(referral_id, plan=replace(PLAN, **changes))


def test_a_patient_whom_nobody_referred_up_is_referred_down(people: Referring) -> None:
    draft = people.begun("receiving", direction=Direction.DOWN)
    actor = people.county.caller("receiving").actor
    with pytest.raises(WrongState):
        referring.send(people.ctx, actor, draft.id, people.act(draft.id))
    with pytest.raises(InputRejected, match=r"referral\.patient_needed"):
        people.down(draft.id)
    form = DraftForm(up_content(), "county", "county", (), Patient(name="孙某"))
    draft = referral_drafts.edit_draft(people.ctx, actor, draft.id, draft.revision, form)
    with pytest.raises(InputRejected, match=r"referral\.home_needed"):
        people.down(draft.id)
    form = replace(form, home_site_id="hill")
    referral_drafts.edit_draft(people.ctx, actor, draft.id, draft.revision, form)

    people.down(draft.id)

    assert due(people, "village") == [("plan", 14)]
    assert people.do(draft.id, A.CLOSE, "village", code="taken_over").ended_at
    with pytest.raises(WrongState):
        people.down(people.filled().id, "township")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"content": up_content(reasons=("none.such",))}, "referral.unknown_code"),
        ({"content": up_content(transport="rocket")}, "referral.unknown_code"),
        ({"content": up_content(reasons=("other.other",) * 9)}, "referral.too_many_reasons"),
        ({"content": up_content(impression="长" * 5000)}, "text.too_long"),
        ({"target_site_id": "west"}, "referral.site"),
        ({"home_site_id": "west"}, "referral.site"),
        ({"patient": Patient(name="长" * 101)}, "text.too_long"),
        (
            {"attachments": tuple(Attachment(AttachmentKind.VISIT, str(n)) for n in range(21))},
            "referral.too_many_attachments",
        ),
    ],
)
def test_a_form_with_what_is_in_no_list_is_refused(
    people: Referring, changes: dict[str, object], problem: str
) -> None:
    draft = people.begun()
    form = replace(DraftForm(up_content(), "county", "east", (), Patient(name="钱某")), **changes)

    with pytest.raises(InputRejected, match=problem.replace(".", r"\.")):
        referral_drafts.edit_draft(
            people.ctx, people.county.caller("township").actor, draft.id, 0, form
        )


def test_a_draft_from_a_case_is_of_its_person_and_carries_the_signed_report(
    people: Referring,
) -> None:
    case_id = people.county.signed()
    attached = (Attachment(AttachmentKind.CASE, case_id),)

    draft = people.begun(attachments=attached)

    assert draft.person_id == people.county.case(case_id).person_id
    assert draft.attachments == (Attachment(AttachmentKind.CASE, case_id, 1),)
    other = people.county.submitted()
    form = DraftForm(
        up_content(), "county", "east", (Attachment(AttachmentKind.CASE, other),), None
    )
    actor = people.county.caller("township").actor
    with pytest.raises(InputRejected, match=r"referral\.other_person"):
        referral_drafts.edit_draft(people.ctx, actor, draft.id, draft.revision, form)
    visit = (Attachment(AttachmentKind.VISIT, visiting.visit(people.county).id),)
    with pytest.raises(InputRejected, match=r"referral\.other_person"):
        form = replace(form, attachments=visit)
        referral_drafts.edit_draft(people.ctx, actor, draft.id, draft.revision, form)
    form = replace(form, attachments=attached, patient=Patient(name="别人"))
    referral_drafts.edit_draft(people.ctx, actor, draft.id, draft.revision, form)
    with people.county.store.read() as unit:
        patient = unit.persons.get(draft.person_id)
    assert patient is not None
    assert patient.name == "赵某"


def test_a_draft_is_begun_once_by_who_may(people: Referring) -> None:
    ctx, county = people.ctx, people.county
    township = county.caller("township").actor
    referral_id = str(uuid.uuid4())

    first = referral_drafts.draft_from(ctx, township, referral_id, Prefill())

    assert referral_drafts.draft_from(ctx, township, referral_id, Prefill()) == first
    with pytest.raises(Conflict):
        referral_drafts.draft_from(ctx, county.caller("village").actor, referral_id, Prefill())
    with pytest.raises(InputRejected, match=r"referral\.id"):
        referral_drafts.draft_from(ctx, township, "x", Prefill())
    for login in ("operator", "receiving", "specialist", "manager"):
        with pytest.raises(NotPermitted):
            actor = county.caller(login).actor
            referral_drafts.draft_from(ctx, actor, str(uuid.uuid4()), Prefill())
    with pytest.raises(NotPermitted):
        village = county.caller("village").actor
        down = Direction.DOWN
        referral_drafts.draft_from(ctx, village, str(uuid.uuid4()), Prefill(), direction=down)


class Answer:
    def __init__(self, topic: str, urgency: str) -> None:
        self.topic = topic
        self.urgency = urgency


def test_an_advice_card_opens_the_form_with_reason_urgency_facts_and_visit(
    people: Referring,
) -> None:
    visited = visiting.visit(people.county)
    answers = [
        Answer("hypertension.emergency", "emergency"),
        Answer("hypertension.emergency", "emergency"),
        Answer("no.such_topic", "unheard of"),
    ]
    visit = (Attachment(AttachmentKind.VISIT, visited.id),)

    prefill = referral_drafts.prefill_from(
        answers, person_id=visited.person_id, facts="血压 186/112 mmHg", attachments=visit
    )
    draft = referral_drafts.draft_from(
        people.ctx, people.county.caller("village").actor, str(uuid.uuid4()), prefill
    )

    assert draft.person_id == visited.person_id
    assert draft.attachments == visit
    assert draft.content.reasons == ("hypertension.acute",)
    assert draft.content.urgency is ReferralUrgency.EMERGENCY
    assert draft.content.department == "emergency"
    assert draft.content.present_history == "血压 186/112 mmHg"
    with pytest.raises(InputRejected, match=r"referral\.unknown_code"):
        referral_drafts.draft_from(
            people.ctx,
            people.county.caller("village").actor,
            str(uuid.uuid4()),
            Prefill(reasons=("none.such",)),
        )


def test_a_site_without_one_above_or_with_closed_ones_asks_whom_it_can(people: Referring) -> None:
    county = people.county
    add_site(county.ctx, None, Site("low", "低村", SiteKind.VILLAGE, "west"))
    add_site(county.ctx, None, Site("mid", "中镇", SiteKind.TOWNSHIP, "county"))
    system = county.caller("system").actor
    add_site(county.ctx, None, Site("shut", "闭村", SiteKind.VILLAGE, "mid"))
    for site_id in ("shut", "mid"):
        site_changes.set_site_active(county.ctx, system, site_id, is_active=False)
    with county.store.read() as unit:
        assert [site.id for site in referral_drafts.targets(unit, "shut")] == ["county"]
        above = [site.id for site in referral_drafts.targets(unit, "low")]
        below = [site.id for site in referral_drafts.homes(unit, "county")]
    assert above == ["west", "county"]
    assert below == ["east", "west", "hill", "low"]

    top = replace(county.caller("township").actor, site_id="county")
    with pytest.raises(InputRejected, match=r"referral\.nobody_above"):
        referral_drafts.draft_from(county.ctx, top, str(uuid.uuid4()), Prefill())


def test_a_follow_up_is_due_until_somebody_says_what_came_of_it(people: Referring) -> None:
    people.sent("village")
    ctx, county = people.ctx, people.county
    village, township = county.caller("village").actor, county.caller("township").actor
    (one,) = due_follow_ups(ctx, village)
    follow_up = one.follow_up.id
    assert one.patient.name == "钱某"

    tried = complete_follow_up(ctx, village, follow_up, FollowUpOutcome.NOT_REACHED, "关机")
    assert (tried.attempts, tried.is_due) == (1, True)
    done = complete_follow_up(ctx, village, follow_up, FollowUpOutcome.PHONED, "已出院")

    assert (done.is_due, done.note) == (False, "已出院")
    assert due_follow_ups(ctx, township) == []
    assert complete_follow_up(ctx, village, follow_up, FollowUpOutcome.PHONED) == done
    with pytest.raises(Conflict, match=r"follow_up\.done"):
        complete_follow_up(ctx, village, follow_up, FollowUpOutcome.SEEN)
    with pytest.raises(NotPermitted, match=r"follow_up\.not_yours"):
        reopen_follow_up(ctx, township, follow_up)
    assert reopen_follow_up(ctx, village, follow_up).is_due
    with pytest.raises(Conflict, match=r"follow_up\.open"):
        reopen_follow_up(ctx, village, follow_up)


def test_follow_ups_are_those_of_ones_own_sites(people: Referring) -> None:
    people.sent("village")
    ctx, county = people.ctx, people.county
    township = county.caller("township").actor
    (one,) = due_follow_ups(ctx, township)

    assert due_follow_ups(ctx, township, "east") == []
    assert len(due_follow_ups(ctx, township, "hill")) == 1
    for login in ("stranger", "operator"):
        with pytest.raises(NotFound, match=r"follow_up\.not_found"):
            actor = county.caller(login).actor
            complete_follow_up(ctx, actor, one.follow_up.id, FollowUpOutcome.SEEN)
    with pytest.raises(NotFound, match=r"follow_up\.not_found"):
        complete_follow_up(ctx, township, "nothing", FollowUpOutcome.SEEN)
    with pytest.raises(NotPermitted):
        manager = county.caller("manager").actor
        complete_follow_up(ctx, manager, one.follow_up.id, FollowUpOutcome.SEEN)
    with pytest.raises(NotPermitted):
        due_follow_ups(ctx, county.caller("operator").actor)


def test_a_county_doctor_sees_due_follow_ups_of_referrals_to_the_county_alone(
    people: Referring,
) -> None:
    county = people.county
    within = people.sent("village", target="east")
    asked = people.sent("village")
    logins = ("receiving", "village", "township", "manager")

    seen = {
        login: {one.referral.id for one in due_follow_ups(people.ctx, county.caller(login).actor)}
        for login in logins
    }

    assert seen["receiving"] == {asked}
    assert seen["village"] == seen["township"] == seen["manager"] == {within, asked}


def test_a_void_follow_up_is_not_done(people: Referring) -> None:
    referral_id = people.sent()
    people.do(referral_id, A.CANCEL, "township", code="error")
    with people.county.store.read() as unit:
        (row,) = unit.referrals.follow_ups(FollowUpQuery(referral_id=referral_id))

    with pytest.raises(Conflict, match=r"follow_up\.void"):
        actor = people.county.caller("township").actor
        complete_follow_up(people.ctx, actor, row.id, FollowUpOutcome.SEEN)
