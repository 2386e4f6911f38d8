"""Sites as administrators state them."""

from __future__ import annotations

import pytest
from support.county import County

from qiangji_app.domain.roles import SiteKind
from qiangji_app.services import accounts
from qiangji_datasets.errors import InputRejected


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "Asia"])
def test_a_site_must_lie_in_a_known_time_zone(zone: str) -> None:
    with pytest.raises(InputRejected, match=r"site\.time_zone"):
        accounts.new_site(
            id="s", name="南镇", kind=SiteKind.TOWNSHIP, parent_id="county", time_zone=zone
        )


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
