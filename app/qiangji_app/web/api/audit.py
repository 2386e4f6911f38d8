"""The auditor's view of the log: checked as a whole, searched event by event."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from qiangji_app.ports import EventQuery
from qiangji_app.services import auditing
from qiangji_app.web.api.cases import presenter
from qiangji_app.web.api.deps import Ctx, Who
from qiangji_app.web.api.words import Json

router = APIRouter(tags=["audit"])
#: Most problems that one answer lists; all are counted.
_MOST_SHOWN = 100


class LogQuery(BaseModel):
    """Which events of which chain; times with their offset."""

    model_config = ConfigDict(extra="forbid")

    chain: str = "changes"
    type: str = Field(default="", max_length=64, pattern=r"^[a-z_.]*$")
    actor: str = Field(default="", max_length=64)
    case: str = Field(default="", max_length=64)
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    limit: int = Field(default=50, ge=1, le=200)
    offset: int = Field(default=0, ge=0)


@router.post("/audit/verify")
def verify(ctx: Ctx, who: Who) -> Json:
    """Check every event, link, head and signed report; takes a while on a long log."""
    found = auditing.check_log(ctx, who.actor)
    present = presenter(ctx, who)
    shown = found.problems[:_MOST_SHOWN]
    return {
        "at": ctx.clock.now().isoformat(),
        "events": found.events,
        "reports": found.reports,
        "problem_count": len(found.problems),
        "problems": [present.text(row.code, asdict(row)) for row in shown],
    }


@router.get("/audit/events")
def events(ctx: Ctx, who: Who, query: Annotated[LogQuery, Query()]) -> Json:
    """One page of a chain, the newest first; events hold ids and codes, no identity."""
    wanted = EventQuery(
        type=query.type,
        actor_id=query.actor,
        case_id=query.case,
        since=query.since,
        until=query.until,
        limit=query.limit,
        offset=query.offset,
    )
    page = auditing.search_log(ctx, who.actor, query.chain, wanted)
    present = presenter(ctx, who)
    known = {key.removeprefix("event.") for key in ctx.catalogue.entries}
    return {
        "total": page.total,
        "items": [
            {
                "at": row.at.isoformat(),
                "number": row.node_seq,
                "type": row.type,
                "text": present.text(f"event.{row.type}") if row.type in known else row.type,
                "actor_id": row.actor_id,
                "actor": page.names.get(row.actor_id, row.actor_id),
                "case_id": row.case_id,
                "payload": dict(row.payload),
            }
            for row in page.events
        ],
        "actors": page.names,
    }
