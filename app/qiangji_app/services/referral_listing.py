"""Which referrals an actor lists and opens, in the order in which they must be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from qiangji_app.domain.case import Case
from qiangji_app.domain.person import Patient
from qiangji_app.domain.referral import Attachment, AttachmentKind, Referral
from qiangji_app.domain.referral_clock import Escalation, Stage, Standing, standing
from qiangji_app.domain.referral_follow_up import ReferralFollowUp
from qiangji_app.domain.referral_workflow import (
    OPEN,
    RECEIVING,
    SENDING,
    UNANSWERED,
    ReferralAction,
    ReferralState,
    Side,
)
from qiangji_app.domain.roles import Actor, Role, Site, SiteKind
from qiangji_app.ports import FollowUpQuery, ReferralQuery, Unit
from qiangji_app.referral_codes import referral_clocks
from qiangji_app.services.access import may_view, require_role
from qiangji_app.services.ages import day_at
from qiangji_app.services.contacts import ONLINE_WITHIN, Contact, Directory
from qiangji_app.services.context import Context
from qiangji_app.services.referral_access import (
    DOCTORS,
    READERS,
    allows_act,
    may_view_referral,
    sides_of,
    visible_referral,
)
from qiangji_app.services.referral_drafts import homes, targets
from qiangji_datasets.errors import InputRejected

_ENDED: Final = frozenset(ReferralState) - OPEN
#: Most ended referrals that one list shows.
MAX_ENDED: Final = 200
#: Who may list what: asked of one's site, opened by one's sites, everything below.
BOXES: Final[Mapping[str, frozenset[Role]]] = {
    "inbox": frozenset(RECEIVING),
    "sent": frozenset({*SENDING, Role.RECEIVING_DOCTOR}),
    "all": frozenset({Role.COUNTY_MANAGER}),
}


@dataclass(frozen=True)
class ReferralRow:
    """A referral in a list; ``standing`` is None once it has ended.

    ``is_ours``: the next step is this site's; ``is_my_turn``: and it is to be done now.
    """

    referral: Referral
    patient: Patient
    age_day: date
    standing: Standing | None
    is_ours: bool
    is_my_turn: bool


@dataclass(frozen=True)
class AttachedCase:
    """An attachment as this actor sees it; ``case`` is None where it is not his to open."""

    attachment: Attachment
    case: Case | None


@dataclass(frozen=True)
class ReferralDetail:
    """A referral with everything a page offers."""

    row: ReferralRow
    attached: Sequence[AttachedCase]
    follow_ups: Sequence[ReferralFollowUp]
    names: Mapping[str, str]
    sites: Mapping[str, Site]
    contact: Contact
    may: frozenset[ReferralAction]
    targets: Sequence[Site]
    homes: Sequence[Site]
    hospitals: Sequence[Site]


def list_referrals(
    ctx: Context, actor: Actor, box: str, *, is_ended: bool = False
) -> Sequence[ReferralRow]:
    """A box, what must be answered first at the top: by urgency, then by age.

    Raises
    ------
    InputRejected
        No such box.
    NotPermitted
        It is not for the actor's roles.
    """
    if box not in BOXES:
        raise InputRejected("list.unknown_view", view=box[:40])
    require_role(actor, *BOXES[box])
    states = _ENDED if is_ended else OPEN
    with ctx.store.read() as unit:
        sites = {site.id: site for site in unit.accounts.sites()}
        query = _query(actor, box, states, MAX_ENDED if is_ended else None)
        now = ctx.clock.now()
        rows = [
            _row(unit, actor, one, sites, now)
            for one in unit.referrals.find(query)
            if may_view_referral(actor, one) and not _is_discarded(one)
        ]
    return rows if is_ended else sorted(rows, key=_order)


def listing_version(ctx: Context, actor: Actor) -> str:
    """Another text whenever a list might say something else: waits grow by the minute."""
    with ctx.store.read() as unit:
        present = sorted(unit.accounts.seen_since(ctx.clock.now() - ONLINE_WITHIN))
        minute = f"{ctx.clock.now():%Y-%m-%dT%H:%M}"
        facts = [actor.user_id, unit.events.version(), minute, *present]
    return hashlib.sha256("\n".join(facts).encode("utf-8")).hexdigest()


def open_referral(ctx: Context, actor: Actor, referral_id: str) -> ReferralDetail:
    """Everything about one referral; opening it is written to the chain of reads."""
    with ctx.store.begin() as unit:
        found = visible_referral(unit, actor, referral_id)
        unit.reads.append(
            type="referral.read", actor_id=actor.user_id, payload={"referral": found.id}
        )
        unit.commit()
    return view_referral(ctx, actor, referral_id)


def view_referral(ctx: Context, actor: Actor, referral_id: str) -> ReferralDetail:
    """The referral after an act of the actor's own; not a read of its own."""
    with ctx.store.read() as unit:
        found = visible_referral(unit, actor, referral_id)
        sites = {site.id: site for site in unit.accounts.sites()}
        now = ctx.clock.now()
        return ReferralDetail(
            row=_row(unit, actor, found, sites, now),
            attached=[_attached(unit, actor, one) for one in found.attachments],
            follow_ups=unit.referrals.follow_ups(FollowUpQuery(referral_id=found.id)),
            names={account.id: account.display_name for account in unit.accounts.all()},
            sites=sites,
            contact=other_side(Directory(unit, now), actor, found),
            may=frozenset(act for act in ReferralAction if allows_act(actor, found, act)),
            targets=targets(unit, found.from_site_id),
            homes=homes(unit, found.target_site_id),
            hospitals=[
                site
                for site in sites.values()
                if site.is_active
                and site.kind is not SiteKind.VILLAGE
                and site.id != found.from_site_id
            ],
        )


