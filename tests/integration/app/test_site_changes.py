"""What a system administrator does to institutions."""

from __future__ import annotations

import pytest
from support.county import County
from support.referrals import Referring

from qiangji_app.domain.referral_follow_up import FollowUpOutcome
from qiangji_app.domain.referral_workflow import ReferralAction
from qiangji_app.domain.roles import Actor, Role, Site, SiteKind
from qiangji_app.services import account_changes, accounts, site_changes
from qiangji_app.services.referral_follow_ups import complete_follow_up, due_follow_ups
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted


def system(county: County) -> Actor:
    return county.caller("system").actor


def close(county: County, site_id: str) -> Site:
    return site_changes.set_site_active(county.ctx, system(county), site_id, is_active=False)


def test_a_site_is_renamed_and_gets_a_number(county: County) -> None:
    changed = site_changes.change_site(
        county.ctx,
        system(county),
        "east",
        name=" 东镇中心卫生院 ",
        phone=" 0000-1234 转 8 ",
        time_zone="Asia/Urumqi",
    )

    assert (changed.name, changed.phone) == ("东镇中心卫生院", "0000-1234 转 8")
    assert changed in site_changes.all_sites(county.ctx, county.caller("security").actor)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name": " "}, "site.no_name"),
        ({"phone": "x"}, "site.phone"),
        ({"time_zone": "Mars"}, "site.time_zone"),
    ],
)
def test_unsound_facts_of_a_site_are_refused(
    county: County, wrong: dict[str, str], code: str
) -> None:
    facts = {"name": "n", "phone": "", "time_zone": "Asia/Shanghai"} | wrong

    with pytest.raises(InputRejected, match=code):
        site_changes.change_site(county.ctx, system(county), "east", **facts)


def test_an_unknown_site_is_not_changed(county: County) -> None:
    with pytest.raises(NotFound, match=r"site\.unknown"):
        close(county, "moon")


def test_only_a_system_administrator_changes_sites(county: County) -> None:
    for login in ("security", "auditor", "manager", "operator", "specialist"):
        who = county.caller(login).actor
        with pytest.raises(NotPermitted):
            site_changes.set_site_active(county.ctx, who, "east", is_active=False)
        with pytest.raises(NotPermitted):
            site_changes.change_site(
                county.ctx, who, "east", name="n", phone="", time_zone="Asia/Shanghai"
            )


def test_a_site_closes_only_when_nobody_is_left_with_anything_to_do(county: County) -> None:
    case_id = county.submitted(by="village")
    for code, site_id in (
        (r"site\.is_root", "county"),
        (r"site\.has_sites", "east"),
        (r"site\.has_accounts", "hill"),
    ):
        with pytest.raises(Conflict, match=code):
            close(county, site_id)
    village = county.caller("village").actor.user_id
    account_changes.set_active(county.ctx, system(county), village, is_active=False)
    with pytest.raises(Conflict, match=r"site\.has_cases"):
        close(county, "hill")

    assert county.case(case_id).site_id == "hill"


def test_a_site_does_not_close_while_a_referral_or_its_follow_up_is_open(county: County) -> None:
    people = Referring(county)
    referral_id = people.sent("village")
    village = county.caller("village").actor.user_id
    account_changes.set_active(county.ctx, system(county), village, is_active=False)
    with pytest.raises(Conflict, match=r"site\.has_referrals"):
        close(county, "hill")
    people.do(referral_id, ReferralAction.CANCEL, "township", code="improved")
    with pytest.raises(Conflict, match=r"site\.has_referrals"):
        close(county, "hill")
    township = county.caller("township").actor
    (due,) = due_follow_ups(county.ctx, township, "hill")
    complete_follow_up(county.ctx, township, due.follow_up.id, FollowUpOutcome.PHONED)

    assert not close(county, "hill").is_active


def test_a_closed_site_takes_no_staff_until_it_is_opened_again(county: County) -> None:
    accounts.add_site(county.ctx, system(county), Site("low", "低村", SiteKind.VILLAGE, "west"))
    close(county, "low")

    def hire(login: str) -> None:
        accounts.create_account(
            county.ctx,
            system(county),
            login=login,
            password="a long enough password",
            display_name="新",
            roles=frozenset({Role.VILLAGE_DOCTOR}),
            site_id="low",
        )

    with pytest.raises(InputRejected, match=r"site\.inactive"):
        hire("new")
    site_changes.set_site_active(county.ctx, system(county), "low", is_active=True)
    hire("new")


def test_a_site_is_not_opened_below_a_closed_one(county: County) -> None:
    accounts.add_site(county.ctx, system(county), Site("mid", "中镇", SiteKind.TOWNSHIP, "county"))
    accounts.add_site(county.ctx, system(county), Site("low", "低村", SiteKind.VILLAGE, "mid"))
    close(county, "low")
    close(county, "mid")

    with pytest.raises(Conflict, match=r"site\.parent_inactive"):
        site_changes.set_site_active(county.ctx, system(county), "low", is_active=True)
