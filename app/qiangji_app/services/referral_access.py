"""Who may see a referral and act on it: by role, and by the side their site stands on."""

from __future__ import annotations

from typing import Final

from qiangji_app.domain.referral import Direction, Referral
from qiangji_app.domain.referral_workflow import (
    RECEIVING,
    SENDING,
    ReferralAction,
    ReferralState,
    Side,
    is_referral_action_possible,
    referral_after,
)
from qiangji_app.domain.roles import Actor, Role
from qiangji_app.ports import Unit
from qiangji_datasets.errors import NotFound, NotPermitted, WrongState

#: Doctors who take part in referrals.
DOCTORS: Final = frozenset({*SENDING, *RECEIVING})
#: Who may look at referrals at all.
READERS: Final = DOCTORS | {Role.COUNTY_MANAGER}


def sides_of(actor: Actor, referral: Referral) -> frozenset[Side]:
    """For whom the actor stands; empty for who has nothing to do with it."""
    found = set()
    sends = actor.has(*SENDING)
    if actor.site_id == referral.from_site_id or (sends and actor.sees_site(referral.from_site_id)):
        found.add(Side.SENDER)
    if actor.site_id == referral.target_site_id and referral.state is not ReferralState.DRAFT:
        found.add(Side.TARGET)
    if sends and actor.sees_site(referral.home_site_id):
        found.add(Side.HOME)
    return frozenset(found)


def may_view_referral(actor: Actor, referral: Referral) -> bool:
    """True for doctors of a side, of a site that was asked before, and for the county's manager."""
    if referral.state is ReferralState.DRAFT:
        return actor.has(*DOCTORS) and Side.SENDER in sides_of(actor, referral)
    if actor.has(Role.COUNTY_MANAGER) and actor.sees_site(referral.home_site_id):
        return True
    if not actor.has(*DOCTORS):
        return False
    return bool(sides_of(actor, referral)) or actor.site_id in referral.past_targets


def was_sent_here(actor: Actor, referral: Referral) -> bool:
    """True for a patient whom another site sent up to the actor's; nobody refers to themselves."""
    sent = referral.last(ReferralAction.SEND)
    return (
        referral.direction is Direction.UP
        and referral.target_site_id == actor.site_id
        and sent is not None
        and actor.site_id not in {referral.from_site_id, sent.site_id}
    )


def visible_referral(unit: Unit, actor: Actor, referral_id: str) -> Referral:
    """The referral, if the actor may open it.

    Raises
    ------
    NotFound
        No such referral, or not the actor's to see; the two look the same from outside.
    """
    found = unit.referrals.get(referral_id)
    if found is None or not may_view_referral(actor, found):
        raise NotFound("referral.not_found")
    return found


def require_act(actor: Actor, referral: Referral, action: ReferralAction) -> ReferralState:
    """The state that follows; nothing is stored yet.

    Raises
    ------
    WrongState
        Nobody may do this in the present state.
    NotPermitted
        The actor's role or site forbids it.
    """
    after = referral_after(referral.state, action, sides_of(actor, referral), actor.roles)
    if after is not None and _fits_direction(referral, action):
        return after
    is_possible = is_referral_action_possible(referral.state, action)
    if not is_possible or not _fits_direction(referral, action):
        raise WrongState("referral.wrong_state", state=referral.state.value, action=action.value)
    raise NotPermitted("referral.not_permitted", action=action.value)


def allows_act(actor: Actor, referral: Referral, action: ReferralAction) -> bool:
    """True when ``require_act`` would pass: what a page offers."""
    try:
        require_act(actor, referral, action)
    except (WrongState, NotPermitted):
        return False
    return True


def _fits_direction(referral: Referral, action: ReferralAction) -> bool:
    """A draft is either sent up or referred down."""
    if referral.state is not ReferralState.DRAFT:
        return True
    forbidden = {Direction.UP: ReferralAction.REFER_DOWN, Direction.DOWN: ReferralAction.SEND}
    return action is not forbidden[referral.direction]