def other_side(directory: Directory, actor: Actor, referral: Referral) -> Contact:
    """Whom this actor would telephone: the asked site, or for its own staff the patient's."""
    if actor.site_id != referral.target_site_id:
        return directory.at(referral.target_site_id, frozenset(RECEIVING))
    away = referral.home_site_id if referral.plan is not None else referral.from_site_id
    return directory.at(away, frozenset(SENDING))


def _is_discarded(referral: Referral) -> bool:
    """True for a draft that nobody ever sent and somebody threw away."""
    is_ended = referral.state is ReferralState.CANCELLED
    return is_ended and referral.requested_at is None and referral.down_at is None


def _query(
    actor: Actor, box: str, states: frozenset[ReferralState], limit: int | None
) -> ReferralQuery:
    own = frozenset({actor.site_id})
    if box == "inbox":
        return ReferralQuery(target_site_ids=own, states=states, limit=limit)
    below = actor.visible_sites if actor.has(*SENDING) or box == "all" else own
    return ReferralQuery(from_site_ids=below, states=states, limit=limit)


def _row(
    unit: Unit, actor: Actor, referral: Referral, sites: Mapping[str, Site], now: datetime
) -> ReferralRow:
    waits = standing(referral, referral_clocks(), now)
    home = sites[referral.home_site_id]
    is_ours = waits is not None and waits.turn in _own_sides(actor, referral)
    return ReferralRow(
        referral=referral,
        patient=unit.persons.get(referral.person_id) or Patient(name=""),
        age_day=day_at(home, referral.requested_at or referral.down_at or referral.created_at),
        standing=waits,
        is_ours=is_ours,
        is_my_turn=waits is not None
        and is_ours
        and (waits.stage not in _PATIENT or waits.level >= Escalation.LATE),
    )


#: Stages in which the patient is waited for: nobody has anything to do until it takes too long.
_PATIENT: Final = frozenset({Stage.ARRIVAL, Stage.CARE})


def _own_sides(actor: Actor, referral: Referral) -> frozenset[Side]:
    """Sides for which somebody at this very site acts first."""
    found = sides_of(actor, referral) if actor.has(*DOCTORS) else frozenset[Side]()
    near = {Side.SENDER: referral.from_site_id, Side.HOME: referral.home_site_id}
    return frozenset(side for side in found if near.get(side, actor.site_id) == actor.site_id)


#: In which order open referrals are looked at.
_GROUPS: Final = (
    UNANSWERED | {ReferralState.DECLINED},
    frozenset({ReferralState.REFERRED_DOWN}),
    frozenset({ReferralState.ACCEPTED}),
    frozenset({ReferralState.ARRIVED, ReferralState.IN_CARE}),
    frozenset({ReferralState.DRAFT}),
)


def _order(row: ReferralRow) -> tuple[bool, int, int, datetime]:
    group = next(at for at, states in enumerate(_GROUPS) if row.referral.state in states)
    asked = row.referral.requested_at or row.referral.down_at or row.referral.created_at
    return not row.is_my_turn, group, row.referral.content.urgency.rank, asked


def _attached(unit: Unit, actor: Actor, attachment: Attachment) -> AttachedCase:
    case = unit.cases.get(attachment.id) if attachment.kind is AttachmentKind.CASE else None
    may_open = case is not None and may_view(actor, case)
    return AttachedCase(attachment, case if may_open else None)


def may_list(actor: Actor) -> tuple[str, ...]:
    """Boxes for the actor's roles."""
    return tuple(box for box, roles in BOXES.items() if actor.has(*roles))


def is_reader(actor: Actor) -> bool:
    """True for who has anything to do with referrals."""
    return actor.has(*READERS)
