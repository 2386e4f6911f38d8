"""Which referrals people list and hear of, the letter, and what is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.county import County
from support.referrals import PLAN, Referring

from qiangji_app.domain.referral import Attachment, AttachmentKind, ReferralUrgency
from qiangji_app.domain.referral_clock import Escalation
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.ports import EventQuery
from qiangji_app.services import referral_listing
from qiangji_app.services.referral_alerts import is_loud, open_referrals_of, waiting
from qiangji_app.services.referral_letter import referral_letter
from qiangji_app.services.referral_listing import list_referrals, listing_version, open_referral
from qiangji_app.services.referral_statistics import statistics
from qiangji_datasets.errors import InputRejected, NotFound, NotPermitted

A = ReferralAction


@pytest.fixture
def people(county: County) -> Referring:
    return Referring(county)


def listed(people: Referring, login: str, box: str, *, is_ended: bool = False) -> list[str]:
    actor = people.county.caller(login).actor
    return [row.referral.id for row in list_referrals(people.ctx, actor, box, is_ended=is_ended)]


def heard(people: Referring, login: str) -> list[tuple[str, int]]:
    found = waiting(people.ctx, people.county.caller(login).actor)
    return [(one.row.referral.id, int(one.waits.level)) for one in found.alerts]


def test_the_inbox_is_ordered_by_turn_urgency_and_age(people: Referring) -> None:
    soon = people.sent(urgency=ReferralUrgency.SOON)
    people.county.clock.step(minutes=1)
    older = people.sent()
    people.county.clock.step(minutes=1)
    newer = people.sent("village")
    people.county.clock.step(minutes=1)
    declined = people.sent()
    people.do(declined, A.DECLINE, code="no_bed", text="请转他院")
    accepted = people.sent()
    people.do(accepted, A.ACCEPT)
    people.begun()

    assert listed(people, "receiving", "inbox") == [older, newer, soon, declined, accepted]
    assert listed(people, "village", "sent") == [newer]
    assert listed(people, "township", "sent")[0] == declined
    assert listed(people, "township", "inbox") == []
    assert listed(people, "manager", "all") == [older, newer, declined, soon, accepted]
    assert listed(people, "receiving", "sent") == []


def test_ended_referrals_are_listed_apart_and_thrown_away_drafts_nowhere(
    people: Referring,
) -> None:
    ended = people.sent()
    people.do(ended, A.CANCEL, "township", code="improved")
    thrown = people.begun()
    people.do(thrown.id, A.CANCEL, "township", code="error")

    assert listed(people, "township", "sent") == []
    assert listed(people, "township", "sent", is_ended=True) == [ended]


def test_a_box_is_for_some_roles_only(people: Referring) -> None:
    for login, box in (("village", "inbox"), ("manager", "sent"), ("receiving", "all")):
        with pytest.raises(NotPermitted):
            listed(people, login, box)
    with pytest.raises(InputRejected, match=r"list\.unknown_view"):
        listed(people, "township", "everything")
    stranger = people.county.caller("operator").actor
    assert referral_listing.may_list(stranger) == ()
    assert waiting(people.ctx, stranger).alerts == ()


def test_a_new_emergency_is_heard_where_it_is_asked_and_late_ones_on_both_sides(
    people: Referring,
) -> None:
    referral_id = people.sent("village")

    assert heard(people, "receiving") == [(referral_id, 0)]
    assert heard(people, "village") == []
    people.county.clock.step(minutes=5)
    assert heard(people, "village") == [(referral_id, 1)]
    assert heard(people, "township") == [(referral_id, 1)]
    assert heard(people, "stranger") == []
    assert heard(people, "manager") == []
    people.county.clock.step(minutes=25)
    assert heard(people, "manager") == [(referral_id, 3)]
    assert heard(people, "receiving") == [(referral_id, 3)]


def test_what_is_answered_is_quiet_until_the_next_step_takes_too_long(people: Referring) -> None:
    referral_id = people.sent()
    first = waiting(people.ctx, people.county.caller("receiving").actor)
    people.do(referral_id, A.ACCEPT)

    assert heard(people, "receiving") == []
    people.county.clock.step(minutes=60)
    again = waiting(people.ctx, people.county.caller("receiving").actor)
    assert [int(one.waits.level) for one in again.alerts] == [Escalation.LATE]
    assert again.alerts[0].key != first.alerts[0].key


def test_the_sender_hears_that_an_accepted_patient_has_not_arrived(people: Referring) -> None:
    referral_id = people.sent("village")
    people.do(referral_id, A.ACCEPT)
    people.county.clock.step(minutes=59)
    assert heard(people, "village") == []

    people.county.clock.step(minutes=1)

    assert heard(people, "village") == [(referral_id, Escalation.LATE)]
    assert heard(people, "township") == [(referral_id, Escalation.LATE)]
    assert heard(people, "stranger") == []
    people.do(referral_id, A.ARRIVE)
    assert heard(people, "village") == []


def test_an_ended_referral_is_quiet(people: Referring) -> None:
    referral_id = people.sent()
    people.do(referral_id, A.CANCEL, "township", code="improved")
    manager = people.county.caller("manager").actor

    (row,) = list_referrals(people.ctx, manager, "all", is_ended=True)

    assert row.standing is None
    assert not is_loud(manager, row)


def test_what_there_is_to_do_is_counted_for_whose_turn_it_is(people: Referring) -> None:
    def counts(login: str) -> tuple[int, int]:
        found = waiting(people.ctx, people.county.caller(login).actor)
        return found.my_turn, found.due

    referral_id = people.sent()
    assert (counts("receiving"), counts("township")) == ((1, 0), (0, 0))
    people.do(referral_id, A.DECLINE, code="no_bed", text="请转他院")
    assert (counts("receiving"), counts("township")) == ((0, 0), (1, 0))
    people.county.clock.step(days=8)
    assert counts("township") == (1, 1)


def test_a_list_changes_its_version_with_every_act_and_every_minute(people: Referring) -> None:
    actor = people.county.caller("township").actor
    before = listing_version(people.ctx, actor)
    people.begun()
    after = listing_version(people.ctx, actor)
    people.county.clock.step(minutes=1)

    assert len({before, after, listing_version(people.ctx, actor)}) == 3


def test_opening_a_referral_is_read_and_shows_what_each_side_may_do(people: Referring) -> None:
    case_id = people.county.signed()
    draft = people.begun(attachments=(Attachment(AttachmentKind.CASE, case_id),))

    mine = open_referral(people.ctx, people.county.caller("township").actor, draft.id)

    assert {A.EDIT, A.SEND, A.CANCEL} == mine.may
    assert [one.case is not None for one in mine.attached] == [True]
    assert mine.contact.site.id == "county"
    with people.county.store.read() as unit:
        assert unit.reads.find(EventQuery(type="referral"))[0].type == "referral.read"


def test_the_other_side_of_a_patient_who_came_home_is_the_home_site(people: Referring) -> None:
    referral_id = people.referred_down()

    theirs = open_referral(people.ctx, people.county.caller("receiving").actor, referral_id)
    ours = open_referral(people.ctx, people.county.caller("township").actor, referral_id)

    assert (theirs.contact.site.id, ours.contact.site.id) == ("east", "county")
    assert theirs.contact.online == ("Township",)
    assert ours.row.is_my_turn
    assert [site.id for site in ours.hospitals] == ["county", "west"]


def test_an_attached_case_that_is_not_ones_own_is_named_but_not_opened(people: Referring) -> None:
    case_id = people.county.submitted()
    draft = people.begun(attachments=(Attachment(AttachmentKind.CASE, case_id),))
    with people.county.store.begin() as unit:
        stored = unit.referrals.get(draft.id)
        assert stored is not None
        sent = {"state": ReferralState.REQUESTED, "requested_at": stored.created_at}
        unit.referrals.save(replace(stored, **sent))
        unit.commit()

    theirs = open_referral(people.ctx, people.county.caller("receiving").actor, draft.id)

    assert theirs.attached[0].case is None


def test_open_referrals_of_a_person_are_found_until_they_end(people: Referring) -> None:
    referral_id = people.sent()
    person = people.stored(referral_id).person_id
    assert [one.id for one in open_referrals_of(people.ctx, person)] == [referral_id]

    people.do(referral_id, A.CANCEL, "township", code="improved")

    assert open_referrals_of(people.ctx, person) == []


def test_letters_name_both_sides_and_come_only_after_the_act(people: Referring) -> None:
    township = people.county.caller("township").actor
    draft = people.filled()
    for is_down in (False, True):
        with pytest.raises(NotFound, match=r"referral\.no_letter"):
            referral_letter(people.ctx, township, draft.id, is_down=is_down)
    referral_id = people.referred_down()

    up = referral_letter(people.ctx, township, referral_id, is_down=False)
    down = referral_letter(people.ctx, township, referral_id, is_down=True)

    assert (up.from_site.id, up.to_site.id, up.doctor, up.plan) == (
        "east",
        "county",
        "Township",
        None,
    )
    assert up.receiving_doctor == "Receiving"
    assert (down.from_site.id, down.to_site.id, down.plan) == ("county", "east", PLAN)
    assert (down.doctor, down.receiving_doctor) == ("Receiving", "Township")
    people.do(referral_id, A.TAKE_BACK, code="changed")
    with pytest.raises(NotFound, match=r"referral\.no_letter"):
        referral_letter(people.ctx, township, referral_id, is_down=True)


def test_a_letter_before_any_answer_names_no_receiving_doctor(people: Referring) -> None:
    referral_id = people.sent()

    letter = referral_letter(
        people.ctx, people.county.caller("township").actor, referral_id, is_down=False
    )

    assert letter.receiving_doctor == ""


def test_patients_are_counted_up_and_down_by_site_and_month(people: Referring) -> None:
    taken = people.referred_down()
    people.do(taken, A.CLOSE, "township", code="taken_over")
    people.county.clock.step(minutes=30)
    declined = people.sent(urgency=ReferralUrgency.SOON)
    people.county.clock.step(minutes=10)
    people.do(declined, A.DECLINE, code="no_bed")
    cancelled = people.sent("village")
    people.do(cancelled, A.CANCEL, "village", code="improved")
    people.county.clock.step(days=40)
    people.sent("village")
    people.begun()

    rows = {
        (row.site.id, row.month): row
        for row in statistics(people.ctx, people.county.caller("manager").actor)
    }

    east = rows["east", "2026-03"]
    assert (east.up, east.emergencies, east.accepted, east.declined) == (2, 1, 1, 1)
    assert (east.arrived, east.down, east.taken_over, east.unanswered) == (1, 1, 1, 0)
    assert east.median_answer_minutes == 5
    assert (rows["hill", "2026-03"].cancelled, rows["hill", "2026-03"].unanswered) == (1, 0)
    april = rows["hill", "2026-04"]
    assert (april.up, april.unanswered, april.median_answer_minutes) == (1, 1, None)
    assert next(iter(rows)) == ("hill", "2026-04")


def test_figures_are_those_of_the_sites_one_sees_and_of_the_last_year(people: Referring) -> None:
    people.referred_down()
    stranger = statistics(people.ctx, people.county.caller("stranger").actor)
    village = statistics(people.ctx, people.county.caller("village").actor)
    people.county.clock.step(days=400)
    late = people.sent()

    found = statistics(people.ctx, people.county.caller("township").actor)

    assert (list(stranger), list(village)) == ([], [])
    assert [(row.site.id, row.month, row.up, row.down) for row in found] == [
        ("east", "2027-04", 1, 0)
    ]
    assert people.stored(late).state is ReferralState.REQUESTED
    with pytest.raises(NotPermitted):
        statistics(people.ctx, people.county.caller("operator").actor)
