"""Follow-ups that a referral leaves behind: made, listed while due, done, or void with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import DownPlan, Referral
from qiangji_app.domain.referral_follow_up import (
    FollowUpKind,
    FollowUpOutcome,
    ReferralFollowUp,
    emergency_due_on,
)
from qiangji_app.domain.referral_workflow import SENDING
from qiangji_app.domain.roles import Actor
from qiangji_app.ports import FollowUpQuery, Unit
from qiangji_app.services.access import require_role
from qiangji_app.services.ages import local_day
from qiangji_app.services.context import Context
from qiangji_app.services.limits import MAX_CALL_TEXT, whole
from qiangji_app.services.referral_access import READERS, may_view_referral
from qiangji_datasets.errors import Conflict, InputRejected, NotFound, NotPermitted

#: A plan reaches this far at most; a later day is mistyped.
MAX_DAYS_AHEAD: Final = 730
#: Most follow-ups of one plan.
MAX_FOLLOW_UPS: Final = 12


@dataclass(frozen=True)
class DueFollowUp:
    """A follow-up as a calendar shows it; ``days_left`` is negative when overdue."""

    follow_up: ReferralFollowUp
    referral: Referral
    patient: Patient
    days_left: int


def due_follow_ups(ctx: Context, actor: Actor, site_id: str = "") -> Sequence[DueFollowUp]:
    """What the actor's sites (or one of them) still have to do, the earliest due first.

    Of a referral that is not the actor's to see nothing is told.

    Raises
    ------
    NotPermitted
        The actor takes no part in referrals.
    """
    require_role(actor, *READERS)
    sites = actor.visible_sites & {site_id} if site_id else actor.visible_sites
    with ctx.store.read() as unit:
        rows = unit.referrals.follow_ups(FollowUpQuery(site_ids=sites, is_due=True))
        found = [(row, unit.referrals.get(row.referral_id)) for row in rows]
        return [
            _due(ctx, unit, row, referral)
            for row, referral in found
            if referral is not None and may_view_referral(actor, referral)
        ]


def complete_follow_up(
    ctx: Context,
    actor: Actor,
    follow_up_id: str,
    outcome: FollowUpOutcome,
    note: str = "",
) -> ReferralFollowUp:
    """Say what came of a follow-up; one at which nobody was reached stays due.

    Saying the same again changes nothing.

    Raises
    ------
    NotFound
        No such follow-up, or not of the actor's sites.
    NotPermitted
        No village or township doctor.
    Conflict
        ``follow_up.done`` with another outcome, or ``follow_up.void``.
    InputRejected
        ``text.too_long``.
    """
    with ctx.store.begin() as unit:
        found = _own(unit, actor, follow_up_id)
        require_role(actor, *SENDING)
        if found.void_reason:
            raise Conflict("follow_up.void")
        if found.done_at is not None:
            if found.outcome is outcome:
                return found
            raise Conflict("follow_up.done")
        changed = _answered(ctx, actor, found, outcome, whole(note, MAX_CALL_TEXT))
        unit.referrals.save_follow_up(changed)
        payload = {
            "follow_up": found.id,
            "referral": found.referral_id,
            "outcome": outcome.value,
        }
        unit.events.append(type="follow_up.answered", actor_id=actor.user_id, payload=payload)
        unit.commit()
    return changed


def reopen_follow_up(ctx: Context, actor: Actor, follow_up_id: str) -> ReferralFollowUp:
    """Take back that a follow-up was done, by who said so; it is due again.

    Raises
    ------
    NotPermitted
        Somebody else said so.
    Conflict
        ``follow_up.open``: nobody did.
    """
    with ctx.store.begin() as unit:
        found = _own(unit, actor, follow_up_id)
        if found.done_at is None:
            raise Conflict("follow_up.open")
        if found.done_by != actor.user_id:
            raise NotPermitted("follow_up.not_yours")
        changed = replace(found, outcome=None, done_at=None, done_by="")
        unit.referrals.save_follow_up(changed)
        unit.events.append(
            type="follow_up.reopened",
            actor_id=actor.user_id,
            payload={"follow_up": found.id, "referral": found.referral_id},
        )
        unit.commit()
    return changed


def add_emergency(ctx: Context, unit: Unit, referral: Referral) -> None:
    """The home site asks within two weeks what became of an emergency, accepted or not."""
    sent_on = local_day(unit, referral.home_site_id, ctx.clock.now())
    _add(ctx, unit, referral, FollowUpKind.EMERGENCY, emergency_due_on(sent_on))


def add_planned(ctx: Context, unit: Unit, referral: Referral, plan: DownPlan) -> None:
    """The days that a down-referral asks for.

    Raises
    ------
    InputRejected
        No day, too many, or one in the past or too far ahead.
    """
    today = local_day(unit, referral.home_site_id, ctx.clock.now())
    if not plan.follow_ups:
        raise InputRejected("referral.follow_up_needed")
    if len(plan.follow_ups) > MAX_FOLLOW_UPS:
        raise InputRejected("referral.too_many_follow_ups", limit=MAX_FOLLOW_UPS)
    for one in plan.follow_ups:
        if not 0 <= (one.on - today).days <= MAX_DAYS_AHEAD:
            raise InputRejected("referral.follow_up_day", day=one.on.isoformat())
        what = whole(one.what, MAX_CALL_TEXT)
        _add(ctx, unit, referral, FollowUpKind.PLAN, one.on, what=what)


def void_follow_ups(
    unit: Unit, referral: Referral, reason: str, kinds: Sequence[FollowUpKind]
) -> None:
    """Nobody has to do these any more, and why; what is done stays done."""
    for row in unit.referrals.follow_ups(FollowUpQuery(referral_id=referral.id, is_due=True)):
        if row.kind in kinds:
            unit.referrals.save_follow_up(replace(row, void_reason=reason))


def _add(
    ctx: Context,
    unit: Unit,
    referral: Referral,
    kind: FollowUpKind,
    due_on: date,
    *,
    what: str = "",
) -> None:
    unit.referrals.add_follow_up(
        ReferralFollowUp(
            id=ctx.ids.new(),
            referral_id=referral.id,
            person_id=referral.person_id,
            site_id=referral.home_site_id,
            kind=kind,
            due_on=due_on,
            what=what,
        )
    )


def _answered(
    ctx: Context, actor: Actor, row: ReferralFollowUp, outcome: FollowUpOutcome, note: str
) -> ReferralFollowUp:
    if outcome is FollowUpOutcome.NOT_REACHED:
        return replace(row, attempts=row.attempts + 1, note=note)
    return replace(row, outcome=outcome, done_at=ctx.clock.now(), done_by=actor.user_id, note=note)


def _own(unit: Unit, actor: Actor, follow_up_id: str) -> ReferralFollowUp:
    found = unit.referrals.follow_up(follow_up_id)
    if found is None or not actor.sees_site(found.site_id) or not actor.has(*READERS):
        raise NotFound("follow_up.not_found")
    return found


def _due(ctx: Context, unit: Unit, row: ReferralFollowUp, referral: Referral) -> DueFollowUp:
    today = local_day(unit, row.site_id, ctx.clock.now())
    patient = unit.persons.get(row.person_id) or Patient(name="")
    return DueFollowUp(row, referral, patient, row.days_left(today))
