"""How many patients went up and down, by site and month, and how long an answer took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from qiangji_app.domain.referral import Direction, Referral
from qiangji_app.domain.referral_workflow import ReferralAction, ReferralState
from qiangji_app.domain.roles import Actor, Site
from qiangji_app.ports import ReferralQuery
from qiangji_app.services.access import require_role
from qiangji_app.services.ages import zone_at
from qiangji_app.services.context import Context
from qiangji_app.services.referral_access import READERS

#: Months that a table shows, the present one included.
MONTHS: Final = 12


@dataclass
class _Tally:
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    minutes: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class MonthRow:
    """One site in one month (``2026-03``, on the site's calendar).

    Up counts by the day a referral was first sent, at the site that sent it; down by the day it
    was referred down, at the site that took the patient home. ``median_answer_minutes`` is None
    where nothing was answered.
    """

    site: Site
    month: str
    up: int
    emergencies: int
    accepted: int
    declined: int
    arrived: int
    cancelled: int
    unanswered: int
    down: int
    taken_over: int
    median_answer_minutes: float | None


def statistics(ctx: Context, actor: Actor) -> Sequence[MonthRow]:
    """A row for each site and month with any referral, the newest month first.

    Raises
    ------
    NotPermitted
        The actor takes no part in referrals.
    """
    require_role(actor, *READERS)
    now = ctx.clock.now()
    with ctx.store.read() as unit:
        sites = {site.id: site for site in unit.accounts.sites() if actor.sees_site(site.id)}
        found = unit.referrals.find(
            ReferralQuery(from_site_ids=frozenset(sites), since=_since(now))
        )
    first = _since(now)
    tallies: dict[tuple[str, str], _Tally] = defaultdict(_Tally)
    for one in found:
        _tally_up(tallies, one, sites, first)
        _tally_down(tallies, one, sites, first)
    rows = [_row(sites[site_id], month, tally) for (site_id, month), tally in tallies.items()]
    return sorted(rows, key=lambda row: (row.month, row.up + row.down), reverse=True)


def _since(now: datetime) -> datetime:
    """The beginning of the first of the last ``MONTHS`` months."""
    months = now.year * 12 + now.month - MONTHS
    return now.replace(
        year=months // 12, month=months % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )


def _month(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m}"


_Tallies = dict[tuple[str, str], _Tally]


def _tally_up(tallies: _Tallies, one: Referral, sites: dict[str, Site], first: datetime) -> None:
    site = sites.get(one.from_site_id)
    sent = one.requested_at
    if site is None or sent is None or sent < first or one.direction is Direction.DOWN:
        return
    tally = tallies[site.id, _month(sent, zone_at(site))]
    facts = {
        "up": True,
        "emergencies": one.is_emergency,
        "accepted": _did(one, ReferralAction.ACCEPT) or one.arrived_at is not None,
        "declined": one.arrived_at is None and _did(one, ReferralAction.DECLINE),
        "arrived": one.arrived_at is not None,
        "cancelled": one.state is ReferralState.CANCELLED,
        "unanswered": one.answered_at is None and one.state is not ReferralState.CANCELLED,
    }
    for name in (name for name, is_so in facts.items() if is_so):
        tally.counts[name] += 1
    if one.answered_at is not None:
        tally.minutes.append((one.answered_at - sent).total_seconds() / 60)


def _tally_down(tallies: _Tallies, one: Referral, sites: dict[str, Site], first: datetime) -> None:
    site = sites.get(one.home_site_id)
    if site is None or one.down_at is None or one.down_at < first:
        return
    tally = tallies[site.id, _month(one.down_at, zone_at(site))]
    tally.counts["down"] += 1
    tally.counts["taken_over"] += one.state is ReferralState.CLOSED


def _did(one: Referral, action: ReferralAction) -> bool:
    """True when this was the last word on the request, neither taken back nor asked anew."""
    last = one.last(
        ReferralAction.ACCEPT,
        ReferralAction.DECLINE,
        ReferralAction.TAKE_BACK,
        ReferralAction.SEND,
    )
    return last is not None and last.action is action


def _row(site: Site, month: str, tally: _Tally) -> MonthRow:
    names = (
        "up", "emergencies", "accepted", "declined", "arrived", "cancelled", "unanswered", "down",
        "taken_over",
    )  # fmt: skip
    return MonthRow(
        site=site,
        month=month,
        **{name: tally.counts[name] for name in names},
        median_answer_minutes=median(tally.minutes) if tally.minutes else None,
    )
