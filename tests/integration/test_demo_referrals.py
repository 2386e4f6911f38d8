"""The referrals of the demonstration: each as far as the county table says, made once."""

from __future__ import annotations

from pathlib import Path

from qiangji_app.bootstrap import install
from qiangji_app.config import Settings
from qiangji_app.demo.county import county
from qiangji_app.demo.referrals import seed_referrals
from qiangji_app.demo.seed import seed_accounts
from qiangji_app.ports import FollowUpQuery, ReferralQuery
from qiangji_app.storage.passwords import CHEAP


def test_every_referral_gets_as_far_as_the_county_table_says_and_is_made_once(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path / "store", key_dir=tmp_path / "keys", demo=True)
    made = install(settings, password_cost=CHEAP)
    seed_accounts(made.context)

    for _ in range(2):
        seed_referrals(made.context)

    with made.context.store.read() as unit:
        found = unit.referrals.find(ReferralQuery())
        due = unit.referrals.follow_ups(FollowUpQuery(is_due=True))
    assert sorted(one.state.value for one in found) == sorted(
        row["until"] for row in county()["referrals"]
    )
    assert all(one.is_demo for one in found)
    assert sorted(one.kind.value for one in due) == ["emergency", "emergency", "plan", "plan"]
    assert made.context.store.verify().problems == ()
    made.close()
