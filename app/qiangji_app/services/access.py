"""Who may see and do what; every service asks here, pages only repeat the answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from qiangji_app.domain.account import Account
from qiangji_app.domain.case import Case, Recording
from qiangji_app.domain.modalities import read_modalities
from qiangji_app.domain.report import DraftReport
from qiangji_app.domain.roles import SENDERS, SITE_CLINICAL, Actor, Role, Site, visible_from
from qiangji_app.domain.workflow import Action, State, is_possible, next_state, roles_for
from qiangji_app.ports import Unit
from qiangji_datasets.errors import NotFound, NotPermitted, WrongState

#: Acts that need a licence for the modality of the case.
_LICENSED = frozenset(
    {
        Action.CLAIM,
        Action.TAKE_OVER,
        Action.RETURN,
        Action.WRITE,
        Action.SIGN,
        Action.AMEND,
        Action.CALL,
    }
)
#: Of these, the acts that speak of all recordings: they need a licence for each of them.
SPEAKING = frozenset({Action.SIGN, Action.AMEND, Action.CALL})
#: Acts that belong to the specialist who holds the case.
_HOLDER = frozenset({Action.RELEASE, Action.RETURN, Action.WRITE, Action.SIGN})
_RESULT_STATES = frozenset({State.SIGNED, State.ACKNOWLEDGED, State.CLOSED})


def actor_for(account: Account, sites: tuple[Site, ...]) -> Actor:
    """The account as an actor, with the sites it sees."""
    return Actor(
        user_id=account.id,
        display_name=account.display_name,
        roles=account.roles,
        site_id=account.site_id,
        visible_sites=visible_from(account.site_id, sites),
        licence_number=account.licence_number,
        sign_modalities=account.sign_modalities,
    )


def require_role(actor: Actor, *roles: Role) -> None:
    """Refuse unless the actor holds one of the roles.

    Raises
    ------
    NotPermitted
        None of the roles is held.
    """
    if not actor.has(*roles):
        raise NotPermitted("access.role", needed=", ".join(sorted(roles)))


def may_view(actor: Actor, case: Case) -> bool:
    """True when the actor may open the case at all."""
    if not actor.sees_site(case.site_id):
        return False
    if actor.has(*SENDERS):
        return True
    if case.state is State.DRAFT:
        return False
    if actor.has(Role.SPECIALIST, Role.COUNTY_MANAGER):
        return True
    return actor.has(Role.RECEIVING_DOCTOR) and case.report_version > 0


def may_see_hints(actor: Actor, case: Case) -> bool:
    """True for clinical staff of the case's own site and for specialists: AI hints stay there."""
    if not may_view(actor, case):
        return False
    if actor.has(Role.SPECIALIST):
        return True
    return actor.site_id == case.site_id and actor.has(*SITE_CLINICAL)


def visible_case(unit: Unit, actor: Actor, case_id: str) -> Case:
    """The case, if the actor may open it.

    Raises
    ------
    NotFound
        No such case, or not the actor's to see; the two look the same from outside.
    """
    case = unit.cases.get(case_id)
    if case is None or not may_view(actor, case):
        raise NotFound("case.not_found")
    return case


def is_holder(actor: Actor, case: Case, draft: DraftReport | None) -> bool:
    """True when the actor holds the case, or the amendment that is open on it."""
    if case.state is State.CLAIMED:
        return case.claimed_by == actor.user_id
    if case.state in _RESULT_STATES:
        return draft is not None and draft.author_id == actor.user_id
    return False


def require(actor: Actor, case: Case, action: Action, draft: DraftReport | None = None) -> Case:
    """The case in the state that follows; nothing is stored yet.

    Raises
    ------
    WrongState
        Nobody may do this in the present state.
    NotPermitted
        The actor's role, licence or hold on the case forbids it.
    """
    after = next_state(case.state, action, actor.roles)
    if after is None:
        if actor.roles & roles_for(action) and not is_possible(case.state, action):
            raise WrongState("workflow.wrong_state", state=case.state, action=action)
        raise NotPermitted("workflow.not_permitted", action=action)
    if action in _LICENSED and case.modality not in actor.sign_modalities:
        raise NotPermitted("workflow.no_licence", modality=case.modality)
    if action in _HOLDER and not is_holder(actor, case, draft):
        raise NotPermitted("workflow.not_holder")
    return replace(case, state=after)


def unlicensed(actor: Actor, recordings: Iterable[Recording]) -> tuple[str, ...]:
    """Modalities among the files that were opened for which the actor has no licence."""
    return tuple(sorted(set(read_modalities(recordings)) - actor.sign_modalities))


def require_licence(unit: Unit, actor: Actor, case: Case) -> None:
    """Refuse an act that speaks of all recordings unless the licence covers every one.

    A case holds one modality; one that went up before cases were split may hold more.

    Raises
    ------
    NotPermitted
        ``workflow.no_licence_for_all`` names what the licence does not cover.
    """
    missing = unlicensed(actor, unit.cases.recordings(case.id))
    if missing:
        raise NotPermitted("workflow.no_licence_for_all", modality=",".join(missing))


def allows(actor: Actor, case: Case, action: Action, draft: DraftReport | None = None) -> bool:
    """True when ``require`` would pass: what a page offers."""
    try:
        require(actor, case, action, draft)
    except (WrongState, NotPermitted):
        return False
    return True
