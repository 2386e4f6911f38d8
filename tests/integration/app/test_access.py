"""Each act tried as each forbidden role and from each forbidden site."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.county import PEOPLE, County, content, small_film

from qiangji_app.domain.case import Verdict
from qiangji_app.domain.roles import Role
from qiangji_app.domain.workflow import Action
from qiangji_app.services import access, capture, followup, imaging, listing, review, uploading
from qiangji_app.services.context import Caller
from qiangji_app.services.results import result_document
from qiangji_datasets.errors import Conflict, NotFound, NotPermitted

Act = Callable[[County, Caller, str], object]

#: Act, state in which somebody may do it, logins that may.
ACTS: dict[str, tuple[Act, str, set[str]]] = {
    "submit": (
        lambda county, who, case: capture.submit(county.ctx, who.actor, case),
        "ready",
        {"operator", "township"},
    ),
    "withdraw": (
        lambda county, who, case: capture.withdraw(county.ctx, who.actor, case, "r"),
        "ready",
        {"operator", "township"},
    ),
    "upload": (
        lambda county, who, case: uploading.start(
            county.ctx,
            who.actor,
            upload_id=county.ctx.ids.new(),
            case_id=case,
            file_name="f",
            size=1,
            sha256="0" * 64,
        ),
        "ready",
        {"operator", "township"},
    ),
    "claim": (
        lambda county, who, case: review.claim(county.ctx, who.actor, case),
        "submitted",
        {"specialist", "specialist2"},
    ),
    "write": (
        lambda county, who, case: review.save_draft(county.ctx, who.actor, case, content()),
        "claimed",
        {"specialist"},
    ),
    "return": (
        lambda county, who, case: review.return_case(county.ctx, who.actor, case, "wrong_view", ""),
        "claimed",
        {"specialist"},
    ),
    "release": (
        lambda county, who, case: review.release(county.ctx, who.actor, case),
        "claimed",
        {"specialist"},
    ),
    "take_over": (
        lambda county, who, case: review.take_over(
            county.ctx, who.actor, case, "r", county.caller("specialist").actor.user_id
        ),
        "claimed",
        {"specialist2"},
    ),
    "amend": (
        lambda county, who, case: review.amend(county.ctx, who.actor, case, "r"),
        "signed",
        {"specialist", "specialist2"},
    ),
    "acknowledge": (
        lambda county, who, case: followup.acknowledge(county.ctx, who.actor, case, 1),
        "signed",
        {"township"},
    ),
    "message": (
        lambda county, who, case: followup.send_message(county.ctx, who.actor, case, "m"),
        "submitted",
        {"operator", "township", "specialist", "specialist2", "ecg_only"},
    ),
    "result": (
        lambda county, who, case: result_document(county.ctx, who.actor, case),
        "signed",
        {"operator", "township", "specialist", "specialist2", "ecg_only", "receiving", "manager"},
    ),
    "open": (
        lambda county, who, case: listing.open_case(county.ctx, who.actor, case),
        "submitted",
        {"operator", "township", "specialist", "specialist2", "ecg_only", "manager"},
    ),
}


def case_in(county: County, state: str) -> str:
    if state == "ready":
        case_id = county.draft()
        county.upload(case_id)
        return case_id
    made: str = getattr(county, state)()
    return made


@pytest.mark.parametrize("name", sorted(ACTS))
def test_an_act_is_refused_to_every_other_role_and_site(county: County, name: str) -> None:
    act, state, allowed = ACTS[name]
    case_id = case_in(county, state)

    for login in sorted(set(PEOPLE) - allowed):
        # The holder cannot take over from himself: a conflict, not a question of permission.
        with pytest.raises((NotPermitted, NotFound, Conflict)):
            act(county, county.caller(login), case_id)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_an_act_is_open_to_those_it_is_meant_for(county: County, name: str) -> None:
    act, state, allowed = ACTS[name]
    county.reader.records[b"film"] = small_film()
    for login in sorted(allowed):
        act(county, county.caller(login), case_in(county, state))


def test_signing_and_calling_are_closed_to_everybody_else(county: County) -> None:
    case_id = county.claimed()
    review.save_draft(county.ctx, county.caller("specialist").actor, case_id, content())

    for login in sorted(set(PEOPLE) - {"specialist"}):
        with pytest.raises((NotPermitted, NotFound)):
            county.sign(county.unlocked(login), case_id)
    for login in sorted(set(PEOPLE) - {"specialist", "specialist2"}):
        with pytest.raises((NotPermitted, NotFound)):
            followup.raise_call(county.ctx, county.unlocked(login), case_id, "stemi", "t")
        with pytest.raises((NotPermitted, NotFound)):
            review.judge(county.ctx, county.caller(login).actor, case_id, "x", verdict=Verdict.OPEN)


def test_hints_are_for_clinical_staff_of_the_own_site_and_specialists(county: County) -> None:
    case = county.case(county.signed())

    seeing = {login for login in PEOPLE if access.may_see_hints(county.caller(login).actor, case)}

    assert seeing == {"operator", "township", "specialist", "specialist2", "ecg_only"}


def test_a_county_doctor_of_the_same_site_sees_hints_of_an_own_case(county: County) -> None:
    village_case = county.draft(by="village")
    county.upload(village_case, by="village")

    # The township above sees the village's case, but the hint is the village's own.
    township = county.caller("township").actor
    assert access.may_view(township, county.case(village_case))
    assert not access.may_see_hints(township, county.case(village_case))


def test_a_map_is_closed_to_those_who_may_not_see_hints(county: County) -> None:
    case_id = county.signed()
    with county.store.read() as unit:
        recording = unit.cases.recordings(case_id)[0]

    for login in ("receiving", "manager"):
        with pytest.raises(NotFound, match="map.not_found"):
            imaging.activation_map(county.ctx, county.caller(login).actor, recording.id, "effusion")


def test_what_a_page_offers_is_what_the_service_allows(county: County) -> None:
    case = county.case(county.submitted())

    assert access.allows(county.caller("specialist").actor, case, Action.CLAIM)
    assert not access.allows(county.caller("ecg_only").actor, case, Action.CLAIM)
    assert not access.allows(county.caller("operator").actor, case, Action.CLAIM)
    assert not access.allows(county.caller("specialist").actor, case, Action.SIGN)


def test_a_role_is_demanded_by_name(county: County) -> None:
    with pytest.raises(NotPermitted) as refused:
        access.require_role(county.caller("operator").actor, Role.AUDITOR)

    assert refused.value.params == {"needed": "auditor"}


def test_a_draft_of_a_result_state_has_no_holder_without_amendment(county: County) -> None:
    case = county.case(county.signed())

    assert not access.is_holder(county.caller("specialist").actor, case, None)
    submitted = county.case(county.submitted())
    assert not access.is_holder(county.caller("specialist").actor, submitted, None)
