"""Sites as administrators state them."""

from __future__ import annotations

import pytest
from support.county import County

from qiangji_app.domain.roles import Site, SiteKind
from qiangji_app.services import accounts
from qiangji_datasets.errors import InputRejected


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Asia"])
def test_a_site_must_lie_in_a_known_time_zone(zone: str) -> None:
    with pytest.raises(InputRejected, match=r"site\.time_zone"):
        accounts.new_site(
            id="s", name="南镇", kind=SiteKind.TOWNSHIP, parent_id="county", time_zone=zone
        )


@pytest.mark.parametrize("phone", ["张三", "0579;110", "1" * 41, "a"])
def test_a_site_has_a_telephone_number_or_none(phone: str) -> None:
    with pytest.raises(InputRejected, match=r"site\.phone"):
        accounts.new_site(
            id="s", name="南镇", kind=SiteKind.TOWNSHIP, parent_id="county", phone=phone
        )


@pytest.mark.parametrize(
    ("site", "code"),
    [
        (Site("n", "n", SiteKind.TOWNSHIP, None), "site.no_parent"),
        (Site("n", "n", SiteKind.TOWNSHIP, "east"), "site.wrong_level"),
        (Site("n", "n", SiteKind.COUNTY, "county"), "site.wrong_level"),
        (Site("n", "n", SiteKind.VILLAGE, "closed"), "site.inactive"),
    ],
)
def test_a_site_lies_below_an_active_one_of_a_higher_level(
    county: County, site: Site, code: str
) -> None:
    system = county.caller("system").actor
    closed = Site("closed", "旧镇", SiteKind.TOWNSHIP, "county", is_active=False)
    accounts.add_site(county.ctx, system, closed)

    with pytest.raises(InputRejected, match=code):
        accounts.add_site(county.ctx, system, site)


def test_a_site_in_another_time_zone_keeps_it(county: County) -> None:
    site = accounts.new_site(
        id="far",
        name="西站",
        kind=SiteKind.TOWNSHIP,
        parent_id="county",
        phone="1",
        time_zone="Asia/Urumqi",
    )

    accounts.add_site(county.ctx, county.caller("system").actor, site)

    with county.store.read() as unit:
        assert site in unit.accounts.sites()
