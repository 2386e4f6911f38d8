"""What the auditor does: check the log, search it; both are written down too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qiangji_app.domain.audit import Verification
from qiangji_app.domain.events import Event
from qiangji_app.domain.roles import Actor, Role
from qiangji_app.ports import EventQuery
from qiangji_app.services.access import require_role
from qiangji_app.services.context import Context
from qiangji_datasets.errors import InputRejected

#: The chains: what people changed, and what patient data they looked at.
CHAINS: Final = ("changes", "reads")


@dataclass(frozen=True)
class EventPage:
    """Part of a chain, the newest first. ``names`` are display names of staff by account id."""

    events: Sequence[Event]
    total: int
    names: dict[str, str]


def check_log(ctx: Context, actor: Actor) -> Verification:
    """Check every event, link, head and signed report.

    Raises
    ------
    NotPermitted
        The actor is no auditor.
    """
    require_role(actor, Role.AUDITOR)
    found = ctx.store.verify()
    with ctx.store.begin() as unit:
        unit.events.append(
            type="audit.verified",
            actor_id=actor.user_id,
            payload={"events": found.events, "problems": len(found.problems)},
        )
        unit.commit()
    return found


def search_log(ctx: Context, actor: Actor, chain: str, query: EventQuery) -> EventPage:
    """One page of a chain; every page is written to the chain of reads.

    Raises
    ------
    NotPermitted
        The actor is no auditor.
    InputRejected
        No such chain.
    """
    require_role(actor, Role.AUDITOR)
    if chain not in CHAINS:
        raise InputRejected("audit.unknown_chain")
    with ctx.store.read() as unit:
        log = unit.events if chain == "changes" else unit.reads
        names = {account.id: account.display_name for account in unit.accounts.all()}
        page = EventPage(log.find(query), log.count(query), names)
    with ctx.store.begin() as unit:
        unit.reads.append(
            type="audit.searched",
            actor_id=actor.user_id,
            payload={"chain": chain, "offset": query.offset},
        )
        unit.commit()
    return page
