"""Referrals that cannot wait: a new emergency for who is asked, a wait that is too long for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qiangji_app.domain.referral import Referral
from qiangji_app.domain.referral_clock import Escalation, Stage, Standing
from qiangji_app.domain.referral_workflow import OPEN, UNANSWERED
from qiangji_app.domain.roles import Actor, Role
from qiangji_app.ports import ReferralQuery
from qiangji_app.services.contacts import Contact, Directory
from qiangji_app.services.context import Context
from qiangji_app.services.referral_access import DOCTORS, sides_of
from qiangji_app.services.referral_follow_ups import due_follow_ups
from qiangji_app.services.referral_listing import (
    ReferralRow,
    is_reader,
    list_referrals,
    may_list,
    other_side,
)


@dataclass(frozen=True)
class ReferralAlert:
    """A referral that this actor must hear of, and whom to telephone about it."""

    row: ReferralRow
    waits: Standing
    contact: Contact

    @property
    def key(self) -> str:
        """Another text for what must be heard anew: another stage or another level."""
        return f"{self.row.referral.id}:{self.waits.stage.value}:{int(self.waits.level)}"


@dataclass(frozen=True)
class Waiting:
    """What waits for this actor. ``my_turn`` counts referrals, ``due`` follow-ups within a week."""

    alerts: Sequence[ReferralAlert]
    my_turn: int
    due: int


#: Days ahead in which a follow-up counts as something to do.
_DUE_WITHIN_DAYS = 7


def waiting(ctx: Context, actor: Actor) -> Waiting:
    """Alerts, and how much there is to do; nothing for who has no part in referrals."""
    if not is_reader(actor):
        return Waiting((), 0, 0)
    rows = {
        row.referral.id: row for box in may_list(actor) for row in list_referrals(ctx, actor, box)
    }
    loud = [(row, row.standing) for row in rows.values() if is_loud(actor, row)]
    with ctx.store.read() as unit:
        directory = Directory(unit, ctx.clock.now())
        alerts = [
            ReferralAlert(row, waits, other_side(directory, actor, row.referral))
            for row, waits in loud
            if waits is not None
        ]
    soon = due_follow_ups(ctx, actor, actor.site_id)
    return Waiting(
        alerts=sorted(alerts, key=_order),
        my_turn=sum(row.is_my_turn for row in rows.values()),
        due=sum(one.days_left <= _DUE_WITHIN_DAYS for one in soon),
    )


def is_loud(actor: Actor, row: ReferralRow) -> bool:
    """True for what interrupts this actor.

    The asked site hears of an emergency at once. Of a wait that is too long hears whose turn it
    is; of a missing answer, and of a patient who has not arrived, the sender too; of one that
    nobody ended the county's manager.
    """
    waits = row.standing
    if waits is None:
        return False
    if actor.has(Role.COUNTY_MANAGER) and waits.level is Escalation.TO_MANAGER:
        return True
    if not actor.has(*DOCTORS) or not sides_of(actor, row.referral):
        return False
    is_asked = row.referral.state in UNANSWERED
    if row.is_my_turn and is_asked and row.referral.is_emergency:
        return True
    is_both_sides = is_asked or waits.stage is Stage.ARRIVAL
    return waits.level >= Escalation.LATE and (row.is_my_turn or is_both_sides)


def open_referrals_of(ctx: Context, person_id: str) -> Sequence[Referral]:
    """Open referrals of a person, for whoever must know that one is under way."""
    with ctx.store.read() as unit:
        return unit.referrals.find(ReferralQuery(person_id=person_id, states=OPEN))


def _order(alert: ReferralAlert) -> tuple[int, int]:
    return alert.row.referral.content.urgency.rank, -int(alert.waits.level)
